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

use ruma::{OwnedRoomId, OwnedServerName, RoomId, ServerName, serde::Raw};
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
    storage::{Error, Result, Snapshot, tables},
};

/// Rooms of one page, unless the client says otherwise.
const DEFAULT_LIMIT: usize = 50;
/// Rooms of one page at most.
const MAX_LIMIT: usize = 100;
/// How far a walk goes down, unless the client says otherwise, and at most.
const MAX_DEPTH: u64 = 50;
/// Rooms that one walk looks at.
const MAX_ROOMS: usize = 5_000;
/// Children of which another server is told.
const MAX_CHILDREN: usize = 1_000;
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
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HierarchyRoom {
    /// The room in a few words.
    #[serde(flatten)]
    pub room: RoomPreview,
    /// The events by which it names its children.
    #[serde(default)]
    pub children_state: Vec<Raw<()>>,
}

/// A space and its children, as one server tells another.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SpaceElsewhere {
    /// The space.
    pub room: HierarchyRoom,
    /// Those of its children that the other server may know of.
    #[serde(default)]
    pub children: Vec<RoomPreview>,
    /// Those it may not know of.
    #[serde(default)]
    pub inaccessible_children: Vec<OwnedRoomId>,
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

/// A walk through a space.
#[derive(Debug)]
pub struct Walk {
    /// Who may know of the rooms; without anybody, all of them are shown.
    user: Option<UserNid>,
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
    event: Raw<()>,
    time: u64,
    room_id: OwnedRoomId,
    via: Vec<OwnedServerName>,
    order: Option<String>,
    suggested: bool,
}

impl Walk {
    /// A walk that begins at a room, for a user, or for an administrator who sees every room of this server.
    pub fn new(user: Option<UserNid>, root: &RoomId, query: HierarchyQuery) -> Self {
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
                // What is remembered of a room that everybody here has left may be old.
                Some((_, summary))
                    if summary.joined == summary.remote
                        && ahead.via.iter().any(|name| name != rooms.server_name()) =>
                {
                    return Ok(Some(ahead));
                }
                Some((room, summary)) => self.visit(rooms, snapshot, &ahead, room, summary)?,
                None if ahead.depth == 0 => return Err(refusal::not_joined()),
                None => return Ok(Some(ahead)),
            }
        }
        Ok(None)
    }

    /// Goes into a room at which the walk has stopped, as another server tells of it; past it, if none does.
    pub fn enter(
        &mut self,
        rooms: &Rooms,
        snapshot: &Snapshot<'_>,
        ahead: &Ahead,
        told: Option<HierarchyRoom>,
    ) -> ApiResult<()> {
        let Some(mut told) = told else {
            if let Some(room) = rooms.storage().interner().find_room(&ahead.room_id)?
                && let Some(summary) = rooms.summary(snapshot, room)?
            {
                self.visit(rooms, snapshot, ahead, room, summary)?;
            }
            return Ok(());
        };
        let Some(user) = self.user else {
            return Ok(());
        };
        let room = rooms.preview_from_elsewhere(snapshot, told.room, user)?;
        let Some(room) = room.map(|previewed| previewed.room) else {
            return Ok(());
        };
        let mut children = Vec::new();
        if room.is_space() {
            told.children_state.truncate(MAX_ROOMS);
            children.extend(told.children_state.into_iter().filter_map(Child::told));
            children.retain(|child| child.suggested || !self.query.suggested_only);
            children.sort_by(|a, b| a.rank().cmp(&b.rank()));
        }
        self.show(ahead, room, children);
        Ok(())
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
        if !self.may_show(rooms, snapshot, ahead, (room, &summary))? {
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
        self.show(
            ahead,
            RoomPreview::new(ahead.room_id.clone(), summary),
            children,
        );
        Ok(())
    }

    fn may_show(
        &self,
        rooms: &Rooms,
        snapshot: &Snapshot<'_>,
        ahead: &Ahead,
        (room, summary): (RoomNid, &RoomSummary),
    ) -> Result<bool> {
        let Some(user) = self.user else {
            return Ok(true);
        };
        let membership = rooms.membership_in(snapshot, room, user)?;
        let is_banned = ahead.depth == 0 && membership == Some(Membership::Ban);
        Ok(!is_banned && rooms.may_know(snapshot, summary, Some(user), membership)?)
    }

    fn show(&mut self, ahead: &Ahead, room: RoomPreview, children: Vec<Child>) {
        self.passed += 1;
        if self.passed > self.query.skip {
            self.found.push(HierarchyRoom {
                room,
                children_state: children.iter().map(|child| child.event.clone()).collect(),
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
    }
}

impl Rooms {
    /// A space and its children, for another server that may know of it.
    /// [spec](https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1hierarchyroomid)
    pub fn space_for(
        &self,
        snapshot: &Snapshot<'_>,
        room_id: &RoomId,
        server: &ServerName,
        suggested_only: bool,
    ) -> ApiResult<Option<SpaceElsewhere>> {
        let (room, summary) = match self.lived_in(snapshot, room_id)? {
            Some(known) if self.may_be_known_to(snapshot, (known.0, &known.1), server)? => known,
            _ => return Ok(None),
        };
        let (mut accessible, mut inaccessible_children) = (Vec::new(), Vec::new());
        let mut children_state = Vec::new();
        if summary.room_type.as_deref() == Some("m.space") {
            let children = children(self, snapshot, room, suggested_only)?;
            for child in children.into_iter().take(MAX_CHILDREN) {
                children_state.push(child.event);
                match self.lived_in(snapshot, &child.room_id)? {
                    Some((nid, summary))
                        if self.may_be_known_to(snapshot, (nid, &summary), server)? =>
                    {
                        accessible.push(RoomPreview::new(child.room_id, summary));
                    }
                    Some(_) => inaccessible_children.push(child.room_id),
                    None => {}
                }
            }
        }
        Ok(Some(SpaceElsewhere {
            room: HierarchyRoom {
                room: RoomPreview::new(room_id.to_owned(), summary),
                children_state,
            },
            children: accessible,
            inaccessible_children,
        }))
    }

    /// A room that users of this server are in.
    fn lived_in(
        &self,
        snapshot: &Snapshot<'_>,
        room_id: &RoomId,
    ) -> Result<Option<(RoomNid, RoomSummary)>> {
        let Some(room) = self.storage().interner().find_room(room_id)? else {
            return Ok(None);
        };
        let summary = self.summary(snapshot, room)?;
        Ok(summary
            .filter(|summary| summary.joined > summary.remote)
            .map(|summary| (room, summary)))
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
        let time = event.pdu.origin_server_ts().0.into();
        let shown = stripped(&event).map_err(|_| Error::Corrupt("an event is no JSON"))?;
        let child = Child::of(shown, time, event.pdu.content(), &state_key);
        children.extend(child.filter(|child| child.suggested || !suggested_only));
    }
    children.sort_by(|a, b| a.rank().cmp(&b.rank()));
    Ok(children)
}

impl Child {
    /// The child that a `m.space.child` event names. Without servers it names none.
    fn of(event: Raw<()>, time: u64, content: &RawValue, state_key: &str) -> Option<Self> {
        #[derive(Deserialize)]
        struct Content {
            via: Vec<serde_json::Value>,
            #[serde(default)]
            order: serde_json::Value,
            #[serde(default)]
            suggested: serde_json::Value,
        }
        let room_id = RoomId::parse(state_key).ok()?;
        let content: Content = serde_json::from_str(content.get()).ok()?;
        let via: Vec<OwnedServerName> = content
            .via
            .iter()
            .filter_map(|name| name.as_str()?.try_into().ok())
            .collect();
        if content.via.is_empty() || !content.via.iter().all(serde_json::Value::is_string) {
            return None;
        }
        let order = content.order.as_str().filter(|order| is_valid(order));
        Some(Self {
            order: order.map(str::to_owned),
            suggested: content.suggested == true,
            event,
            time,
            room_id,
            via,
        })
    }

    /// The child that another server's space names.
    fn told(event: Raw<()>) -> Option<Self> {
        #[derive(Deserialize)]
        struct Told {
            r#type: String,
            state_key: String,
            origin_server_ts: u64,
            content: Box<RawValue>,
        }
        let told: Told = serde_json::from_str(event.json().get()).ok()?;
        if told.r#type != "m.space.child" {
            return None;
        }
        Self::of(event, told.origin_server_ts, &told.content, &told.state_key)
    }

    /// Children with an order come first, then the older ones.
    fn rank(&self) -> (bool, Option<&str>, u64, &RoomId) {
        (
            self.order.is_none(),
            self.order.as_deref(),
            self.time,
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
