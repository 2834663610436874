//! What servers tell each other about devices: messages for them, and that they changed.
//! [spec](https://spec.matrix.org/v1.19/server-server-api/#send-to-device-messaging)

use std::collections::BTreeMap;

use ruma::{
    CanonicalJsonValue, OwnedServerName, OwnedUserId, UserId,
    api::federation::transactions::edu::{DirectDeviceContent, Edu},
};

use super::{E2ee, Recipients, announcing, check_contents, device_lists, to_device::check_type};
use crate::{
    ApiError, ApiResult,
    storage::{Commit, tables},
};

/// Bytes of the id that a server gives a message.
const LONGEST_MESSAGE_ID: usize = 255;

impl E2ee {
    /// The messages for devices of other servers' users, as their servers are sent them.
    pub(super) fn for_servers(
        &self,
        sender: &UserId,
        event_type: &str,
        recipients: &Recipients,
    ) -> ApiResult<Vec<(OwnedServerName, String)>> {
        let mut by_server: BTreeMap<OwnedServerName, DirectDeviceContent> = BTreeMap::new();
        for (user, devices) in recipients.iter().filter(|(user, _)| !self.is_local(user)) {
            let server = user.server_name().to_owned();
            let edu = by_server.entry(server).or_insert_with(|| {
                // Not the transaction id, which is a device's own: the receiver must not take two for one.
                let message_id = format!("{:032x}", rand::random::<u128>());
                DirectDeviceContent::new(sender.to_owned(), event_type.into(), message_id.into())
            });
            edu.messages.insert(user.clone(), devices.clone());
        }
        let json = |(server, edu)| {
            let json =
                serde_json::to_string(&Edu::DirectToDevice(edu)).map_err(ApiError::internal)?;
            if !is_canonical(&json) {
                return Err(ApiError::bad_json(
                    "Messages to devices of other servers cannot have numbers with fractions, or beyond 2^53.",
                ));
            }
            Ok((server, json))
        };
        by_server.into_iter().map(json).collect()
    }

    /// Queues messages that another server sent for devices of this one. A repeated message does nothing.
    /// [spec](https://spec.matrix.org/v1.19/server-server-api/#mdirect_to_device)
    pub async fn receive_to_device(
        &self,
        (sender, event_type, message_id): (OwnedUserId, String, String),
        recipients: Recipients,
    ) -> ApiResult<()> {
        if message_id.len() > LONGEST_MESSAGE_ID {
            return Err(ApiError::invalid_param("The message_id is too long."));
        }
        check_type(&event_type)?;
        let user = self.storage().interner().user(&sender)?;
        let transaction = (user, "".into(), event_type.clone(), message_id);
        let _turn = self.inner.users.lock(user).await;
        let commit = self
            .read(move |this, snapshot| {
                let (user, device, kind, id) = &transaction;
                if tables::TO_DEVICE_TXN.contains(snapshot, (*user, device, kind, id))? {
                    return Ok(None);
                }
                let mut local = recipients;
                local.retain(|user, contents| {
                    this.is_local(user) && check_contents(contents).is_ok()
                });
                let queued = this.address(snapshot, &sender, &event_type, &local)?;
                Ok(Some(this.queue_messages(queued, Vec::new(), transaction)))
            })
            .await?;
        if let Some(commit) = commit {
            self.storage().commit(commit).await?;
        }
        Ok(())
    }

    /// Tells those who share a room with a user of another server that the user's devices or keys changed.
    /// [spec](https://spec.matrix.org/v1.19/server-server-api/#mdevice_list_update)
    pub async fn changed_elsewhere(&self, user_id: OwnedUserId) -> ApiResult<()> {
        let Some(user) = self.storage().interner().find_user(&user_id)? else {
            return Ok(());
        };
        let _turn = self.inner.users.lock(user).await;
        let commit = self
            .read(move |this, snapshot| {
                let audience = this.audience(snapshot, user)?;
                if audience.len() < 2 {
                    // Nobody here follows the user's devices.
                    return Ok(None);
                }
                let previous = tables::DEVICE_LIST_LATEST.get(snapshot, user)?;
                let commit = Commit::new(move |batch, pos| {
                    device_lists::put_change(batch, user, previous, pos);
                });
                Ok(Some(announcing(commit, audience)))
            })
            .await?;
        if let Some(commit) = commit {
            self.storage().commit(commit).await?;
        }
        Ok(())
    }
}

/// Whether JSON can be sent to other servers: requests are signed, and only [canonical JSON] can be.
///
/// [canonical JSON]: https://spec.matrix.org/v1.19/appendices/#canonical-json
pub fn is_canonical(json: &str) -> bool {
    serde_json::from_str::<CanonicalJsonValue>(json).is_ok()
}
