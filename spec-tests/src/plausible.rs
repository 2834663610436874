//! A plausible request for every operation of the specification, as the starting point of tests that spoil it.

use std::sync::LazyLock;

use serde_json::{Map, Value};

use crate::{
    User,
    endpoints::Endpoint,
    http::{Request, encode},
    server::unique,
};

/// What requests can be about: a user with a room and a message in it.
#[derive(Debug)]
pub struct Scene {
    /// Who asks.
    pub user: User,
    /// A room of theirs.
    pub room: String,
    /// A message in it.
    pub event: String,
}

impl Scene {
    /// A user of its own, since some operations end sessions and accounts.
    #[track_caller]
    pub fn new(user: User) -> Self {
        let room = user.private_room();
        let event = user.say(&room, "hello");
        Self { user, room, event }
    }

    /// The path of an operation, its parameters being about this scene.
    pub fn path(&self, endpoint: &Endpoint) -> String {
        self.path_with(endpoint, |_| None)
    }

    /// The path of an operation with some parameters as the caller wants them, already percent-encoded.
    pub fn path_with(&self, endpoint: &Endpoint, other: impl Fn(&str) -> Option<String>) -> String {
        let segments = endpoint.path.split('/').map(|segment| {
            if !segment.starts_with('{') {
                return segment.to_owned();
            }
            other(segment).unwrap_or_else(|| encode(&self.parameter(segment)))
        });
        let path = segments.collect::<Vec<_>>().join("/");
        format!("{path}{}", query(&endpoint.operation))
    }

    fn parameter(&self, name: &str) -> String {
        match name {
            "{userId}" => self.user.id.clone(),
            "{roomId}" | "{roomIdOrAlias}" => self.room.clone(),
            "{eventId}" => self.event.clone(),
            "{deviceId}" => self.user.device_id.clone(),
            "{roomAlias}" => format!("#{}:{}", unique("alias"), self.user.server.server_name()),
            "{serverName}" => self.user.server.server_name().to_owned(),
            "{eventType}" | "{type}" => "m.test".to_owned(),
            "{receiptType}" => "m.read".to_owned(),
            "{relType}" => "m.thread".to_owned(),
            "{kind}" => "override".to_owned(),
            "{keyName}" => "displayname".to_owned(),
            "{txnId}" => unique("txn"),
            "{version}" => "1".to_owned(),
            _ => "x".to_owned(),
        }
    }

    /// A body that the operation can work with, if it takes one.
    pub fn body(&self, operation: &str) -> Option<Map<String, Value>> {
        let body = BODIES.get(operation)?;
        let filled = body
            .to_string()
            .replace("{user}", &self.user.id)
            .replace("{device}", &self.user.device_id)
            .replace("{room}", &self.room)
            .replace("{event}", &self.event)
            .replace("{unique}", &unique("name"));
        serde_json::from_str(&filled).ok()
    }

    /// The request without its body.
    pub fn request(&self, endpoint: &Endpoint, path: &str) -> Request {
        let request = self.user.server.request(&endpoint.method, path);
        if endpoint.auth.starts_with("access_token") {
            return request.token(&self.user.token);
        }
        request
    }
}

/// Bodies by operation. `{user}`, `{device}`, `{room}`, `{event}` and `{unique}` are placeholders.
static BODIES: LazyLock<Map<String, Value>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../fixtures/requests.json"))
        .unwrap_or_else(|error| panic!("fixtures/requests.json: {error}"))
});

/// What operations require in their query.
fn query(operation: &str) -> &'static str {
    match operation {
        "getRoomEvents" => "?dir=b",
        "getEventByTimestamp" => "?ts=0&dir=f",
        "getKeysChanges" => "?from=x&to=y",
        "getUrlPreview" | "getUrlPreviewAuthed" => "?url=http%3A%2F%2Fspec.test%2F",
        "getContentThumbnail" | "getContentThumbnailAuthed" => "?width=32&height=32",
        "getMutualRooms" => "?user_id=%40nobody%3Aspec.test",
        "checkUsernameAvailability" => "?username=nobody",
        "registrationTokenValidity" => "?token=none",
        "putRoomKeys"
        | "putRoomKeysByRoomId"
        | "putRoomKeyBySessionId"
        | "getRoomKeys"
        | "deleteRoomKeys" => "?version=1",
        // A poll that would wait is not a test of bad input.
        "sync" | "getEvents" | "peekEvents" => "?timeout=0",
        "redirectToSSO" | "redirectToIdP" => "?redirectUrl=http%3A%2F%2Fspec.test",
        _ => "",
    }
}
