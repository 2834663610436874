//! The answer with what Ruma's types do not have.

use std::collections::BTreeMap;

use ruma::{
    OwnedRoomId,
    api::client::sync::sync_events::v5::response::{Extensions, List, Room},
};
use serde::Serialize;

/// An answer.
#[derive(Default, Serialize)]
pub struct Response {
    /// What the client sent to recognise its answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub txn_id: Option<String>,
    /// Where the next request continues.
    pub pos: String,
    /// How many rooms the lists have.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub lists: BTreeMap<String, List>,
    /// What is new in rooms.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub rooms: BTreeMap<OwnedRoomId, RoomAnswer>,
    /// What was asked for beside rooms.
    #[serde(skip_serializing_if = "is_silent")]
    pub extensions: Extensions,
}

/// Whether nothing is in them. What Ruma has to ask this with knows of no threads.
fn is_silent(extensions: &Extensions) -> bool {
    extensions.is_empty() && extensions.thread_subscriptions.is_empty()
}

/// What is new in a room.
#[derive(Serialize)]
pub struct RoomAnswer {
    /// What Ruma's type has.
    #[serde(flatten)]
    pub room: Room,
    /// Whether the timeline has events that were told before, because more of it is wanted now.
    #[serde(
        rename = "unstable_expanded_timeline",
        skip_serializing_if = "std::ops::Not::not"
    )]
    pub expanded_timeline: bool,
    /// The user's membership.
    pub membership: &'static str,
    /// The lists the room is in.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lists: Vec<String>,
}
