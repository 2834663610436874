//! Which files the events of a room show.

use ruma::{MxcUri, OwnedMxcUri};
use serde::Deserialize;
use serde_json::Value;

use super::Admin;
use crate::{
    ids::RoomNid,
    rooms::{
        Rooms,
        event::RoomEvent,
        rows::Place,
        timeline::{self, Direction},
    },
    storage::{Result, Snapshot},
};

impl Admin {
    /// The addresses of files in the messages of a room, each once, oldest first. What is encrypted cannot be seen.
    pub fn media_in_room(
        rooms: &Rooms,
        snapshot: &Snapshot<'_>,
        room: RoomNid,
    ) -> Result<Vec<OwnedMxcUri>> {
        let mut found = Vec::new();
        let rows = timeline::rows(snapshot, room, Place::FIRST, Place::END, Direction::Forward)?;
        for row in rows {
            let (_, row) = row?;
            for uri in uris_in(&*rooms.known_event(snapshot, row.event)?) {
                if !found.contains(&uri) {
                    found.push(uri);
                }
            }
        }
        Ok(found)
    }
}

/// The addresses in the places where messages and stickers have them.
fn uris_in(event: &RoomEvent) -> Vec<OwnedMxcUri> {
    #[derive(Deserialize)]
    struct Content {
        #[serde(default)]
        url: Value,
        #[serde(default)]
        file: Value,
        #[serde(default)]
        info: Value,
    }
    if event.pdu.state_key().is_some() {
        return Vec::new();
    }
    let Ok(content) = event.pdu.content_as::<Content>() else {
        return Vec::new();
    };
    [
        &content.url,
        &content.file["url"],
        &content.info["thumbnail_url"],
        &content.info["thumbnail_file"]["url"],
    ]
    .into_iter()
    .filter_map(Value::as_str)
    .filter(|uri| <&MxcUri>::from(*uri).is_valid())
    .map(OwnedMxcUri::from)
    .collect()
}
