//! What Ruma's type of the answer cannot say.

use std::collections::BTreeMap;

use http::Response;
use ruma::{
    OneTimeKeyAlgorithm, OwnedRoomId,
    api::{OutgoingResponse, client::sync::sync_events::v3},
    events::{AnySyncEphemeralRoomEvent, AnySyncTimelineEvent},
    serde::Raw,
};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::error::{ApiError, ApiResult};

/// How the client wants its answer.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shape<'a> {
    /// The fields of events that are wanted; all if it is absent.
    pub event_fields: Option<&'a [String]>,
    /// Whether `state_after` has the name it had before it was in the specification (MSC4222).
    pub unstable_state_after: bool,
}

/// The answer over HTTP.
pub fn into_http(mut answer: v3::Response, shape: Shape<'_>) -> ApiResult<Response<Vec<u8>>> {
    // Ruma leaves out rooms where there is nothing but knocks. It says nothing of a timeline that has no gap nor of what
    // passes in a room where nothing does, which some clients want to be told.
    let rooms = RoomsBody::of(std::mem::take(&mut answer.rooms));
    let unused = answer.device_unused_fallback_key_types.clone();
    let response = answer
        .try_into_http_response::<Vec<u8>>()
        .map_err(ApiError::internal)?;
    let (parts, mut body) = response.into_parts();
    if !rooms.is_empty() {
        let rooms = serde_json::to_string(&rooms).map_err(ApiError::internal)?;
        add_first(&mut body, &format!("\"rooms\":{rooms}"));
    }
    if shape.event_fields.is_some() || shape.unstable_state_after {
        let mut json: Value = serde_json::from_slice(&body).map_err(ApiError::internal)?;
        if let Some(fields) = shape.event_fields {
            for membership in ["join", "leave"] {
                reduce(&mut json["rooms"][membership], fields);
            }
            remove_nulls(&mut json["rooms"]);
        }
        if shape.unstable_state_after {
            rename_state_after(&mut json);
        }
        body = serde_json::to_vec(&json).map_err(ApiError::internal)?;
    }
    if let Some(unused) = unused {
        add_unstable_fallback_types(&mut body, &unused)?;
    }
    Ok(Response::from_parts(parts, body))
}

/// Adds a field to an object that has some, as its first, so that a large answer is not parsed for it.
fn add_first(body: &mut Vec<u8>, field: &str) {
    body.splice(1..1, format!("{field},").into_bytes());
}

/// The rooms of an answer.
#[derive(Serialize)]
struct RoomsBody {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    leave: BTreeMap<OwnedRoomId, WithTimeline<v3::LeftRoom>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    join: BTreeMap<OwnedRoomId, WithTimeline<JoinedBody>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    invite: BTreeMap<OwnedRoomId, v3::InvitedRoom>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    knock: BTreeMap<OwnedRoomId, v3::KnockedRoom>,
}

/// A room, and the sections of it that Ruma leaves out where nothing is in them. Some clients, the Python SDK among
/// them, read all sections without looking whether they are there.
#[derive(Serialize)]
struct WithTimeline<T> {
    #[serde(flatten)]
    room: T,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<NoEvents>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_data: Option<NoEvents>,
    timeline: TimelineBody,
}

#[derive(Default, Serialize)]
struct NoEvents {
    events: [(); 0],
}

impl NoEvents {
    /// The state of a room, where Ruma leaves it out.
    fn state(state: &v3::State) -> Option<Self> {
        let is_empty = matches!(state, v3::State::Before(events) if events.is_empty());
        is_empty.then(Self::default)
    }

    /// What the user keeps about a room, where Ruma leaves it out.
    fn account_data(data: &v3::RoomAccountData) -> Option<Self> {
        data.is_empty().then(Self::default)
    }
}

/// A joined room without its timeline.
#[derive(Serialize)]
struct JoinedBody {
    #[serde(flatten)]
    room: v3::JoinedRoom,
    ephemeral: EphemeralBody,
}

#[derive(Serialize)]
struct EphemeralBody {
    events: Vec<Raw<AnySyncEphemeralRoomEvent>>,
}

#[derive(Serialize)]
struct TimelineBody {
    limited: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    prev_batch: Option<String>,
    events: Vec<Raw<AnySyncTimelineEvent>>,
}

impl RoomsBody {
    fn of(rooms: v3::Rooms) -> Self {
        let leave = rooms.leave.into_iter().map(|(id, mut room)| {
            let told = WithTimeline {
                state: NoEvents::state(&room.state),
                account_data: NoEvents::account_data(&room.account_data),
                timeline: TimelineBody::of(std::mem::take(&mut room.timeline)),
                room,
            };
            (id, told)
        });
        let join = rooms.join.into_iter().map(|(id, mut room)| {
            let ephemeral = EphemeralBody {
                events: std::mem::take(&mut room.ephemeral).events,
            };
            let told = WithTimeline {
                state: NoEvents::state(&room.state),
                account_data: NoEvents::account_data(&room.account_data),
                timeline: TimelineBody::of(std::mem::take(&mut room.timeline)),
                room: JoinedBody { room, ephemeral },
            };
            (id, told)
        });
        Self {
            leave: leave.collect(),
            join: join.collect(),
            invite: rooms.invite,
            knock: rooms.knock,
        }
    }

    fn is_empty(&self) -> bool {
        self.leave.is_empty()
            && self.join.is_empty()
            && self.invite.is_empty()
            && self.knock.is_empty()
    }
}

impl TimelineBody {
    fn of(timeline: v3::Timeline) -> Self {
        Self {
            limited: timeline.limited,
            prev_batch: timeline.prev_batch,
            events: timeline.events,
        }
    }
}

/// Adds the unused fallback keys under their name of MSC2732 too, which some clients still look for.
fn add_unstable_fallback_types(body: &mut Vec<u8>, unused: &[OneTimeKeyAlgorithm]) -> ApiResult {
    let unused = serde_json::to_string(unused).map_err(ApiError::internal)?;
    let name = "org.matrix.msc2732.device_unused_fallback_key_types";
    add_first(body, &format!("\"{name}\":{unused}"));
    Ok(())
}

fn rename_state_after(json: &mut Value) {
    for membership in ["join", "leave"] {
        let rooms = json
            .get_mut("rooms")
            .and_then(|rooms| rooms.get_mut(membership))
            .and_then(Value::as_object_mut);
        for room in rooms.into_iter().flat_map(Map::values_mut) {
            if let Some(room) = room.as_object_mut()
                && let Some(state) = room.remove("state_after")
            {
                room.insert("org.matrix.msc4222.state_after".to_owned(), state);
            }
        }
    }
}

/// Looking for a key that is not there leaves a null behind.
fn remove_nulls(rooms: &mut Value) {
    if let Some(rooms) = rooms.as_object_mut() {
        rooms.retain(|_, value| !value.is_null());
    }
}

fn reduce(rooms: &mut Value, fields: &[String]) {
    let Some(rooms) = rooms.as_object_mut() else {
        return;
    };
    for room in rooms.values_mut() {
        for section in ["timeline", "state", "state_after"] {
            let events = room
                .get_mut(section)
                .and_then(|section| section.get_mut("events"));
            for event in events.and_then(Value::as_array_mut).into_iter().flatten() {
                *event = only(event, fields);
            }
        }
    }
}

/// The fields of an event that are asked for, such as `content.body`. A dot in a name is written `\.`.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3useruseridfilter)
fn only(event: &Value, fields: &[String]) -> Value {
    let mut reduced = Value::Object(Map::new());
    for field in fields {
        let path = split(field);
        let found = path.iter().try_fold(event, |value, name| value.get(name));
        let Some(found) = found else { continue };
        let place = path
            .iter()
            .fold(&mut reduced, |value, name| &mut value[name]);
        *place = found.clone();
    }
    reduced
}

fn split(field: &str) -> Vec<String> {
    let mut path = vec![String::new()];
    let mut characters = field.chars();
    while let Some(character) = characters.next() {
        let name = match (character, path.last_mut()) {
            ('.', _) => {
                path.push(String::new());
                continue;
            }
            (_, Some(name)) => name,
            (_, None) => continue,
        };
        match character {
            '\\' => name.extend(characters.next()),
            character => name.push(character),
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_the_fields_asked_for_stay() {
        let event = json!({ "content": { "body": "x", "msgtype": "y", "m.mentions": {} }, "sender": "@a:b", "type": "t" });
        let fields = |names: &[&str]| {
            names
                .iter()
                .map(|name| (*name).to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            only(&event, &fields(&["content.body", "sender"])),
            json!({ "content": { "body": "x" }, "sender": "@a:b" })
        );
        assert_eq!(
            only(&event, &fields(&[r"content.m\.mentions"])),
            json!({ "content": { "m.mentions": {} } })
        );
        assert_eq!(only(&event, &fields(&["nothing.here"])), json!({}));
    }
}
