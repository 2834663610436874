//! The keys that this server signs with, as it publishes them.

use std::collections::{BTreeMap, BTreeSet};

use ruma::{
    CanonicalJsonObject, MilliSecondsSinceUnixEpoch, OwnedServerName, OwnedServerSigningKeyId,
    ServerName, UInt,
    api::federation::discovery::{OldVerifyKey, ServerSigningKeys, VerifyKey},
    serde::{Base64, Raw},
    signatures::{Ed25519KeyPair, PublicKeySet, sign_json},
};

use super::When;
use crate::{ApiError, ApiResult};

/// How long others may rely on what they were told: a day. Nobody has to ask more often, and a key that was lost is
/// believed in no longer.
const VALIDITY: u64 = 24 * 3600 * 1000;

/// A key that this server no longer signs with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OldKey {
    /// Its id: `ed25519:VERSION`.
    pub id: String,
    /// The public key.
    pub key: Vec<u8>,
    /// When it was used last.
    pub expired: MilliSecondsSinceUnixEpoch,
}

/// The key that signs, and those before it.
pub struct OwnKeys {
    server_name: OwnedServerName,
    pair: Ed25519KeyPair,
    old: Vec<OldKey>,
}

impl OwnKeys {
    /// The keys of this server.
    pub fn new(server_name: OwnedServerName, pair: Ed25519KeyPair, old: Vec<OldKey>) -> Self {
        Self {
            server_name,
            pair,
            old,
        }
    }

    /// Whose keys they are.
    pub fn server_name(&self) -> &ServerName {
        &self.server_name
    }

    /// The pair that signs.
    pub fn pair(&self) -> &Ed25519KeyPair {
        &self.pair
    }

    fn id(&self) -> String {
        format!("ed25519:{}", self.pair.version())
    }

    /// Those of the wanted keys that are this server's own.
    pub(super) fn public_keys(
        &self,
        wanted: &BTreeSet<OwnedServerSigningKeyId>,
        when: When,
    ) -> PublicKeySet {
        let mut keys = PublicKeySet::new();
        for id in wanted {
            if id.as_str() == self.id() {
                keys.insert(id.to_string(), Base64::new(self.pair.public_key().to_vec()));
            } else if let Some(old) = self.old.iter().find(|old| old.id == id.as_str()) {
                let is_valid = match when {
                    When::Now => false,
                    When::At(time) => time <= old.expired,
                    When::Ever => true,
                };
                if is_valid {
                    keys.insert(id.to_string(), Base64::new(old.key.clone()));
                }
            }
        }
        keys
    }

    /// What this server says about its keys.
    /// [spec](https://spec.matrix.org/v1.19/server-server-api/#publishing-keys)
    pub fn publish(&self, now: MilliSecondsSinceUnixEpoch) -> ApiResult<Raw<ServerSigningKeys>> {
        let until = u64::from(now.get()).saturating_add(VALIDITY);
        let until = MilliSecondsSinceUnixEpoch(UInt::new(until).unwrap_or(UInt::MAX));
        let mut keys = ServerSigningKeys::new(self.server_name.clone(), until);
        let id = |text: &str| OwnedServerSigningKeyId::try_from(text).map_err(ApiError::internal);
        let public = Base64::new(self.pair.public_key().to_vec());
        keys.verify_keys = BTreeMap::from([(id(&self.id())?, VerifyKey::new(public))]);
        for old in &self.old {
            let key = OldVerifyKey::new(old.expired, Base64::new(old.key.clone()));
            keys.old_verify_keys.insert(id(&old.id)?, key);
        }
        let keys = serde_json::to_value(&keys).map_err(ApiError::internal)?;
        let mut object: CanonicalJsonObject =
            serde_json::from_value(keys).map_err(ApiError::internal)?;
        self.sign(&mut object)?;
        raw(&object)
    }

    /// Adds this server's signature to an object, beside those that are there.
    pub fn sign(&self, object: &mut CanonicalJsonObject) -> ApiResult {
        sign_json(self.server_name.as_str(), &self.pair, object).map_err(ApiError::internal)
    }
}

/// An object as it is sent.
pub(super) fn raw<T>(object: &CanonicalJsonObject) -> ApiResult<Raw<T>> {
    let json = serde_json::to_string(object).map_err(ApiError::internal)?;
    Raw::from_json_string(json).map_err(ApiError::internal)
}
