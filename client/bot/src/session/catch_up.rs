//! What the Matrix library took in before the bot could: after a kill between the two, the library will not give it again.
//!
//! So the bot asks the server itself, from its own place. Whatever comes twice is known by its id.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Result;
use matrix_sdk::{
    Client,
    ruma::{
        OwnedRoomId,
        api::client::{filter::FilterDefinition, sync::sync_events},
    },
};
use serde_json::Value;

/// Events of a room, and where the ones before them are.
#[derive(Debug, Default)]
pub(crate) struct Missed {
    pub(crate) events: Vec<Value>,
    /// From where to ask for those that did not fit.
    pub(crate) before: Option<String>,
}

/// The events since the bot's own place.
pub(crate) async fn catch_up(
    client: &Client,
    token: &str,
    filter: &FilterDefinition,
) -> Result<BTreeMap<OwnedRoomId, Missed>> {
    let mut request = sync_events::v3::Request::new();
    request.since = Some(token.to_owned());
    request.filter = Some(sync_events::v3::Filter::FilterDefinition(filter.clone()));
    request.timeout = Some(Duration::ZERO);
    let response = client.send(request).await?;
    let mut rooms = BTreeMap::new();
    for (room, update) in response.rooms.join {
        let events = update
            .timeline
            .events
            .iter()
            .filter_map(|event| serde_json::from_str(event.json().get()).ok())
            .collect();
        let before = update
            .timeline
            .prev_batch
            .filter(|_| update.timeline.limited);
        rooms.insert(room, Missed { events, before });
    }
    Ok(rooms)
}
