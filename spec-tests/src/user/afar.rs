//! What a user does in rooms of other servers, and sees of what is done there.

use serde_json::{Value, json};

use super::User;
use crate::{
    http::{Reply, encode},
    matchers, path,
    server::Homeserver,
    sync_until::eventually,
};

impl User {
    /// Joins a room through a server that is in it.
    #[track_caller]
    pub fn join_via(&self, room: &str, server: &Homeserver) {
        self.try_join_via(room, server).ok();
    }

    /// The answer to an attempt to join through a server.
    #[track_caller]
    pub fn try_join_via(&self, room: &str, server: &Homeserver) -> Reply {
        let path = format!("{}?{}", path!("/v3/join/{}", room), via(server));
        self.post(&path, &json!({}))
    }

    /// Knocks at a room through a server that is in it.
    #[track_caller]
    pub fn knock_via(&self, room: &str, server: &Homeserver) {
        let path = format!("{}?{}", path!("/v3/knock/{}", room), via(server));
        self.post(&path, &json!({ "reason": "let me in" })).ok();
    }

    /// The bodies of the newest hundred messages, oldest first.
    #[track_caller]
    pub fn bodies(&self, room: &str) -> Vec<String> {
        let page = self.messages(room, "dir=b&limit=100");
        let mut bodies = matchers::bodies(&page["chunk"]);
        bodies.reverse();
        bodies.into_iter().map(str::to_owned).collect()
    }

    /// The bodies of all messages that can be paged back to, oldest first.
    #[track_caller]
    pub fn all_bodies(&self, room: &str) -> Vec<String> {
        let (mut found, mut from) = (Vec::new(), String::new());
        loop {
            let page = self.messages(room, &format!("dir=b&limit=100{from}"));
            found.extend(
                matchers::bodies(&page["chunk"])
                    .into_iter()
                    .map(str::to_owned),
            );
            let Some(end) = page["end"].as_str() else {
                break;
            };
            from = format!("&from={}", encode(end));
        }
        found.reverse();
        found
    }

    /// Waits until a message is there, exactly once.
    #[track_caller]
    pub fn must_read_once(&self, room: &str, words: &str) {
        eventually(|| {
            let found = self.bodies(room);
            match found.iter().filter(|body| *body == words).count() {
                1 => Ok(()),
                times => Err(format!("{words:?} is there {times} times: {found:?}")),
            }
        });
    }

    /// Waits until a member has this membership.
    #[track_caller]
    pub fn must_see_member(&self, room: &str, of: &User, membership: &str) {
        let expected = json!({ "membership": membership });
        self.must_see_state(room, "m.room.member", &of.id, &expected);
    }

    /// Waits until a piece of the room's state contains this.
    #[track_caller]
    pub fn must_see_state(&self, room: &str, kind: &str, key: &str, expected: &Value) {
        eventually(|| {
            let reply = self.state(room, kind, key);
            matchers::contains(&reply.json, expected)
                .map_err(|reason| format!("{kind} of {room}: {reason}"))
        });
    }

    /// Waits until an event, as it is shown, contains this.
    #[track_caller]
    pub fn must_see_event(&self, room: &str, event: &str, expected: &Value) {
        eventually(|| matchers::contains(&self.event(room, event).json, expected));
    }

    /// Waits until there is an invitation to a room.
    #[track_caller]
    pub fn must_be_invited(&self, room: &str) {
        self.must_see(matchers::invited(room));
    }
}

fn via(server: &Homeserver) -> String {
    let name = encode(server.server_name());
    // The second name is the older one.
    format!("via={name}&server_name={name}")
}
