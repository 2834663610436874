//! Cross-signing keys: one that stands for the user, one that signs the user's devices, one that signs other users.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#cross-signing)

use std::time::Duration;

use ruma::{encryption::CrossSigningKey, serde::Raw};

use super::{E2ee, announcing, device_lists, signed::SignedObject, store::CrossSigningUsage};
use crate::{
    ApiError, ApiResult,
    ids::UserNid,
    storage::{self, Commit, Snapshot, tables},
    users::Session,
};

/// How long keys can be replaced without the password once an administrator has allowed it.
const UNLOCKED: Duration = Duration::from_secs(10 * 60);

/// Keys a client publishes.
#[derive(Clone, Debug, Default)]
pub struct NewCrossSigningKeys {
    /// The key that stands for the user.
    pub master: Option<Raw<CrossSigningKey>>,
    /// The key that signs the user's devices.
    pub self_signing: Option<Raw<CrossSigningKey>>,
    /// The key that signs other users.
    pub user_signing: Option<Raw<CrossSigningKey>>,
}

/// What became of an upload of cross-signing keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UploadOutcome {
    /// The keys are stored.
    Stored,
    /// The keys would replace others, which takes more than an access token.
    NeedsAuthentication,
}

impl E2ee {
    /// Publishes cross-signing keys. The first ones, and the same ones again, are taken from whoever is signed in;
    /// others only from somebody who has `authenticated` once more.
    /// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3keysdevice_signingupload)
    pub async fn upload_cross_signing_keys(
        &self,
        session: &Session,
        keys: NewCrossSigningKeys,
        authenticated: bool,
    ) -> ApiResult<UploadOutcome> {
        let user = session.user;
        let _turn = self.inner.users.lock(user).await;
        let session = session.clone();
        let prepared = self
            .read(move |this, snapshot| {
                let upload = Upload::check(snapshot, &session, &keys)?;
                if upload.replaces_keys && !authenticated && !this.is_unlocked(snapshot, user)? {
                    return Ok(None);
                }
                this.prepare_cross_signing(snapshot, user, upload).map(Some)
            })
            .await?;
        match prepared {
            None => Ok(UploadOutcome::NeedsAuthentication),
            Some(commit) => {
                if let Some(commit) = commit {
                    self.storage().commit(commit).await?;
                }
                Ok(UploadOutcome::Stored)
            }
        }
    }

    /// Lets a user replace their keys once without their password, for a while. Returns until when, in milliseconds.
    pub async fn allow_replacement(&self, user: UserNid) -> ApiResult<u64> {
        let _turn = self.inner.users.lock(user).await;
        let master = self
            .read(move |_, snapshot| Ok(stored_key(snapshot, user, CrossSigningUsage::Master)?))
            .await?;
        if master.is_none() {
            return Err(ApiError::not_found("The user has no master key."));
        }
        let until = self.now().saturating_add(UNLOCKED.as_millis() as u64);
        let unlock =
            Commit::silent(move |batch| tables::CROSS_SIGNING_UNLOCKED.put(batch, user, &until));
        self.storage().commit(unlock).await?;
        Ok(until)
    }

    fn is_unlocked(&self, snapshot: &Snapshot<'_>, user: UserNid) -> storage::Result<bool> {
        let until = tables::CROSS_SIGNING_UNLOCKED.get(snapshot, user)?;
        Ok(until.is_some_and(|until| self.now() < until))
    }

    fn now(&self) -> u64 {
        self.inner.clock.now().get().into()
    }

    fn prepare_cross_signing(
        &self,
        snapshot: &Snapshot<'_>,
        user: UserNid,
        upload: Upload,
    ) -> ApiResult<Option<Commit>> {
        if upload.changed.is_empty() {
            return Ok(None);
        }
        let mut put = Vec::new();
        for (usage, key) in &upload.changed {
            put.push((*usage, key.to_json()?));
        }
        let previous = tables::DEVICE_LIST_LATEST.get(snapshot, user)?;
        let changes = self.audience(snapshot, user)?;
        // With what somebody signs others is for their own devices to know.
        let is_private = upload.is_user_signing_only();
        let commit = Commit::new(move |batch, pos| {
            if upload.replaces_keys {
                tables::CROSS_SIGNING_UNLOCKED.delete(batch, user);
            }
            for target in upload.replaced {
                tables::KEY_SIGNATURE.delete_prefix(batch, (user, &target));
            }
            for usage in upload.orphaned {
                tables::CROSS_SIGNING_KEY.delete(batch, (user, usage as u8));
            }
            for (usage, key) in put {
                tables::CROSS_SIGNING_KEY.put(batch, (user, usage as u8), &key);
            }
            if is_private {
                tables::USER_SIGNATURE.put(batch, (user, pos, user), &());
            } else {
                device_lists::put_change(batch, user, previous, pos);
            }
        });
        Ok(Some(announcing(commit, changes)))
    }
}

/// An upload that was checked.
struct Upload {
    /// Keys that are not stored yet.
    changed: Vec<(CrossSigningUsage, SignedObject)>,
    /// Public keys that go; signatures on them go too.
    replaced: Vec<String>,
    /// Keys that a master key which goes has signed, and that are not replaced themselves.
    orphaned: Vec<CrossSigningUsage>,
    /// Whether this takes more than an access token.
    replaces_keys: bool,
}

impl Upload {
    fn check(
        snapshot: &Snapshot<'_>,
        session: &Session,
        keys: &NewCrossSigningKeys,
    ) -> ApiResult<Self> {
        let given = [
            (CrossSigningUsage::Master, keys.master.as_ref()),
            (CrossSigningUsage::SelfSigning, keys.self_signing.as_ref()),
            (CrossSigningUsage::UserSigning, keys.user_signing.as_ref()),
        ];
        let mut parsed = Vec::new();
        for (usage, raw) in given {
            if let Some(raw) = raw {
                parsed.push((usage, check_key(session, usage, raw)?));
            }
        }
        for (_, key) in &parsed {
            check_id_is_free(snapshot, session.user, key)?;
        }
        let stored_master = stored_key(snapshot, session.user, CrossSigningUsage::Master)?;
        let new_master = parsed
            .iter()
            .find(|(usage, _)| *usage == CrossSigningUsage::Master);
        let master = new_master.map(|(_, key)| key).or(stored_master.as_ref());
        let Some(master) = master.cloned() else {
            let message =
                "There is no master key: upload one before or together with the other keys.";
            return Err(ApiError::missing_param(message));
        };
        for (usage, key) in &parsed {
            if *usage != CrossSigningUsage::Master {
                check_signed_by_master(session, *usage, key, &master)?;
            }
        }
        let mut upload = Self::compare(snapshot, session.user, parsed)?;
        upload.replaces_keys = stored_master.is_some() && !upload.changed.is_empty();
        Ok(upload)
    }

    fn compare(
        snapshot: &Snapshot<'_>,
        user: UserNid,
        given: Vec<(CrossSigningUsage, SignedObject)>,
    ) -> storage::Result<Self> {
        let mut upload = Self {
            changed: Vec::new(),
            replaced: Vec::new(),
            orphaned: Vec::new(),
            replaces_keys: false,
        };
        let mut stored = Vec::new();
        for usage in CrossSigningUsage::ALL {
            stored.extend(stored_key(snapshot, user, usage)?.map(|key| (usage, key)));
        }
        for (usage, key) in given {
            let before = stored
                .iter()
                .find(|(other, _)| *other == usage)
                .map(|(_, key)| key);
            if before.is_some_and(|before| before.says_the_same_as(&key)) {
                continue;
            }
            upload.replaced.extend(
                before
                    .and_then(SignedObject::only_ed25519_key)
                    .map(str::to_owned),
            );
            upload.changed.push((usage, key));
        }
        if upload.changes(CrossSigningUsage::Master) {
            let usages = stored.iter().map(|(usage, _)| *usage);
            upload.orphaned = usages.filter(|&usage| !upload.changes(usage)).collect();
        }
        Ok(upload)
    }

    fn is_user_signing_only(&self) -> bool {
        let mut changed = self.changed.iter();
        changed.all(|(usage, _)| *usage == CrossSigningUsage::UserSigning)
    }

    fn changes(&self, usage: CrossSigningUsage) -> bool {
        self.changed.iter().any(|(changed, _)| *changed == usage)
    }
}

/// A stored cross-signing key with the signatures it was uploaded with.
pub(super) fn stored_key(
    snapshot: &Snapshot<'_>,
    user: UserNid,
    usage: CrossSigningUsage,
) -> storage::Result<Option<SignedObject>> {
    let key = tables::CROSS_SIGNING_KEY.get(snapshot, (user, usage as u8))?;
    key.map(|key| SignedObject::stored(&key)).transpose()
}

fn check_key(
    session: &Session,
    usage: CrossSigningUsage,
    raw: &Raw<CrossSigningKey>,
) -> ApiResult<SignedObject> {
    let name = usage.as_str();
    let parsed = raw.deserialize().map_err(|error| {
        ApiError::bad_json(format!("The {name} key is not a cross-signing key.")).because(error)
    })?;
    if parsed.user_id != session.user_id {
        let message = format!("The user_id of the {name} key is not the user signed in.");
        return Err(ApiError::invalid_param(message));
    }
    let object = SignedObject::parse(raw.json().get(), "A cross-signing key")?.without_unsigned();
    if !object.has_usage(name) {
        let message = format!("The usage of the {name} key does not contain \"{name}\".");
        return Err(ApiError::invalid_param(message));
    }
    if object.only_ed25519_key().is_none() {
        let message = format!(
            "The {name} key must have one key, an Ed25519 one, with the public key itself as its id."
        );
        return Err(ApiError::invalid_param(message));
    }
    Ok(object)
}

/// Ids of devices and of cross-signing keys lie in one namespace.
fn check_id_is_free(snapshot: &Snapshot<'_>, user: UserNid, key: &SignedObject) -> ApiResult {
    let id = key.only_ed25519_key().unwrap_or_default();
    if tables::DEVICE.contains(snapshot, (user, id))? {
        return Err(ApiError::forbidden(
            "One of your devices has the public key as its id: choose another key.",
        ));
    }
    Ok(())
}

fn check_signed_by_master(
    session: &Session,
    usage: CrossSigningUsage,
    key: &SignedObject,
    master: &SignedObject,
) -> ApiResult {
    let public_key = master.only_ed25519_key().unwrap_or_default();
    let key_id = format!("ed25519:{public_key}");
    let signatures = key.signatures_of(&session.user_id);
    let by_master = signatures.iter().find(|found| found.key_id == key_id);
    if by_master.is_some_and(|found| key.is_signed_by(public_key, &found.signature)) {
        return Ok(());
    }
    let message = format!(
        "The {} key has no valid signature of the master key.",
        usage.as_str()
    );
    Err(ApiError::with_code(
        http::StatusCode::BAD_REQUEST,
        "M_INVALID_SIGNATURE",
        message,
    ))
}
