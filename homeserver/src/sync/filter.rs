//! What a client wants to see of rooms' events.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#filtering)

use ruma::{
    OwnedRoomId, RoomId,
    api::client::filter::{RoomEventFilter, UrlFilter},
};

use crate::rooms::event::RoomEvent;

/// Whether a filter lets anything of a room through.
pub fn takes_room(filter: &RoomEventFilter, room_id: &RoomId) -> bool {
    is_listed(room_id, filter.rooms.as_deref(), &filter.not_rooms)
}

/// Whether a room is one of those wanted, all if there is no list of them, and none of those unwanted.
pub fn is_listed(
    room_id: &RoomId,
    wanted: Option<&[OwnedRoomId]>,
    unwanted: &[OwnedRoomId],
) -> bool {
    wanted.is_none_or(|rooms| rooms.iter().any(|room| room == room_id))
        && !unwanted.iter().any(|room| room == room_id)
}

/// Whether a filter takes every event of a room, so that none has to be looked at.
pub fn takes_all(filter: &RoomEventFilter) -> bool {
    filter.types.is_none()
        && filter.not_types.is_empty()
        && filter.senders.is_none()
        && filter.not_senders.is_empty()
        && filter.url_filter.is_none()
}

/// Whether a filter takes an event.
pub fn takes_event(filter: &RoomEventFilter, event: &RoomEvent) -> bool {
    if takes_all(filter) {
        return true;
    }
    let kind = event.pdu.event_type().to_string();
    let sender = event.pdu.sender();
    takes_type(filter, &kind)
        && filter
            .senders
            .as_ref()
            .is_none_or(|senders| senders.iter().any(|wanted| wanted == sender))
        && !filter.not_senders.iter().any(|unwanted| unwanted == sender)
        && filter
            .url_filter
            .is_none_or(|url| has_url(event) == (url == UrlFilter::EventsWithUrl))
}

/// Whether a filter takes events of a type.
pub fn takes_type(filter: &RoomEventFilter, kind: &str) -> bool {
    filter
        .types
        .as_ref()
        .is_none_or(|types| types.iter().any(|pattern| matches(pattern, kind)))
        && !filter
            .not_types
            .iter()
            .any(|pattern| matches(pattern, kind))
}

/// Whether a type matches a pattern in which `*` stands for any characters.
pub fn matches(pattern: &str, kind: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(rest) = kind.strip_prefix(parts.next().unwrap_or_default()) else {
        return false;
    };
    let mut parts: Vec<_> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    let mut rest = rest;
    for part in parts {
        let Some(at) = rest.find(part) else {
            return false;
        };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

fn has_url(event: &RoomEvent) -> bool {
    event
        .pdu
        .content_as::<serde_json::Map<String, serde_json::Value>>()
        .is_ok_and(|content| content.get("url").is_some_and(serde_json::Value::is_string))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_any_characters() {
        for (pattern, kind, expected) in [
            ("m.room.message", "m.room.message", true),
            ("m.room.message", "m.room.messages", false),
            ("m.room.*", "m.room.message", true),
            ("m.room.*", "m.roommessage", false),
            ("*", "anything", true),
            ("*.message", "m.room.message", true),
            ("m.*.me*e", "m.room.message", true),
            ("m.*.me*x", "m.room.message", false),
            ("a*a", "a", false),
        ] {
            assert_eq!(matches(pattern, kind), expected, "{pattern} {kind}");
        }
    }
}
