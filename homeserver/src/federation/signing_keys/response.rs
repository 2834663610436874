//! Answers about keys, believed only if they are signed.

use std::collections::BTreeMap;

use ruma::{
    CanonicalJsonObject, MilliSecondsSinceUnixEpoch, ServerName, UInt,
    api::federation::discovery::ServerSigningKeys,
    serde::Raw,
    signatures::{to_canonical_json_string_for_signing, verify_canonical_json_bytes},
};

use super::rows::ServerKeyRow;

/// Keys that are believed of one server at most.
const MAX_KEYS: usize = 200;
/// Bytes of the id of a key.
const MAX_KEY_ID_LENGTH: usize = 255;
/// Bytes of an Ed25519 public key.
const KEY_LENGTH: usize = 32;
/// How long a key is believed to be valid, whatever its server says: a week.
/// [spec](https://spec.matrix.org/v1.19/server-server-api/#publishing-keys)
const LONGEST_VALIDITY: u64 = 7 * 24 * 3600 * 1000;

/// An answer that its server has signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ServerKeys {
    /// The keys by their ids.
    pub(super) keys: BTreeMap<String, ServerKeyRow>,
    /// Up to when the answer is valid.
    pub(super) valid_until: MilliSecondsSinceUnixEpoch,
    /// The answer as it came.
    pub(super) json: String,
}

/// Why an answer is not believed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unbelievable {
    #[error("it is malformed: {0}")]
    Malformed(String),
    #[error("it is about another server")]
    OfAnother,
    #[error("it has more than {MAX_KEYS} keys")]
    TooManyKeys,
    #[error("it is not signed with a key that it lists")]
    NotSigned,
    #[error("it has a wrong signature")]
    WronglySigned,
}

impl ServerKeys {
    /// Reads an answer about the keys of `server`.
    pub(super) fn check(
        server: &ServerName,
        raw: &Raw<ServerSigningKeys>,
        now: MilliSecondsSinceUnixEpoch,
    ) -> Result<Self, Unbelievable> {
        let malformed = |error: serde_json::Error| Unbelievable::Malformed(error.to_string());
        let object: CanonicalJsonObject =
            serde_json::from_str(raw.json().get()).map_err(malformed)?;
        let parsed = raw.deserialize().map_err(malformed)?;
        if parsed.server_name != server {
            return Err(Unbelievable::OfAnother);
        }
        if parsed.verify_keys.len() + parsed.old_verify_keys.len() > MAX_KEYS {
            return Err(Unbelievable::TooManyKeys);
        }
        check_signatures(server, &object, &parsed)?;

        let latest = u64::from(now.get()).saturating_add(LONGEST_VALIDITY);
        let latest = MilliSecondsSinceUnixEpoch(UInt::new(latest).unwrap_or(UInt::MAX));
        let valid_until = parsed.valid_until_ts.min(latest);
        let mut keys = BTreeMap::new();
        let mut add = |id: String, key: &ruma::serde::Base64, valid_until, is_old| {
            if is_believable(&id, key.as_bytes()) {
                let key = key.encode();
                keys.insert(
                    id,
                    ServerKeyRow {
                        key,
                        valid_until,
                        is_old,
                    },
                );
            }
        };
        for (id, old) in &parsed.old_verify_keys {
            add(id.to_string(), &old.key, old.expired_ts, true);
        }
        // A key that is in use is not old, whatever else the server says about it.
        for (id, key) in &parsed.verify_keys {
            add(id.to_string(), &key.key, valid_until, false);
        }
        Ok(Self {
            keys,
            valid_until,
            json: raw.json().get().to_owned(),
        })
    }
}

fn is_believable(id: &str, key: &[u8]) -> bool {
    id.len() <= MAX_KEY_ID_LENGTH && id.starts_with("ed25519:") && key.len() == KEY_LENGTH
}

/// At least one signature by a key that is listed as in use, and no wrong one by any of them.
fn check_signatures(
    server: &ServerName,
    object: &CanonicalJsonObject,
    parsed: &ServerSigningKeys,
) -> Result<(), Unbelievable> {
    let mut signed = false;
    for (id, key) in &parsed.verify_keys {
        match is_signed_by(object, server, id.as_str(), key.key.as_bytes()) {
            Some(true) => signed = true,
            Some(false) => return Err(Unbelievable::WronglySigned),
            None => {}
        }
    }
    if signed {
        Ok(())
    } else {
        Err(Unbelievable::NotSigned)
    }
}

/// Whether a server's signature on an object is right; none if there is no such signature.
pub(super) fn is_signed_by(
    object: &CanonicalJsonObject,
    server: &ServerName,
    key_id: &str,
    public_key: &[u8],
) -> Option<bool> {
    let signatures = object
        .get("signatures")?
        .as_object()?
        .get(server.as_str())?
        .as_object()?;
    let signature = signatures.get(key_id)?.as_str()?;
    let verify = || {
        let signature: ruma::serde::Base64 = ruma::serde::Base64::parse(signature).ok()?;
        let signed = to_canonical_json_string_for_signing(object).ok()?;
        let algorithm = ruma::SigningKeyAlgorithm::Ed25519;
        verify_canonical_json_bytes(
            &algorithm,
            public_key,
            signature.as_bytes(),
            signed.as_bytes(),
        )
        .ok()
    };
    Some(verify().is_some())
}

#[cfg(test)]
mod tests;
