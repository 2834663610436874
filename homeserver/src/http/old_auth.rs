//! How clients named their user beside a password before there were identifiers. matrix-nio's documentation still does.

use bytes::Bytes;
use serde_json::{Value, json};

/// What proves a password.
const PASSWORD: &str = "m.login.password";
/// Bytes of the longest body that is looked at: those with a password are short.
const LONGEST: usize = 16 * 1024;

/// A body in whose `auth` the user has an identifier.
pub(super) fn with_identifier(body: Bytes) -> Bytes {
    let mentions = |text: &str| body.windows(text.len()).any(|part| part == text.as_bytes());
    if body.len() > LONGEST || !mentions(PASSWORD) {
        return body;
    }
    amended(&body).map_or(body, Bytes::from)
}

fn amended(body: &[u8]) -> Option<Vec<u8>> {
    let mut body: Value = serde_json::from_slice(body).ok()?;
    let auth = body.get_mut("auth")?.as_object_mut()?;
    if auth.get("type")? != PASSWORD || auth.contains_key("identifier") {
        return None;
    }
    let user = auth.get("user")?.as_str()?;
    let identifier = json!({ "type": "m.id.user", "user": user });
    auth.insert("identifier".to_owned(), identifier);
    serde_json::to_vec(&body).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &Value) -> Value {
        let body = Bytes::from(body.to_string());
        serde_json::from_slice(&with_identifier(body)).unwrap()
    }

    #[test]
    fn a_user_becomes_an_identifier() {
        let auth = json!({ "type": PASSWORD, "user": "alice", "password": "x" });
        let read = read(&json!({ "devices": ["A"], "auth": auth }));
        let identifier = json!({ "type": "m.id.user", "user": "alice" });
        assert_eq!(read["auth"]["identifier"], identifier);
        assert_eq!(read["devices"], json!(["A"]));
    }

    #[test]
    fn everything_else_stays_as_it_came() {
        let named = json!({ "type": "m.id.user", "user": "bob" });
        for body in [
            json!({ "auth": { "type": PASSWORD, "user": "alice", "identifier": named } }),
            json!({ "auth": { "type": "m.login.dummy", "user": "alice" } }),
            json!({ "type": PASSWORD, "user": "alice", "password": "x" }),
            json!({ "body": PASSWORD, "auth": "no object" }),
        ] {
            assert_eq!(read(&body), body);
        }
    }
}
