//! What Ruma's type of the answer cannot say.

use http::Response;
use ruma::{
    OneTimeKeyAlgorithm,
    api::{OutgoingResponse, client::sync::sync_events::v3},
};
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
    // Ruma leaves out the rooms where there is nothing but knocks.
    let knocks = if answer.rooms.is_empty() {
        std::mem::take(&mut answer.rooms.knock)
    } else {
        Default::default()
    };
    let unused = answer.device_unused_fallback_key_types.clone();
    let response = answer
        .try_into_http_response::<Vec<u8>>()
        .map_err(ApiError::internal)?;
    let (parts, mut body) = response.into_parts();
    if !knocks.is_empty() || shape.event_fields.is_some() || shape.unstable_state_after {
        let mut json: Value = serde_json::from_slice(&body).map_err(ApiError::internal)?;
        if !knocks.is_empty() {
            let knocks = serde_json::to_value(knocks).map_err(ApiError::internal)?;
            json["rooms"] = serde_json::json!({ "knock": knocks });
        }
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

/// Adds the unused fallback keys under their name of MSC2732 too, which some clients still look for. The object gets the
/// field as its first, so that a large answer is not parsed for it.
fn add_unstable_fallback_types(body: &mut Vec<u8>, unused: &[OneTimeKeyAlgorithm]) -> ApiResult {
    let unused = serde_json::to_string(unused).map_err(ApiError::internal)?;
    let field = format!("\"org.matrix.msc2732.device_unused_fallback_key_types\":{unused},");
    body.splice(1..1, field.into_bytes());
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
