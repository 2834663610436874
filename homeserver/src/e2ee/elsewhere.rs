//! What other servers are told of the keys of this one's users.
//! [spec](https://spec.matrix.org/v1.19/server-server-api/#end-to-end-encryption)

use std::collections::BTreeMap;

use ruma::{OwnedDeviceId, OwnedUserId};

use super::{
    E2ee,
    device_keys::{KeysOfUser, Viewed},
};
use crate::{ApiResult, ids::UserNid, storage::tables};

/// Who asks, when it is no user: sees what everybody sees. No user has this number.
const STRANGER: UserNid = UserNid(0);

/// The devices of a user at one moment.
#[derive(Clone, Debug)]
pub struct DeviceList {
    /// Grows with every change.
    pub stream_id: u64,
    /// Their keys.
    pub keys: KeysOfUser,
    /// What they are called.
    pub names: BTreeMap<OwnedDeviceId, String>,
    /// One of the user's devices: one with keys, if there is any.
    pub representative: Option<OwnedDeviceId>,
}

impl E2ee {
    /// The devices of a user of this server; nothing when there is no such user.
    /// [spec](https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1userdevicesuserid)
    pub async fn device_list(&self, user_id: OwnedUserId) -> ApiResult<Option<DeviceList>> {
        if !self.is_local(&user_id) {
            return Ok(None);
        }
        self.read(move |this, snapshot| {
            let viewed = Viewed {
                by: STRANGER,
                user_id: &user_id,
                devices: &[],
            };
            let keys = this.keys_of(snapshot, &viewed)?;
            let (Some(keys), Some(user)) = (keys, this.storage().interner().find_user(&user_id)?)
            else {
                return Ok(None);
            };
            let mut names = BTreeMap::new();
            for device_id in keys.devices.keys() {
                let row = tables::DEVICE.get(snapshot, (user, device_id))?;
                let name = row.and_then(|row| row.display_name);
                names.extend(name.map(|name| (device_id.clone(), name)));
            }
            let latest = tables::DEVICE_LIST_LATEST.get(snapshot, user)?;
            let representative = match keys.devices.keys().next_back() {
                Some(device) => Some(device.clone()),
                None => match tables::DEVICE.scan(snapshot, (user,))?.next() {
                    Some(row) => Some(row?.0.1),
                    None => None,
                },
            };
            Ok(Some(DeviceList {
                stream_id: latest.map_or(0, |latest| latest.0),
                keys,
                names,
                representative,
            }))
        })
        .await
    }

    /// Keys of users of this server as everybody sees them; without those who are not here.
    /// [spec](https://spec.matrix.org/v1.19/server-server-api/#post_matrixfederationv1userkeysquery)
    pub async fn query_keys_for_server(
        &self,
        query: BTreeMap<OwnedUserId, Vec<OwnedDeviceId>>,
    ) -> ApiResult<BTreeMap<OwnedUserId, KeysOfUser>> {
        self.read(move |this, snapshot| {
            let mut answer = BTreeMap::new();
            for (user_id, devices) in query {
                let viewed = Viewed {
                    by: STRANGER,
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
