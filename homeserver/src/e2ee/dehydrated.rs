//! The device that receives room keys for a user who has no other one signed in.
//! [MSC3814](https://github.com/matrix-org/matrix-spec-proposals/pull/3814)
//!
//! It is a device without access tokens. The messages to it stay until it goes, so that whoever reads them and fails can
//! begin again.

use ruma::{
    DeviceId, OwnedDeviceId, api::client::dehydrated_device::DehydratedDeviceData,
    encryption::DeviceKeys, serde::Raw,
};

use super::{
    E2ee, ToDevicePage, announcing,
    device_keys::check_device_keys,
    one_time_keys::{self, NewKeys},
    store::DehydratedDeviceRow,
};
use crate::{
    ApiError, ApiResult,
    ids::{StreamPos, UserNid},
    storage::{Commit, Snapshot, tables},
    users::{Addition, Session, delete_device, put_device},
};

/// A dehydrated device with its keys.
pub struct NewDehydratedDevice {
    /// Its id.
    pub device_id: OwnedDeviceId,
    /// Its name.
    pub display_name: Option<String>,
    /// Its private keys, encrypted by the client.
    pub data: Raw<DehydratedDeviceData>,
    /// Its identity keys.
    pub device_keys: Raw<DeviceKeys>,
    /// Its one-time and fallback keys.
    pub keys: NewKeys,
}

/// What is written for a dehydrated device.
struct Dehydration {
    replaced: Option<OwnedDeviceId>,
    removal: Addition,
    creation: Addition,
    prepared: one_time_keys::Prepared,
}

impl E2ee {
    /// Stores a user's dehydrated device in place of the one before.
    pub async fn put_dehydrated_device(
        &self,
        session: &Session,
        new: NewDehydratedDevice,
    ) -> ApiResult {
        let device_keys = check_device_keys(&session.user_id, &new.device_id, &new.device_keys)?;
        let device_keys = device_keys.to_json()?;
        let is_object = new
            .data
            .deserialize_as_unchecked::<serde_json::Map<String, serde_json::Value>>();
        is_object
            .map_err(|error| ApiError::bad_json("device_data is an object.").because(error))?;
        let user = session.user;
        let _turn = self.inner.users.lock(user).await;
        let (device_id, keys) = (new.device_id.clone(), new.keys);
        let dehydration = self
            .read(move |this, snapshot| this.prepare_dehydration(snapshot, user, &device_id, keys))
            .await?;
        let row = DehydratedDeviceRow {
            device_id: new.device_id.clone(),
            data: new.data.json().get().to_owned(),
        };
        let (created, display_name) = (self.inner.clock.now(), new.display_name);
        let changes = [dehydration.removal.changes, dehydration.creation.changes].concat();
        let commit = Commit::new(move |batch, pos| {
            if let Some(fill) = dehydration.removal.fill {
                fill(batch, pos);
            }
            if let Some(replaced) = dehydration.replaced {
                delete_device(batch, user, &replaced);
            }
            put_device(batch, user, &row.device_id, display_name, created);
            tables::DEVICE_KEYS.put(batch, (user, &row.device_id), &device_keys);
            dehydration.prepared.put(batch, user, &row.device_id, pos);
            tables::DEHYDRATED_DEVICE.put(batch, user, &row);
            if let Some(fill) = dehydration.creation.fill {
                fill(batch, pos);
            }
        });
        self.storage().commit(announcing(commit, changes)).await?;
        Ok(())
    }

    fn prepare_dehydration(
        &self,
        snapshot: &Snapshot<'_>,
        user: UserNid,
        device_id: &DeviceId,
        keys: NewKeys,
    ) -> ApiResult<Dehydration> {
        let before = tables::DEHYDRATED_DEVICE.get(snapshot, user)?;
        let before = before.map(|row| row.device_id);
        if before.as_deref() != Some(device_id)
            && tables::DEVICE.contains(snapshot, (user, device_id))?
        {
            return Err(ApiError::invalid_param(
                "One of your devices that are signed in has this id.",
            ));
        }
        let replaced = before.filter(|before| before != device_id);
        let removal = match &replaced {
            Some(replaced) => {
                self.devices_deleted(snapshot, user, std::slice::from_ref(replaced))?
            }
            None => Addition::default(),
        };
        Ok(Dehydration {
            replaced,
            removal,
            creation: self.device_created(snapshot, user, device_id)?,
            prepared: one_time_keys::prepare(snapshot, user, device_id, keys)?,
        })
    }

    /// A user's dehydrated device: its id and its data, a JSON object.
    pub async fn dehydrated_device(&self, user: UserNid) -> ApiResult<DehydratedDeviceRow> {
        let row = self
            .read(move |_, snapshot| Ok(tables::DEHYDRATED_DEVICE.get(snapshot, user)?))
            .await?;
        row.ok_or_else(|| ApiError::not_found("You have no dehydrated device."))
    }

    /// Messages to a user's dehydrated device after a position, and whether there are more.
    pub async fn dehydrated_messages(
        &self,
        (user, device_id): (UserNid, OwnedDeviceId),
        since: StreamPos,
        limit: usize,
    ) -> ApiResult<(ToDevicePage, bool)> {
        let upto = self.storage().position();
        self.read(move |this, snapshot| {
            let row = tables::DEHYDRATED_DEVICE.get(snapshot, user)?;
            if row.is_none_or(|row| row.device_id != device_id) {
                return Err(ApiError::forbidden(
                    "This is not the id of your dehydrated device.",
                ));
            }
            let queue = (user, &*device_id);
            let page = this.to_device_since(snapshot, queue, (since, upto), limit)?;
            let are_more = page.upto < upto;
            Ok((page, are_more))
        })
        .await
    }
}
