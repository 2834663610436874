//! What comes, changes and goes with a device.

use ruma::{DeviceId, OwnedDeviceId};

use super::{
    E2ee, cross_signing::stored_key, device_keys, device_lists, one_time_keys,
    signed::SignedObject, store::CrossSigningUsage,
};
use crate::{
    ApiError, ApiResult,
    ids::UserNid,
    storage::{Result, Snapshot, tables},
    users::Addition,
};

impl E2ee {
    /// Tells everybody who might encrypt to a user of a device that is new. Its id must not be one of the user's
    /// cross-signing keys, or a verification could mean either.
    /// [spec](https://spec.matrix.org/v1.19/client-server-api/#cross-signing)
    pub fn device_created(
        &self,
        snapshot: &Snapshot<'_>,
        user: UserNid,
        device: &DeviceId,
    ) -> ApiResult<Addition> {
        for usage in CrossSigningUsage::ALL {
            let key = stored_key(snapshot, user, usage)?;
            let public_key = key.as_ref().and_then(SignedObject::only_ed25519_key);
            if public_key == Some(device.as_str()) {
                let message = "One of your cross-signing keys has this id: choose another one for the device.";
                return Err(ApiError::forbidden(message));
            }
        }
        Ok(self.device_list_changed(snapshot, user)?)
    }

    /// Tells everybody who has the keys of a device, and its name with them, that it has another name.
    pub fn device_renamed(
        &self,
        snapshot: &Snapshot<'_>,
        user: UserNid,
        device: &DeviceId,
    ) -> Result<Addition> {
        if tables::DEVICE_KEYS.contains(snapshot, (user, device))? {
            self.device_list_changed(snapshot, user)
        } else {
            Ok(Addition::default())
        }
    }

    fn device_list_changed(&self, snapshot: &Snapshot<'_>, user: UserNid) -> Result<Addition> {
        let previous = tables::DEVICE_LIST_LATEST.get(snapshot, user)?;
        let changes = self.audience(snapshot, user)?;
        Ok(Addition {
            fill: Some(Box::new(move |batch, pos| {
                device_lists::put_change(batch, user, previous, pos);
            })),
            changes,
        })
    }

    /// Removes keys and queued messages of devices, in the commit that removes the devices, and tells everybody who
    /// might still encrypt to them.
    pub fn devices_deleted(
        &self,
        snapshot: &Snapshot<'_>,
        user: UserNid,
        devices: &[OwnedDeviceId],
    ) -> Result<Addition> {
        let mut had_keys = false;
        for device in devices {
            had_keys |= tables::DEVICE_KEYS.contains(snapshot, (user, device))?;
        }
        let dehydrated = tables::DEHYDRATED_DEVICE.get(snapshot, user)?;
        let had_dehydrated = dehydrated.is_some_and(|row| devices.contains(&row.device_id));
        let previous = tables::DEVICE_LIST_LATEST.get(snapshot, user)?;
        let changes = if had_keys {
            self.audience(snapshot, user)?
        } else {
            Vec::new()
        };
        let devices = devices.to_vec();
        Ok(Addition {
            fill: Some(Box::new(move |batch, pos| {
                for device in &devices {
                    device_keys::delete(batch, user, device);
                    one_time_keys::delete(batch, user, device);
                    tables::TO_DEVICE.delete_prefix(batch, (user, device));
                    tables::TO_DEVICE_TXN.delete_prefix(batch, (user, device));
                }
                if had_dehydrated {
                    tables::DEHYDRATED_DEVICE.delete(batch, user);
                }
                if had_keys {
                    device_lists::put_change(batch, user, previous, pos);
                }
            })),
            changes,
        })
    }
}
