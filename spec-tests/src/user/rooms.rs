//! What a user does in rooms.

use serde_json::{Value, json};

use super::User;
use crate::{http::Reply, must::text, path, server::unique};

impl User {
    /// Creates a room and returns its id.
    #[track_caller]
    pub fn create_room(&self, options: &Value) -> String {
        text(&self.post("/v3/createRoom", options).ok()["room_id"])
    }

    /// A room that needs an invite.
    #[track_caller]
    pub fn private_room(&self) -> String {
        self.create_room(&json!({ "preset": "private_chat" }))
    }

    /// A room that everybody may join.
    #[track_caller]
    pub fn public_room(&self) -> String {
        self.create_room(&json!({ "preset": "public_chat" }))
    }

    /// A public room with these other members.
    #[track_caller]
    pub fn room_with(&self, others: &[&User]) -> String {
        let room = self.public_room();
        for other in others {
            other.join(&room);
        }
        room
    }

    /// Joins by room id.
    #[track_caller]
    pub fn join(&self, room: &str) {
        self.try_join(room).ok();
    }

    /// The answer to an attempt to join.
    #[track_caller]
    pub fn try_join(&self, room: &str) -> Reply {
        self.post(&path!("/v3/rooms/{}/join", room), &json!({}))
    }

    /// Leaves a room or rejects an invite.
    #[track_caller]
    pub fn leave(&self, room: &str) {
        self.post(&path!("/v3/rooms/{}/leave", room), &json!({}))
            .ok();
    }

    /// Invites somebody.
    #[track_caller]
    pub fn invite(&self, room: &str, whom: &User) {
        self.membership("invite", room, whom).ok();
    }

    /// The answer to `invite`, `kick`, `ban` or `unban`.
    #[track_caller]
    pub fn membership(&self, act: &str, room: &str, whom: &User) -> Reply {
        let path = format!("{}/{act}", path!("/v3/rooms/{}", room));
        self.post(&path, &json!({ "user_id": whom.id }))
    }

    /// Sends a text message and returns its event id.
    #[track_caller]
    pub fn say(&self, room: &str, words: &str) -> String {
        self.send(room, "m.room.message", &message(words))
    }

    /// Sends several messages and returns their event ids.
    #[track_caller]
    pub fn say_all(&self, room: &str, words: &[&str]) -> Vec<String> {
        words.iter().map(|words| self.say(room, words)).collect()
    }

    /// Sends an event with a transaction id of its own and returns its event id.
    #[track_caller]
    pub fn send(&self, room: &str, kind: &str, content: &Value) -> String {
        text(&self.try_send(room, kind, content).ok()["event_id"])
    }

    /// The answer to sending an event.
    #[track_caller]
    pub fn try_send(&self, room: &str, kind: &str, content: &Value) -> Reply {
        let path = path!("/v3/rooms/{}/send/{}/{}", room, kind, unique("txn"));
        self.put(&path, content)
    }

    /// Redacts an event and returns the id of the redaction.
    #[track_caller]
    pub fn redact(&self, room: &str, event: &str) -> String {
        text(&self.try_redact(room, event).ok()["event_id"])
    }

    /// The answer to redacting an event.
    #[track_caller]
    pub fn try_redact(&self, room: &str, event: &str) -> Reply {
        let path = path!("/v3/rooms/{}/redact/{}/{}", room, event, unique("txn"));
        self.put(&path, &json!({ "reason": "a test" }))
    }

    /// Sets a piece of room state and returns the event id.
    #[track_caller]
    pub fn set_state(&self, room: &str, kind: &str, key: &str, content: &Value) -> String {
        text(&self.try_set_state(room, kind, key, content).ok()["event_id"])
    }

    /// The answer to setting room state.
    #[track_caller]
    pub fn try_set_state(&self, room: &str, kind: &str, key: &str, content: &Value) -> Reply {
        self.put(&path!("/v3/rooms/{}/state/{}/{}", room, kind, key), content)
    }

    /// The answer to reading one piece of room state.
    #[track_caller]
    pub fn state(&self, room: &str, kind: &str, key: &str) -> Reply {
        self.get(&path!("/v3/rooms/{}/state/{}/{}", room, kind, key))
    }

    /// The answer to reading one event.
    #[track_caller]
    pub fn event(&self, room: &str, event: &str) -> Reply {
        self.get(&path!("/v3/rooms/{}/event/{}", room, event))
    }

    /// A page of history with this query.
    #[track_caller]
    pub fn messages(&self, room: &str, query: &str) -> Value {
        self.get(&format!("{}?{query}", path!("/v3/rooms/{}/messages", room)))
            .ok()
    }

    /// Sets a receipt on an event, in this thread if there is one.
    #[track_caller]
    pub fn read(&self, room: &str, kind: &str, event: &str, thread: Option<&str>) {
        let body = thread.map_or(json!({}), |thread| json!({ "thread_id": thread }));
        self.post(
            &path!("/v3/rooms/{}/receipt/{}/{}", room, kind, event),
            &body,
        )
        .ok();
    }

    /// Says whether the user is typing.
    #[track_caller]
    pub fn typing(&self, room: &str, typing: bool) {
        let body = json!({ "typing": typing, "timeout": 30_000 });
        self.put(&path!("/v3/rooms/{}/typing/{}", room, self.id), &body)
            .ok();
    }
}

/// The content of a text message.
pub fn message(words: &str) -> Value {
    json!({ "msgtype": "m.text", "body": words })
}
