//! What goes when a device goes.

use ruma::OwnedDeviceId;

use super::{E2ee, device_keys, device_lists, one_time_keys};
use crate::{
    ids::UserNid,
    storage::{Result, Snapshot, tables},
    users::Addition,
};

impl E2ee {
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
                if had_keys {
                    device_lists::put_change(batch, user, previous, pos);
                }
            })),
            changes,
        })
    }
}
