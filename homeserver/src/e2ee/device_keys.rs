//! Identity keys of devices: uploading one's own, querying those of others.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#device-keys)

use std::collections::BTreeMap;

use ruma::{
    CanonicalJsonObject, CanonicalJsonValue, DeviceId, OwnedDeviceId, OwnedUserId, UserId,
    encryption::{CrossSigningKey, DeviceKeys},
    serde::Raw,
};

use super::{
    E2ee, announcing,
    one_time_keys::{self, NewKeys},
    signed::SignedObject,
    store::CrossSigningUsage,
};
use crate::{
    ApiError, ApiResult,
    ids::UserNid,
    storage::{self, Batch, Change, Commit, Snapshot, tables},
    users::Session,
};

/// What is known of one user, as far as the one who asks may see it.
#[derive(Clone, Debug, Default)]
pub struct KeysOfUser {
    /// Keys of the devices.
    pub devices: BTreeMap<OwnedDeviceId, Raw<DeviceKeys>>,
    /// The key that stands for the user.
    pub master: Option<Raw<CrossSigningKey>>,
    /// The key that signs the user's devices.
    pub self_signing: Option<Raw<CrossSigningKey>>,
    /// The key that signs other users; only its owner sees it.
    pub user_signing: Option<Raw<CrossSigningKey>>,
}

/// Who asks for keys.
#[derive(Clone, Debug)]
pub struct Viewed<'a> {
    /// The number of the one who asks.
    pub by: UserNid,
    /// The user asked about.
    pub user_id: &'a UserId,
    /// The devices asked about; all when empty.
    pub devices: &'a [OwnedDeviceId],
}

impl E2ee {
    /// Stores keys of the session's device, and counts the one-time keys it has afterwards.
    /// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3keysupload)
    pub async fn upload_keys(
        &self,
        session: &Session,
        device_keys: Option<Raw<DeviceKeys>>,
        new_keys: NewKeys,
    ) -> ApiResult<BTreeMap<String, u32>> {
        let device_keys = match device_keys {
            Some(raw) => Some(check_device_keys(
                &session.user_id,
                &session.device_id,
                &raw,
            )?),
            None => None,
        };
        let _turn = self.inner.users.lock(session.user).await;
        let (user, device_id) = (session.user, session.device_id.clone());
        let (commit, counts) = self
            .read(move |this, snapshot| {
                this.prepare_upload(snapshot, user, &device_id, device_keys, new_keys)
            })
            .await?;
        if let Some(commit) = commit {
            self.storage().commit(commit).await?;
        }
        Ok(counts)
    }

    fn prepare_upload(
        &self,
        snapshot: &Snapshot<'_>,
        user: UserNid,
        device_id: &DeviceId,
        device_keys: Option<SignedObject>,
        new_keys: NewKeys,
    ) -> ApiResult<(Option<Commit>, BTreeMap<String, u32>)> {
        let device_keys = match device_keys {
            Some(keys) => self.changed_keys(snapshot, user, device_id, keys)?,
            None => None,
        };
        let prepared = one_time_keys::prepare(snapshot, user, device_id, new_keys)?;
        let counts = prepared.claimable.one_time.clone();
        if device_keys.is_none() && prepared.is_empty() {
            return Ok((None, counts));
        }
        // The device itself learns of its new counts through sync.
        let changes = match &device_keys {
            Some(_) => self.audience(snapshot, user)?,
            None => vec![Change::User(user)],
        };
        let previous = tables::DEVICE_LIST_LATEST.get(snapshot, user)?;
        let device_id = device_id.to_owned();
        let commit = Commit::new(move |batch, pos| {
            if let Some(keys) = device_keys {
                tables::DEVICE_KEYS.put(batch, (user, &device_id), &keys);
                super::device_lists::put_change(batch, user, previous, pos);
            }
            prepared.put(batch, user, &device_id, pos);
        });
        Ok((Some(announcing(commit, changes)), counts))
    }

    /// The keys to store, if they are not what is stored already.
    fn changed_keys(
        &self,
        snapshot: &Snapshot<'_>,
        user: UserNid,
        device_id: &DeviceId,
        keys: SignedObject,
    ) -> ApiResult<Option<String>> {
        // A device that was removed a moment ago must not leave keys behind.
        if !tables::DEVICE.contains(snapshot, (user, device_id))? {
            return Err(ApiError::not_found("This device no longer exists."));
        }
        let json = keys.to_json()?;
        let stored = tables::DEVICE_KEYS.get(snapshot, (user, device_id))?;
        Ok((stored.as_ref() != Some(&json)).then_some(json))
    }

    /// What the one who asks may see of a local user's keys; nothing for a user this server does not have.
    /// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3keysquery)
    pub fn keys_of(
        &self,
        snapshot: &Snapshot<'_>,
        viewed: &Viewed<'_>,
    ) -> storage::Result<Option<KeysOfUser>> {
        let Some(user) = self.storage().interner().find_user(viewed.user_id)? else {
            return Ok(None);
        };
        if !tables::ACCOUNT.contains(snapshot, user)? {
            return Ok(None);
        }
        let view = View {
            this: self,
            snapshot,
            user,
            viewed,
        };
        let mut keys = KeysOfUser {
            devices: view.devices()?,
            master: view.cross_signing_key(CrossSigningUsage::Master)?,
            self_signing: view.cross_signing_key(CrossSigningUsage::SelfSigning)?,
            user_signing: None,
        };
        if viewed.by == user {
            keys.user_signing = view.cross_signing_key(CrossSigningUsage::UserSigning)?;
        }
        Ok(Some(keys))
    }

    /// Answers a whole query about users of this server.
    pub async fn query_keys(
        &self,
        session: &Session,
        query: BTreeMap<OwnedUserId, Vec<OwnedDeviceId>>,
    ) -> ApiResult<BTreeMap<OwnedUserId, KeysOfUser>> {
        let by = session.user;
        self.read(move |this, snapshot| {
            let mut answer = BTreeMap::new();
            for (user_id, devices) in query {
                let viewed = Viewed {
                    by,
                    user_id: &user_id,
                    devices: &devices,
                };
                if let Some(keys) = this.keys_of(snapshot, &viewed)? {
                    answer.insert(user_id, keys);
                }
            }
            Ok(answer)
        })
        .await
    }
}

/// The keys must be those of the user's device, or others would encrypt to somebody else.
pub(super) fn check_device_keys(
    user_id: &UserId,
    device_id: &DeviceId,
    raw: &Raw<DeviceKeys>,
) -> ApiResult<SignedObject> {
    let keys = raw.deserialize().map_err(|error| {
        ApiError::bad_json("device_keys is not an object of device keys.").because(error)
    })?;
    if keys.user_id != user_id {
        return Err(ApiError::invalid_param(
            "device_keys.user_id is not the user signed in.",
        ));
    }
    if keys.device_id != device_id {
        return Err(ApiError::invalid_param(
            "device_keys.device_id is not the device that the keys are for.",
        ));
    }
    Ok(SignedObject::parse(raw.json().get(), "device_keys")?.without_unsigned())
}

/// One user's keys as one other user sees them.
struct View<'a> {
    this: &'a E2ee,
    snapshot: &'a Snapshot<'a>,
    user: UserNid,
    viewed: &'a Viewed<'a>,
}

impl View<'_> {
    fn devices(&self) -> storage::Result<BTreeMap<OwnedDeviceId, Raw<DeviceKeys>>> {
        let mut found = Vec::new();
        if self.viewed.devices.is_empty() {
            for row in tables::DEVICE_KEYS.scan(self.snapshot, (self.user,))? {
                let ((_, device_id), keys) = row?;
                found.push((device_id, keys));
            }
        } else {
            for device_id in self.viewed.devices {
                let keys = tables::DEVICE_KEYS.get(self.snapshot, (self.user, device_id))?;
                found.extend(keys.map(|keys| (device_id.clone(), keys)));
            }
        }
        let mut devices = BTreeMap::new();
        for (device_id, keys) in found {
            let mut object = SignedObject::stored(&keys)?;
            self.add_signatures(&mut object, device_id.as_str())?;
            object.set_unsigned(self.unsigned(&device_id)?);
            devices.insert(device_id, object.to_raw()?);
        }
        Ok(devices)
    }

    fn unsigned(&self, device_id: &DeviceId) -> storage::Result<CanonicalJsonObject> {
        let device = tables::DEVICE.get(self.snapshot, (self.user, device_id))?;
        let name = device.and_then(|device| device.display_name);
        let field = |name| {
            (
                "device_display_name".to_owned(),
                CanonicalJsonValue::String(name),
            )
        };
        Ok(name.map(field).into_iter().collect())
    }

    fn cross_signing_key(
        &self,
        usage: CrossSigningUsage,
    ) -> storage::Result<Option<Raw<CrossSigningKey>>> {
        let Some(key) = tables::CROSS_SIGNING_KEY.get(self.snapshot, (self.user, usage as u8))?
        else {
            return Ok(None);
        };
        let mut object = SignedObject::stored(&key)?;
        if let Some(public_key) = object.only_ed25519_key().map(str::to_owned) {
            self.add_signatures(&mut object, &public_key)?;
        }
        object.to_raw().map(Some)
    }

    /// Adds signatures that came after the key itself. Whom a user has verified is nobody else's business, so others'
    /// signatures are seen by those who made them only.
    fn add_signatures(&self, object: &mut SignedObject, target: &str) -> storage::Result<()> {
        for row in tables::KEY_SIGNATURE.scan(self.snapshot, (self.user, target))? {
            let ((_, _, signer, key_id), signature) = row?;
            if signer == self.user || signer == self.viewed.by {
                let signer = self.this.storage().interner().user_id(signer)?;
                object.add_signature(&signer, key_id, signature);
            }
        }
        Ok(())
    }
}

/// Removes the keys of a device and every signature on them.
pub(super) fn delete(batch: &mut Batch<'_>, user: UserNid, device_id: &DeviceId) {
    tables::DEVICE_KEYS.delete(batch, (user, device_id));
    tables::KEY_SIGNATURE.delete_prefix(batch, (user, device_id.as_str()));
}
