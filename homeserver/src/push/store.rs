//! The rows of pushers and of what waits for them.

use ruma::{MilliSecondsSinceUnixEpoch, OwnedDeviceId};
use serde::{Deserialize, Serialize};

use crate::{
    ids::{EventNid, RoomNid, UserNid},
    records,
    storage::{Result, Snapshot, tables},
};

/// Which pusher: its user, app id and pushkey.
pub(super) type PusherKey = (UserNid, String, String);

/// The key as tables take it.
pub(super) fn parts((user, app_id, pushkey): &PusherKey) -> (UserNid, &str, &str) {
    (*user, app_id, pushkey)
}

/// An HTTP pusher.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3pushersset)
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PusherRow {
    /// The device that set it, and with which it goes.
    pub device_id: OwnedDeviceId,
    /// The name of the app.
    pub app_display_name: String,
    /// The name of the device.
    pub device_display_name: String,
    /// The language of the user.
    pub lang: String,
    /// Which device-specific rules it executes.
    pub profile_tag: Option<String>,
    /// The address of the gateway.
    pub url: String,
    /// What the client said beside the address: a JSON object.
    pub data: String,
    /// When it was set.
    pub updated: MilliSecondsSinceUnixEpoch,
}

/// An event that has to be pushed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushEventRow {
    /// The room.
    pub room: RoomNid,
    /// The event.
    pub event: EventNid,
    /// What the default rules say: a JSON list of actions.
    pub by_default: String,
    /// What the rules say of users for whom that may be something else.
    pub personal: Vec<(u32, String)>,
    /// When it was sent.
    pub queued: MilliSecondsSinceUnixEpoch,
}

/// An event that waits for a pusher.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueuedPushRow {
    /// The room.
    pub room: RoomNid,
    /// The event.
    pub event: EventNid,
    /// What the user's rules say: a JSON list of actions.
    pub actions: String,
    /// When it began to wait.
    pub queued: MilliSecondsSinceUnixEpoch,
}

/// A gateway that does not answer as it should.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PusherFailureRow {
    /// How often it was tried.
    pub tries: u32,
    /// When it will be tried again.
    pub next: MilliSecondsSinceUnixEpoch,
}

records!(
    PusherRow = 1,
    PushEventRow = 1,
    QueuedPushRow = 1,
    PusherFailureRow = 1
);

/// The pushers of a user.
pub(super) fn pushers_of(
    snapshot: &Snapshot<'_>,
    user: UserNid,
) -> Result<Vec<(PusherKey, PusherRow)>> {
    tables::PUSHER.scan(snapshot, (user,))?.collect()
}
