//! What of an event is searched.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#search-categories)

use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use super::postings::Field;

/// The field of an event type that is searched.
pub(super) fn field(event_type: &str) -> Option<Field> {
    match event_type {
        "m.room.message" => Some(Field::Body),
        "m.room.name" => Some(Field::Name),
        "m.room.topic" => Some(Field::Topic),
        _ => None,
    }
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    body: Value,
    #[serde(default, rename = "m.new_content")]
    new_content: Value,
}

/// The text in a content that is searched. Anything that is no text counts as absent.
pub(super) fn text(field: Field, content: &RawValue) -> Option<String> {
    let texts = match field {
        Field::Body => {
            let message: Message = serde_json::from_str(content.get()).ok()?;
            // The body of an edit is a fallback, in which some clients shorten the new text.
            [string(&message.body), string(&message.new_content["body"])]
        }
        Field::Name => {
            let content: Value = serde_json::from_str(content.get()).ok()?;
            [string(&content["name"]), None]
        }
        Field::Topic => {
            let content: Value = serde_json::from_str(content.get()).ok()?;
            [string(&content["topic"]), plain_topic(&content)]
        }
    };
    let [first, second] = texts;
    match (first, second) {
        (Some(first), Some(second)) if !first.ends_with(&second) => {
            Some(format!("{first}\n{second}"))
        }
        (first, second) => first.or(second),
    }
}

fn string(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

/// The plain text of a topic that has several representations.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#mroomtopic)
fn plain_topic(content: &Value) -> Option<String> {
    let representations = content["m.topic"]["m.text"].as_array()?;
    let plain = representations
        .iter()
        .find(|text| matches!(text["mimetype"].as_str(), None | Some("text/plain")))?;
    string(&plain["body"])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(field: Field, content: &Value) -> Option<String> {
        text(field, &serde_json::value::to_raw_value(content).unwrap())
    }

    #[test]
    fn an_edit_is_found_by_its_whole_new_text() {
        let edit = json!({ "body": "* short…", "m.new_content": { "body": "short and long" } });
        assert_eq!(
            found(Field::Body, &edit).unwrap(),
            "* short…\nshort and long"
        );
        let edit = json!({ "body": "* new", "m.new_content": { "body": "new" } });
        assert_eq!(found(Field::Body, &edit).unwrap(), "* new");
    }

    #[test]
    fn a_topic_is_found_by_its_plain_text() {
        let content = json!({
            "topic": "short",
            "m.topic": { "m.text": [
                { "mimetype": "text/html", "body": "<b>rich</b>" },
                { "body": "plain" },
            ] },
        });
        assert_eq!(found(Field::Topic, &content).unwrap(), "short\nplain");
    }

    #[test]
    fn what_is_no_text_is_absent() {
        for content in [json!({ "body": 5 }), json!({}), json!({ "body": null })] {
            assert_eq!(found(Field::Body, &content), None);
        }
    }
}
