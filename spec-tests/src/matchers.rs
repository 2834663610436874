//! Pure checks of JSON that say what is missing.

use serde_json::Value;

/// What a check says about a response: nothing, or why it does not hold.
pub type Verdict = Result<(), String>;

/// Whether everything in `expected` is in `actual`: objects may have more keys, everything else must be equal.
///
/// # Errors
/// With the first difference and where it is.
pub fn contains(actual: &Value, expected: &Value) -> Verdict {
    match (actual, expected) {
        (Value::Object(actual), Value::Object(expected)) => {
            for (key, wanted) in expected {
                let found = actual
                    .get(key)
                    .ok_or_else(|| format!("`{key}` is missing"))?;
                contains(found, wanted).map_err(|reason| format!("{key}: {reason}"))?;
            }
            Ok(())
        }
        (Value::Array(actual), Value::Array(expected)) if actual.len() == expected.len() => actual
            .iter()
            .zip(expected)
            .try_for_each(|(found, wanted)| contains(found, wanted)),
        _ if actual == expected => Ok(()),
        _ => Err(format!("{} instead of {expected}", shortened(actual))),
    }
}

/// The value below a chain of keys; null if a key is missing.
pub fn at<'a>(json: &'a Value, keys: &[&str]) -> &'a Value {
    keys.iter().fold(json, |json, key| &json[*key])
}

/// The items of an array, none if it is no array.
pub fn items(json: &Value) -> &[Value] {
    json.as_array().map_or(&[], Vec::as_slice)
}

/// Whether an array below `keys` has an item that contains `expected`.
pub fn has_item<'a>(
    keys: &'a [&'a str],
    expected: &'a Value,
) -> impl Fn(&Value) -> Verdict + use<'a> {
    move |response| {
        let found = at(response, keys);
        match items(found)
            .iter()
            .any(|item| contains(item, expected).is_ok())
        {
            true => Ok(()),
            false => Err(format!(
                "{} has no {expected}: {}",
                keys.join("."),
                shortened(found)
            )),
        }
    }
}

/// Whether a value below `keys` contains `expected`.
pub fn has<'a>(keys: &'a [&'a str], expected: &'a Value) -> impl Fn(&Value) -> Verdict + use<'a> {
    move |response| {
        contains(at(response, keys), expected)
            .map_err(|reason| format!("{}: {reason}", keys.join(".")))
    }
}

/// Whether the user is in the room.
pub fn joined(room: &str) -> impl Fn(&Value) -> Verdict + use<'_> {
    in_section("join", room)
}

/// Whether the user is invited to the room.
pub fn invited(room: &str) -> impl Fn(&Value) -> Verdict + use<'_> {
    in_section("invite", room)
}

/// Whether the user has left the room, or was removed from it.
pub fn left(room: &str) -> impl Fn(&Value) -> Verdict + use<'_> {
    in_section("leave", room)
}

/// Whether a room is in a section of `/sync`.
pub fn in_section<'a>(section: &'a str, room: &'a str) -> impl Fn(&Value) -> Verdict + use<'a> {
    move |response| match response["rooms"][section].get(room) {
        Some(_) => Ok(()),
        None => Err(format!("{room} is not in rooms.{section}")),
    }
}

/// Whether the timeline of a joined room has an event that contains `expected`.
pub fn timeline_has(room: &str, expected: Value) -> impl Fn(&Value) -> Verdict + use<'_> {
    joined_room_has(room, "timeline", expected)
}

/// Whether `timeline`, `state`, `ephemeral` or `account_data` of a joined room has an event that contains `expected`.
pub fn joined_room_has<'a>(
    room: &'a str,
    part: &'a str,
    expected: Value,
) -> impl Fn(&Value) -> Verdict + use<'a> {
    move |response| has_item(&["rooms", "join", room, part, "events"], &expected)(response)
}

/// Both checks hold for one response.
pub fn both(
    first: impl Fn(&Value) -> Verdict,
    second: impl Fn(&Value) -> Verdict,
) -> impl Fn(&Value) -> Verdict {
    move |response| first(response).and_then(|()| second(response))
}

/// The `event_id`s of a list of events.
pub fn event_ids(events: &Value) -> Vec<&str> {
    let ids = items(events)
        .iter()
        .filter_map(|event| event["event_id"].as_str());
    ids.collect()
}

/// The `content.body` of each message in a list of events.
pub fn bodies(events: &Value) -> Vec<&str> {
    let bodies = items(events)
        .iter()
        .filter_map(|event| event["content"]["body"].as_str());
    bodies.collect()
}

fn shortened(json: &Value) -> String {
    json.to_string().chars().take(1_500).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::contains;

    #[test]
    fn objects_may_have_more_keys_and_arrays_may_not_have_more_items() {
        assert_eq!(
            contains(&json!({ "a": 1, "b": 2 }), &json!({ "a": 1 })),
            Ok(())
        );
        assert!(contains(&json!([1, 2]), &json!([1])).is_err());
        let reason = contains(&json!({ "a": { "b": 1 } }), &json!({ "a": { "b": 2 } }));
        assert_eq!(reason, Err("a: b: 1 instead of 2".to_owned()));
    }
}
