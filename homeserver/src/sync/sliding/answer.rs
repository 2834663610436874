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
    pub lists: BTreeMap<String, List>,
    /// What is new in rooms. Some clients walk through rooms, lists and extensions without looking whether there are any.
    pub rooms: BTreeMap<OwnedRoomId, RoomAnswer>,
    /// What was asked for beside rooms.
    pub extensions: Extensions,
}

/// What is new in a room.
#[derive(Serialize)]
pub struct RoomAnswer {
    /// What Ruma's type has.
    #[serde(flatten)]
    pub room: Room,
    /// That the room has no name any more: null, as nothing stands for no change.
    #[serde(rename = "name", skip_serializing_if = "Option::is_none")]
    pub unnamed: Option<()>,
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
