//! Walking through a space.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#spaces)
//!
//! The walk goes into the first child before it looks at the second, and comes to each room once, so that loops end.
//! Between two pages nothing is kept here: the next page walks again and leaves out what was shown, so its token needs
//! no memory and outlives a restart.
//!
//! A walk stops at a room that this server does not know and goes on once it is told what another server knows of it,
//! or that nobody knows it.

use std::collections::HashSet;

use ruma::{OwnedRoomId, OwnedServerName, RoomId, serde::Raw};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{
    Rooms,
    event::RoomEvent,
    preview::RoomPreview,
    refusal,
    rows::{Membership, RoomSummary},
};
use crate::{
    error::{ApiError, ApiResult},
    ids::{RoomNid, UserNid},
    storage::{Result, Snapshot, tables},
};

/// Rooms of one page, unless the client says otherwise.
const DEFAULT_LIMIT: usize = 50;
/// Rooms of one page at most.
const MAX_LIMIT: usize = 100;
/// How far a walk goes down, unless the client says otherwise, and at most.
const MAX_DEPTH: u64 = 50;
/// Rooms that one walk looks at.
const MAX_ROOMS: usize = 5_000;
/// Characters of the longest valid `order`.
const MAX_ORDER: usize = 50;

/// Which part of a space is asked for.
#[derive(Clone, Copy, Debug)]
pub struct HierarchyQuery {
    /// Only children that are suggested.
    pub suggested_only: bool,
    /// How far to go down.
    pub max_depth: Option<u64>,
    /// How many rooms to return.
    pub limit: Option<usize>,
    /// Rooms of the pages before.
    pub skip: usize,
}

/// A room of a space.
#[derive(Clone, Debug, Serialize)]
pub struct HierarchyRoom {
    /// The room in a few words.
    #[serde(flatten)]
    pub room: RoomPreview,
    /// The events by which it names its children.
    pub children_state: Vec<Raw<()>>,
}

/// Part of a space.
#[derive(Clone, Debug)]
pub struct HierarchyPage {
    /// The rooms, each before its children.
    pub rooms: Vec<HierarchyRoom>,
    /// How many rooms the pages up to here have, if there may be more.
    pub next: Option<usize>,
}

/// A room that a walk is about to come to.
#[derive(Clone, Debug)]
pub struct Ahead {
    /// The room.
    pub room_id: OwnedRoomId,
    /// Servers that may know it.
    pub via: Vec<OwnedServerName>,
    depth: u64,
}

/// A walk through a space, for one user.
#[derive(Debug)]
pub struct Walk {
    user: UserNid,
    query: HierarchyQuery,
    limit: usize,
    /// What is ahead, the next one last.
    stack: Vec<Ahead>,
    seen: HashSet<OwnedRoomId>,
    passed: usize,
    found: Vec<HierarchyRoom>,
}

/// What a space says of one child.
struct Child {
    event: std::sync::Arc<RoomEvent>,
    room_id: OwnedRoomId,
    via: Vec<OwnedServerName>,
    order: Option<String>,
    suggested: bool,
}

impl Walk {
    /// A walk that begins at a room.
    pub fn new(user: UserNid, root: &RoomId, query: HierarchyQuery) -> Self {
        let root = Ahead {
            room_id: root.to_owned(),
            via: Vec::new(),
            depth: 0,
        };
        Self {
            user,
            query,
            limit: query.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT),
            stack: vec![root],
            seen: HashSet::new(),
            passed: 0,
            found: Vec::new(),
        }
    }

    /// Goes on until the page is full, the space ends, or a room comes that this server does not know; that one is
    /// returned.
    pub fn advance(&mut self, rooms: &Rooms, snapshot: &Snapshot<'_>) -> ApiResult<Option<Ahead>> {
        while !self.is_full()
            && self.seen.len() < MAX_ROOMS
            && let Some(ahead) = self.stack.pop()
        {
            if !self.seen.insert(ahead.room_id.clone()) {
                continue;
            }
            let room = rooms.storage().interner().find_room(&ahead.room_id)?;
            let summary = match room {
                Some(room) => rooms
                    .summary(snapshot, room)?
                    .map(|summary| (room, summary)),
                None => None,
            };
            match summary {
                Some((room, summary)) => self.visit(rooms, snapshot, &ahead, room, summary)?,
                None if ahead.depth == 0 => return Err(refusal::not_joined()),
                None => return Ok(Some(ahead)),
            }
        }
        Ok(None)
    }

    /// The part of the space that was asked for.
    pub fn finish(self) -> HierarchyPage {
        let has_more = !self.stack.is_empty() && self.seen.len() < MAX_ROOMS;
        HierarchyPage {
            next: has_more.then_some(self.passed),
            rooms: self.found,
        }
    }

    fn is_full(&self) -> bool {
        self.found.len() >= self.limit
    }

    fn visit(
        &mut self,
        rooms: &Rooms,
        snapshot: &Snapshot<'_>,
        ahead: &Ahead,
        room: RoomNid,
        summary: RoomSummary,
    ) -> ApiResult<()> {
        let membership = rooms.membership_in(snapshot, room, self.user)?;
        let is_banned = ahead.depth == 0 && membership == Some(Membership::Ban);
        if is_banned || !rooms.may_know(snapshot, &summary, Some(self.user), membership)? {
            if ahead.depth == 0 {
                return Err(ApiError::forbidden(
                    "You are not allowed to view this room.",
                ));
            }
            return Ok(());
        }
        let children = if summary.room_type.as_deref() == Some("m.space") {
            children(rooms, snapshot, room, self.query.suggested_only)?
        } else {
            Vec::new()
        };
        self.passed += 1;
        if self.passed > self.query.skip {
            let children_state = children
                .iter()
                .map(|child| stripped(&child.event))
                .collect::<serde_json::Result<_>>()
                .map_err(ApiError::internal)?;
            self.found.push(HierarchyRoom {
                room: RoomPreview::new(ahead.room_id.clone(), summary),
                children_state,
            });
        }
        if ahead.depth < self.query.max_depth.unwrap_or(MAX_DEPTH).min(MAX_DEPTH) {
            let below = children.into_iter().rev().map(|child| Ahead {
                room_id: child.room_id,
                via: child.via,
                depth: ahead.depth + 1,
            });
            self.stack.extend(below);
        }
        Ok(())
    }
}

impl Rooms {
    /// Part of a space, as far as this server knows its rooms.
    pub async fn hierarchy(
        &self,
        user: UserNid,
        root: &RoomId,
        query: HierarchyQuery,
    ) -> ApiResult<HierarchyPage> {
        let mut walk = Walk::new(user, root, query);
        self.read(move |rooms, snapshot| {
            // Rooms that are known elsewhere only are left out.
            while walk.advance(rooms, snapshot)?.is_some() {}
            Ok(walk.finish())
        })
        .await
    }
}

/// The valid children of a space in the order in which they are shown.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#ordering-of-children-within-a-space)
fn children(
    rooms: &Rooms,
    snapshot: &Snapshot<'_>,
    space: RoomNid,
    suggested_only: bool,
) -> Result<Vec<Child>> {
    let kind = "m.space.child";
    let mut children = Vec::new();
    for row in tables::CURRENT_STATE.scan(snapshot, (space, &kind))? {
        let ((_, _, state_key), event) = row?;
        let event = rooms.known_event(snapshot, event)?;
        let child = Child::of(event, &state_key);
        children.extend(child.filter(|child| child.suggested || !suggested_only));
    }
    children.sort_by(|a, b| a.rank().cmp(&b.rank()));
    Ok(children)
}

impl Child {
    /// The child that a `m.space.child` event names. Without servers it names none.
    fn of(event: std::sync::Arc<RoomEvent>, state_key: &str) -> Option<Self> {
        #[derive(Deserialize)]
        struct Content {
            via: Vec<serde_json::Value>,
            #[serde(default)]
            order: serde_json::Value,
            #[serde(default)]
            suggested: serde_json::Value,
        }
        let room_id = RoomId::parse(state_key).ok()?;
        let content: Content = event.pdu.content_as().ok()?;
        let via: Vec<OwnedServerName> = content
            .via
            .iter()
            .filter_map(|name| name.as_str()?.try_into().ok())
            .collect();
        if content.via.is_empty() {
            return None;
        }
        let order = content.order.as_str().filter(|order| is_valid(order));
        Some(Self {
            order: order.map(str::to_owned),
            suggested: content.suggested == true,
            event,
            room_id,
            via,
        })
    }

    /// Children with an order come first, then the older ones.
    fn rank(&self) -> (bool, Option<&str>, u64, &RoomId) {
        let time = self.event.pdu.origin_server_ts().0.into();
        (
            self.order.is_none(),
            self.order.as_deref(),
            time,
            &self.room_id,
        )
    }
}

/// Whether an `order` may be one: at most 50 characters from space to tilde.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#mspacechild)
fn is_valid(order: &str) -> bool {
    order.len() <= MAX_ORDER && order.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

/// A state event as strangers are shown it, with its time, by which children are ordered.
fn stripped(event: &RoomEvent) -> serde_json::Result<Raw<()>> {
    #[derive(Serialize)]
    struct Stripped<'a> {
        content: &'a RawValue,
        origin_server_ts: u64,
        sender: &'a str,
        state_key: &'a str,
        r#type: String,
    }
    let stripped = Stripped {
        content: event.pdu.content(),
        origin_server_ts: event.pdu.origin_server_ts().0.into(),
        sender: event.pdu.sender().as_str(),
        state_key: event.pdu.state_key().unwrap_or_default(),
        r#type: event.pdu.event_type().to_string(),
    };
    serde_json::value::to_raw_value(&stripped).map(Raw::from_json)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_short_and_printable() {
        assert!(is_valid("") && is_valid(" a~") && is_valid(&"x".repeat(50)));
        assert!(!is_valid(&"x".repeat(51)) && !is_valid("ä") && !is_valid("a\tb"));
    }
}
