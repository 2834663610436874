//! A room as it was when the user left it.

use std::sync::Arc;

use ruma::{JsOption, OwnedMxcUri, api::client::sync::sync_events::v5::response::Room};
use serde::Deserialize;

use super::Build;
use crate::{
    error::ApiResult,
    ids::{EventNid, RoomNid},
    rooms::{
        event::RoomEvent,
        rows::{Membership, UserRoomRow},
        state::tree::{self, StateRoot},
    },
};

/// The state of a room that is shown to a user.
#[derive(Clone, Copy)]
pub(super) enum Shown {
    /// As it is now.
    Now,
    /// As it was when they left.
    Then(StateRoot),
    /// Only their own membership: they have never been in the room.
    Own(EventNid),
}

impl Build<'_> {
    /// Which state of a room a user may see.
    pub(super) fn shown(&self, row: &UserRoomRow) -> ApiResult<Shown> {
        if row.membership == Membership::Join {
            return Ok(Shown::Now);
        }
        if row.left == EventNid(0) {
            return Ok(Shown::Own(row.event));
        }
        let left = self.rooms.known_event(self.snapshot, row.left)?;
        Ok(Shown::Then(left.row.state_after))
    }

    /// A state event that is shown.
    pub(super) fn state_shown(
        &self,
        room: RoomNid,
        shown: Shown,
        kind: &str,
        key: &str,
    ) -> ApiResult<Option<Arc<RoomEvent>>> {
        Ok(match shown {
            Shown::Now => self.rooms.state_event(self.snapshot, room, kind, key)?,
            Shown::Then(root) => self.rooms.state_event_at(self.snapshot, root, kind, key)?,
            Shown::Own(event) => {
                let is_own = kind == "m.room.member" && key == self.ask.user_id;
                match is_own {
                    true => Some(self.rooms.known_event(self.snapshot, event)?),
                    false => None,
                }
            }
        })
    }

    /// All state events that are shown, of one type or (for `*`) of every type.
    pub(super) fn all_state_shown(
        &self,
        room: RoomNid,
        shown: Shown,
        kind: &str,
    ) -> ApiResult<Vec<Arc<RoomEvent>>> {
        let mut events = Vec::new();
        match shown {
            Shown::Now => {
                for (_, _, nid) in self.rooms.current_state(self.snapshot, room, kind)? {
                    events.push(self.rooms.known_event(self.snapshot, nid)?);
                }
            }
            Shown::Then(root) => {
                for entry in tree::entries(&self.rooms.nodes(self.snapshot), root)? {
                    let event = self.rooms.known_event(self.snapshot, entry.1)?;
                    if kind == "*" || event.pdu.event_type().to_string() == kind {
                        events.push(event);
                    }
                }
            }
            Shown::Own(event) => {
                if matches!(kind, "*" | "m.room.member") {
                    events.push(self.rooms.known_event(self.snapshot, event)?);
                }
            }
        }
        Ok(events)
    }

    /// Name and picture as they were.
    pub(super) fn describe_past(
        &self,
        answer: &mut Room,
        room: RoomNid,
        shown: Shown,
    ) -> ApiResult {
        #[derive(Default, Deserialize)]
        struct Content {
            name: Option<String>,
            url: Option<String>,
        }
        let content = |kind: &str| -> ApiResult<Content> {
            let event = self.state_shown(room, shown, kind, "")?;
            let content = event.and_then(|event| event.pdu.content_as().ok());
            Ok(content.unwrap_or_default())
        };
        answer.name = content("m.room.name")?.name.filter(|name| !name.is_empty());
        if let Some(url) = content("m.room.avatar")?.url {
            answer.avatar = JsOption::Some(OwnedMxcUri::from(url));
        }
        Ok(())
    }
}
