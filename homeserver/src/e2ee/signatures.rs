//! Signatures on keys that were uploaded before: a user vouches for a device, a device for its user, a user for another.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3keyssignaturesupload)

use std::collections::BTreeMap;

use ruma::{OwnedUserId, UserId, encryption::CrossSigningKey, serde::Raw};

use super::{
    E2ee, announcing,
    cross_signing::stored_key,
    device_lists,
    signed::{FoundSignature, SignedObject},
    store::CrossSigningUsage,
};
use crate::{
    ApiResult,
    ids::UserNid,
    storage::{self, Change, Commit, Snapshot, tables},
    users::Session,
};

/// Signed objects as a client sends them: by owner, by device id or public key.
pub type SignedObjects = BTreeMap<OwnedUserId, BTreeMap<String, String>>;

/// Why objects were refused: by owner, by device id or public key.
pub type SignatureFailures = BTreeMap<OwnedUserId, BTreeMap<String, SignatureFailure>>;

/// Master keys of users of other servers, as those tell them.
pub type MasterKeys = BTreeMap<OwnedUserId, Raw<CrossSigningKey>>;

/// Why an object was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureFailure {
    /// The error code.
    pub code: &'static str,
    /// The sentence for the client's developer.
    pub message: String,
}

impl SignatureFailure {
    /// A failure with a code.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    fn invalid(message: impl Into<String>) -> Self {
        Self::new("M_INVALID_SIGNATURE", message)
    }
}

/// Signatures that were checked.
#[derive(Default)]
struct Accepted {
    rows: Vec<(UserNid, String, FoundSignature)>,
    /// Whether one is on a key of the signer, which everybody sees.
    own: bool,
    /// Other users whose keys were signed.
    others: Vec<UserNid>,
}

impl E2ee {
    /// Stores the valid ones of some signatures of the session's user. `elsewhere` are the master keys of those signed
    /// users who are not of this server.
    pub async fn upload_signatures(
        &self,
        session: &Session,
        objects: SignedObjects,
        elsewhere: MasterKeys,
    ) -> ApiResult<SignatureFailures> {
        let user = session.user;
        let _turn = self.inner.users.lock(user).await;
        let session = session.clone();
        let (commit, failures) = self
            .read(move |this, snapshot| {
                let (accepted, failures) =
                    this.check_signatures(snapshot, &session, &objects, &elsewhere)?;
                Ok((this.prepare_signatures(snapshot, user, accepted)?, failures))
            })
            .await?;
        if let Some(commit) = commit {
            self.storage().commit(commit).await?;
        }
        Ok(failures)
    }

    /// Adds a user's own signatures to the master keys of users of other servers, who are not told of them.
    /// [spec](https://spec.matrix.org/v1.19/client-server-api/#key-and-signature-security)
    pub async fn with_signatures_of(
        &self,
        signer: UserNid,
        mut keys: MasterKeys,
    ) -> ApiResult<MasterKeys> {
        if keys.is_empty() {
            return Ok(keys);
        }
        self.read(move |this, snapshot| {
            for (owner_id, key) in &mut keys {
                if let Some(signed) = this.signed_by(snapshot, signer, (owner_id, key))? {
                    *key = signed;
                }
            }
            Ok(keys)
        })
        .await
    }

    /// A master key with the signatures of somebody who has signed it.
    fn signed_by(
        &self,
        snapshot: &Snapshot<'_>,
        signer: UserNid,
        (owner_id, key): (&UserId, &Raw<CrossSigningKey>),
    ) -> storage::Result<Option<Raw<CrossSigningKey>>> {
        let interner = self.storage().interner();
        let Some(owner) = interner.find_user(owner_id)? else {
            return Ok(None);
        };
        let Ok(mut object) = SignedObject::parse(key.json().get(), "The master key") else {
            return Ok(None);
        };
        let Some(public_key) = object.only_ed25519_key().map(str::to_owned) else {
            return Ok(None);
        };
        let signer_id = interner.user_id(signer)?;
        let mut is_signed = false;
        for row in tables::KEY_SIGNATURE.scan(snapshot, (owner, &public_key, signer))? {
            let ((.., key_id), signature) = row?;
            object.add_signature(&signer_id, key_id, signature);
            is_signed = true;
        }
        is_signed.then(|| object.to_raw()).transpose()
    }

    fn check_signatures(
        &self,
        snapshot: &Snapshot<'_>,
        session: &Session,
        objects: &SignedObjects,
        elsewhere: &MasterKeys,
    ) -> storage::Result<(Accepted, SignatureFailures)> {
        let mut accepted = Accepted::default();
        let mut failures = SignatureFailures::new();
        let interner = self.storage().interner();
        for (owner_id, objects) in objects {
            let elsewhere = elsewhere.get(owner_id);
            let owner = match elsewhere {
                Some(_) => Some(interner.user(owner_id)?),
                None => interner.find_user(owner_id)?,
            };
            for (target, json) in objects {
                let check = Check {
                    snapshot,
                    session,
                    owner,
                    elsewhere,
                    target,
                };
                match check.run(json)? {
                    Ok(found) => {
                        accepted.add(session.user, owner.unwrap_or_default(), target, found);
                    }
                    Err(failure) => {
                        failures
                            .entry(owner_id.clone())
                            .or_default()
                            .insert(target.clone(), failure);
                    }
                }
            }
        }
        Ok((accepted, failures))
    }

    fn prepare_signatures(
        &self,
        snapshot: &Snapshot<'_>,
        signer: UserNid,
        accepted: Accepted,
    ) -> storage::Result<Option<Commit>> {
        if accepted.rows.is_empty() {
            return Ok(None);
        }
        let changes = if accepted.own {
            self.audience(snapshot, signer)?
        } else {
            vec![Change::User(signer)]
        };
        let previous = tables::DEVICE_LIST_LATEST.get(snapshot, signer)?;
        let commit = Commit::new(move |batch, pos| {
            for (owner, target, found) in accepted.rows {
                let key = (owner, &target, signer, &found.key_id);
                tables::KEY_SIGNATURE.put(batch, key, &found.signature);
            }
            for owner in accepted.others {
                tables::USER_SIGNATURE.put(batch, (signer, pos, owner), &());
            }
            if accepted.own {
                device_lists::put_change(batch, signer, previous, pos);
            }
        });
        Ok(Some(announcing(commit, changes)))
    }
}

impl Accepted {
    fn add(&mut self, signer: UserNid, owner: UserNid, target: &str, found: Vec<FoundSignature>) {
        if owner == signer {
            self.own = true;
        } else {
            self.others.push(owner);
        }
        self.rows.extend(
            found
                .into_iter()
                .map(|found| (owner, target.to_owned(), found)),
        );
    }
}

/// One object to be checked.
struct Check<'a> {
    snapshot: &'a Snapshot<'a>,
    session: &'a Session,
    owner: Option<UserNid>,
    /// The owner's master key if they are of another server.
    elsewhere: Option<&'a Raw<CrossSigningKey>>,
    target: &'a str,
}

type Checked = Result<Vec<FoundSignature>, SignatureFailure>;

impl Check<'_> {
    /// The signatures in the object that its kind may get from the signer, or what is wrong with it.
    fn run(&self, json: &str) -> storage::Result<Checked> {
        let Ok(given) = SignedObject::parse(json, "The object") else {
            return Ok(Err(SignatureFailure::new(
                "M_BAD_JSON",
                "This is not a canonical JSON object.",
            )));
        };
        let (stored, signers) = if self.owner != Some(self.session.user) {
            (
                self.master_key()?,
                self.own_key(CrossSigningUsage::UserSigning)?,
            )
        } else if let Some(device) = self.device_keys(self.target)? {
            (Some(device), self.own_key(CrossSigningUsage::SelfSigning)?)
        } else {
            (self.master_key()?, self.own_devices(&given)?)
        };
        let Some(stored) = stored else {
            let message = "There is no such device or master key.";
            return Ok(Err(SignatureFailure::new("M_NOT_FOUND", message)));
        };
        if !stored.says_the_same_as(&given) {
            let message = "The signed object is not the one that its owner has uploaded.";
            return Ok(Err(SignatureFailure::invalid(message)));
        }
        Ok(self.verify(&given, &signers))
    }

    fn verify(&self, given: &SignedObject, signers: &[(String, String)]) -> Checked {
        let mut valid = Vec::new();
        for found in given.signatures_of(&self.session.user_id) {
            let Some((_, public_key)) = signers.iter().find(|(id, _)| *id == found.key_id) else {
                continue;
            };
            if !given.is_signed_by(public_key, &found.signature) {
                let message = format!("The signature of {} is not valid.", found.key_id);
                return Err(SignatureFailure::invalid(message));
            }
            valid.push(found);
        }
        if valid.is_empty() {
            let message = "There is no signature of a key of yours that signs such objects.";
            return Err(SignatureFailure::invalid(message));
        }
        Ok(valid)
    }

    /// The owner's master key, if the target names it.
    fn master_key(&self) -> storage::Result<Option<SignedObject>> {
        let Some(owner) = self.owner else {
            return Ok(None);
        };
        let usage = CrossSigningUsage::Master;
        let key = match self.elsewhere {
            Some(key) => SignedObject::parse(key.json().get(), "The master key")
                .ok()
                .filter(|key| key.has_usage(usage.as_str())),
            None => stored_key(self.snapshot, owner, usage)?,
        };
        Ok(key.filter(|key| key.only_ed25519_key() == Some(self.target)))
    }

    fn device_keys(&self, device_id: &str) -> storage::Result<Option<SignedObject>> {
        let keys = tables::DEVICE_KEYS.get(self.snapshot, (self.session.user, device_id))?;
        keys.map(|keys| SignedObject::stored(&keys)).transpose()
    }

    /// The id and public key of one of the signer's cross-signing keys.
    fn own_key(&self, usage: CrossSigningUsage) -> storage::Result<Vec<(String, String)>> {
        let key = stored_key(self.snapshot, self.session.user, usage)?;
        let public_key = key.as_ref().and_then(SignedObject::only_ed25519_key);
        let named = |key: &str| (format!("ed25519:{key}"), key.to_owned());
        Ok(public_key.map(named).into_iter().collect())
    }

    /// Ids and public keys of the signer's devices that have signed the object.
    fn own_devices(&self, given: &SignedObject) -> storage::Result<Vec<(String, String)>> {
        let mut devices = Vec::new();
        for found in given.signatures_of(&self.session.user_id) {
            let Some(device_id) = found.key_id.strip_prefix("ed25519:") else {
                continue;
            };
            let keys = self.device_keys(device_id)?;
            let public_key = keys
                .as_ref()
                .and_then(|keys| keys.public_key(&found.key_id));
            devices.extend(public_key.map(|key| (found.key_id.clone(), key.to_owned())));
        }
        Ok(devices)
    }
}
