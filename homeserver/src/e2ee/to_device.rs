//! Messages from device to device, queued until the receiver has them.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#send-to-device-messaging)

use std::{collections::BTreeMap, time::Duration};

use ruma::{
    DeviceId, OwnedDeviceId, OwnedServerName, OwnedUserId, TransactionId, UserId,
    events::{AnyToDeviceEvent, AnyToDeviceEventContent, ToDeviceEventType},
    serde::Raw,
    to_device::DeviceIdOrAllDevices,
};
use serde::Serialize;
use serde_json::value::RawValue;

use super::{E2ee, announcing};
use crate::{
    ApiError, ApiResult,
    ids::{StreamPos, UserNid},
    storage::{self, Change, Commit, Snapshot, tables},
    users::Session,
};

/// Messages told in one sync at most.
pub const TO_DEVICE_PAGE: usize = 100;
/// Bytes of messages told in one sync at most, but for a single message that has more.
const PAGE_BYTES: usize = 1024 * 1024;

/// Bytes of the longest content: as many as an event in a room may have.
const LONGEST_CONTENT: usize = 64 * 1024;
/// Bytes of the longest type.
const LONGEST_TYPE: usize = 255;

/// How long a transaction is remembered. Clients retry within minutes.
const TRANSACTION_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// Who gets which content.
pub type Recipients =
    BTreeMap<OwnedUserId, BTreeMap<DeviceIdOrAllDevices, Raw<AnyToDeviceEventContent>>>;

/// Whether contents for somebody's devices are what an event can have. Clients do not expect anything else in a sync, and
/// some then understand none of it; and what anybody may send has to have a size that anybody can receive.
pub fn check_contents(
    contents: &BTreeMap<DeviceIdOrAllDevices, Raw<AnyToDeviceEventContent>>,
) -> ApiResult {
    for content in contents.values().map(|content| content.json().get()) {
        if !content.starts_with('{') {
            return Err(ApiError::bad_json("A message has to be a JSON object."));
        }
        if content.len() > LONGEST_CONTENT {
            return Err(ApiError::too_large(
                "A message to a device may have 64 KiB.",
            ));
        }
    }
    Ok(())
}

/// Refuses types no event has.
pub(super) fn check_type(event_type: &str) -> ApiResult {
    if event_type.len() > LONGEST_TYPE {
        return Err(ApiError::invalid_param(
            "The type of a message may have 255 bytes.",
        ));
    }
    Ok(())
}

/// A message as its receiver sees it.
#[derive(Debug, Serialize)]
pub struct ToDeviceMessage<'a> {
    /// Who sent it.
    pub sender: &'a UserId,
    /// Its type.
    #[serde(rename = "type")]
    pub event_type: &'a str,
    /// Its content.
    pub content: &'a RawValue,
}

/// The next messages of a queue.
#[derive(Clone, Debug)]
pub struct ToDevicePage {
    /// The messages, oldest first.
    pub events: Vec<Raw<AnyToDeviceEvent>>,
    /// The position up to which the queue was told: the one asked for, or that of the last message when there are more.
    pub upto: StreamPos,
}

impl E2ee {
    /// Queues messages for devices, here or for their servers. A repeated transaction does nothing.
    /// [spec](https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3sendtodeviceeventtypetxnid)
    pub async fn send_to_device(
        &self,
        session: &Session,
        event_type: &ToDeviceEventType,
        txn_id: &TransactionId,
        recipients: Recipients,
    ) -> ApiResult {
        let sender = session.user_id.clone();
        let event_type = event_type.to_string();
        check_type(&event_type)?;
        let transaction = (
            session.user,
            session.device_id.clone(),
            event_type.clone(),
            txn_id.to_string(),
        );
        // One sending at a time, so that the transaction is found by its retry.
        let _turn = self.inner.users.lock(session.user).await;
        let commit = self
            .read(move |this, snapshot| {
                let (user, device, kind, txn) = &transaction;
                if tables::TO_DEVICE_TXN.contains(snapshot, (*user, device, kind, txn))? {
                    return Ok(None);
                }
                let queued = this.address(snapshot, &sender, &event_type, &recipients)?;
                let elsewhere = this.for_servers(&sender, &event_type, &recipients)?;
                let commit = this.queue_messages(queued, elsewhere, transaction);
                Ok(Some(commit))
            })
            .await?;
        if let Some(commit) = commit {
            self.storage().commit(commit).await?;
        }
        Ok(())
    }

    /// The messages for each device that exists.
    pub(super) fn address(
        &self,
        snapshot: &Snapshot<'_>,
        sender: &UserId,
        event_type: &str,
        recipients: &Recipients,
    ) -> storage::Result<Vec<(UserNid, OwnedDeviceId, String)>> {
        let mut queued = Vec::new();
        for (user_id, devices) in recipients {
            let Some(user) = self.storage().interner().find_user(user_id)? else {
                continue;
            };
            for device in devices_of(snapshot, user)? {
                let exactly = DeviceIdOrAllDevices::DeviceId(device.clone());
                let content = devices
                    .get(&exactly)
                    .or_else(|| devices.get(&DeviceIdOrAllDevices::AllDevices));
                let Some(content) = content else { continue };
                let message = ToDeviceMessage {
                    sender,
                    event_type,
                    content: content.json(),
                };
                let message = serde_json::to_string(&message)
                    .map_err(|_| storage::Error::Corrupt("a message cannot be written as JSON"))?;
                queued.push((user, device, message));
            }
        }
        Ok(queued)
    }

    pub(super) fn queue_messages(
        &self,
        queued: Vec<(UserNid, OwnedDeviceId, String)>,
        elsewhere: Vec<(OwnedServerName, String)>,
        transaction: (UserNid, OwnedDeviceId, String, String),
    ) -> Commit {
        let mut receivers: Vec<_> = queued.iter().map(|(user, ..)| *user).collect();
        receivers.dedup();
        let now = u64::from(self.inner.clock.now().get());
        let commit = Commit::new(move |batch, pos| {
            for (user, device, message) in queued {
                tables::TO_DEVICE.put(batch, (user, device, pos), &message);
            }
            for (server, edu) in elsewhere {
                tables::OUTBOUND_EDU.put(batch, (&server, pos), &edu);
                tables::OUTBOUND_EDU_AT.put(batch, (pos, &server), &());
            }
            tables::TO_DEVICE_TXN.put(batch, transaction, &now);
        });
        announcing(commit, receivers.into_iter().map(Change::User).collect())
    }

    /// The messages of a device after the first position, up to and including the second; no more than `limit`, of
    /// which [`TO_DEVICE_PAGE`] count, and none that would make the page too long.
    pub fn to_device_since(
        &self,
        snapshot: &Snapshot<'_>,
        (user, device): (UserNid, &DeviceId),
        (since, upto): (StreamPos, StreamPos),
        limit: usize,
    ) -> storage::Result<ToDevicePage> {
        let mut page = ToDevicePage {
            events: Vec::new(),
            upto,
        };
        let (mut last, mut bytes) = (since, 0);
        let queue = tables::TO_DEVICE.range(
            snapshot,
            (user, device, since.plus(1)),
            (user, device, upto.plus(1)),
        )?;
        for row in queue {
            let ((_, _, pos), message) = row?;
            bytes += message.len();
            let is_full = page.events.len() >= limit.clamp(1, TO_DEVICE_PAGE);
            if is_full || (bytes > PAGE_BYTES && !page.events.is_empty()) {
                page.upto = last;
                break;
            }
            let message = Raw::from_json_string(message)
                .map_err(|_| storage::Error::Corrupt("a queued message is not JSON"))?;
            page.events.push(message);
            last = pos;
        }
        Ok(page)
    }

    /// Removes the messages up to and including `upto`, which the device has.
    pub async fn delete_to_device(
        &self,
        user: UserNid,
        device: &DeviceId,
        upto: StreamPos,
    ) -> ApiResult {
        // Every sync asks this and nearly all find nothing: one seek, for which a blocking thread costs more.
        let has_any = {
            let snapshot = self.storage().snapshot();
            let (from, to) = (
                (user, device, StreamPos::ZERO),
                (user, device, upto.plus(1)),
            );
            tables::TO_DEVICE
                .range(&snapshot, from, to)?
                .next()
                .transpose()?
                .is_some()
        };
        if has_any {
            let device = device.to_owned();
            let delete = move |batch: &mut storage::Batch<'_>| {
                let to = (user, &device, upto.plus(1));
                tables::TO_DEVICE.delete_range(batch, (user, &device, StreamPos::ZERO), to);
            };
            // A deletion lost with the power is repeated: the messages are not told again, only stored longer.
            self.storage()
                .commit(Commit::silent(delete).ephemeral())
                .await?;
        }
        Ok(())
    }

    /// Forgets transactions that no client will repeat any more.
    pub async fn forget_old_transactions(&self) -> ApiResult {
        let limit = u64::from(self.inner.clock.now().get())
            .saturating_sub(TRANSACTION_LIFETIME.as_millis() as u64);
        let old = self
            .read(move |_, snapshot| {
                let mut old = Vec::new();
                for row in tables::TO_DEVICE_TXN.scan(snapshot, ())? {
                    let (key, sent) = row?;
                    if sent < limit {
                        old.push(key);
                    }
                }
                Ok(old)
            })
            .await?;
        if !old.is_empty() {
            let delete = move |batch: &mut storage::Batch<'_>| {
                old.into_iter()
                    .for_each(|key| tables::TO_DEVICE_TXN.delete(batch, key));
            };
            self.storage()
                .commit(Commit::silent(delete).ephemeral())
                .await?;
        }
        Ok(())
    }
}

fn devices_of(snapshot: &Snapshot<'_>, user: UserNid) -> storage::Result<Vec<OwnedDeviceId>> {
    let devices = tables::DEVICE.scan(snapshot, (user,))?;
    devices
        .map(|row| row.map(|((_, device), _)| device))
        .collect()
}
