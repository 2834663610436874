//! A bridge, as far as a homeserver can tell.
//! [spec](https://spec.matrix.org/v1.19/application-service-api/)

use std::sync::OnceLock;

use serde_json::{Value, json};

use crate::{
    http::{Reply, Request, encode},
    listener::{Listener, Received},
    matchers::items,
    server::{Homeserver, Settings, unique},
    user::User,
};

/// A homeserver with an application service that runs in the test.
#[derive(Clone, Debug)]
pub struct Bridge {
    /// The homeserver.
    pub server: Homeserver,
    /// What it calls.
    pub listener: Listener,
    /// The id of the service.
    pub id: String,
    /// The token with which the service authenticates.
    pub as_token: String,
}

/// The bridge that tests share; none where the server under test is not started by this suite.
pub fn bridge() -> Option<&'static Bridge> {
    static SHARED: OnceLock<Option<Bridge>> = OnceLock::new();
    SHARED.get_or_init(Bridge::start).as_ref()
}

impl Bridge {
    /// Starts a homeserver with a bridge of the test's own.
    pub fn start() -> Option<Self> {
        let listener = Listener::start(|_| (200, json!({})));
        let id = unique("bridge");
        let as_token = format!("as_token_of_{id}");
        let registration = json!({
            "id": id,
            "url": listener.url(),
            "as_token": as_token,
            "hs_token": hs_token(&id),
            "sender_localpart": "bridge_bot",
            "rate_limited": false,
            "receive_ephemeral": true,
            "de.sorunome.msc2409.push_ephemeral": true,
            "protocols": ["testnet"],
            "namespaces": {
                "users": [{ "exclusive": true, "regex": "@bridge_.*" }],
                "aliases": [{ "exclusive": true, "regex": "#bridge_.*" }],
                "rooms": [],
            },
        });
        let without_url = json!({
            "id": "silent",
            "url": null,
            "as_token": "as_token_of_silent",
            "hs_token": "hs_token_of_silent",
            "sender_localpart": "silent_bot",
            "namespaces": { "users": [{ "exclusive": false, "regex": "@silent_.*" }] },
        });
        let settings = Settings {
            appservices: vec![registration, without_url],
            ..Settings::default()
        };
        let server = Homeserver::own(&settings)?;
        let bridge = Self {
            server,
            listener,
            id,
            as_token,
        };
        bridge.answer_as_usual();
        Some(bridge)
    }

    /// Takes everything, and makes users and rooms whose names say "lazy" when asked for them.
    pub fn answer_as_usual(&self) {
        let bridge = self.clone();
        self.listener.answer(move |request| bridge.usual(request));
    }

    fn usual(&self, request: &Received) -> (u16, Value) {
        let nothing = (
            404,
            json!({ "errcode": "M_NOT_FOUND", "error": "no such thing" }),
        );
        let name = request.path.rsplit('/').next().unwrap_or_default();
        if request.path.starts_with("/_matrix/app/v1/users/") && name.contains("lazy") {
            let localpart = name.replace("%40", "").replace("%3A", ":");
            let localpart = localpart.split(':').next().unwrap_or_default();
            return (self.register(localpart).status, json!({}));
        }
        if request.path.starts_with("/_matrix/app/v1/rooms/") && name.contains("lazy") {
            let localpart = name.replace("%23", "").replace("%3A", ":");
            let localpart = localpart.split(':').next().unwrap_or_default();
            let room = json!({ "preset": "public_chat", "room_alias_name": localpart });
            let made = self.as_bot("POST", "/v3/createRoom").json(&room).send();
            return (made.status, json!({}));
        }
        let thirdparty = request.path.strip_prefix("/_matrix/app/v1/thirdparty/");
        let fields = json!({ "nick": "roger" });
        let user =
            json!({ "userid": "@bridge_roger:spec.test", "protocol": "testnet", "fields": fields });
        let fields = json!({ "channel": "deck" });
        let location =
            json!({ "alias": "#bridge_deck:spec.test", "protocol": "testnet", "fields": fields });
        match thirdparty {
            Some("protocol/testnet") => (200, protocol()),
            Some("user/testnet" | "user") if !request.query.contains("nobody") => {
                (200, json!([user]))
            }
            Some("location/testnet" | "location") if !request.query.contains("nowhere") => {
                (200, json!([location]))
            }
            Some(_) => (200, json!([])),
            None if request.path.contains("/users/") || request.path.contains("/rooms/") => nothing,
            None => (200, json!({})),
        }
    }

    /// A request as the service itself.
    pub fn as_bot(&self, method: &str, path: &str) -> Request {
        self.server.request(method, path).token(&self.as_token)
    }

    /// A request as one of the service's users.
    pub fn acting(&self, user: &str, method: &str, path: &str) -> Request {
        let mark = if path.contains('?') { '&' } else { '?' };
        self.as_bot(method, &format!("{path}{mark}user_id={}", encode(user)))
    }

    /// The answer to registering a user of the service.
    #[track_caller]
    pub fn register(&self, localpart: &str) -> Reply {
        let body = json!({
            "type": "m.login.application_service",
            "username": localpart,
            "inhibit_login": true,
        });
        self.as_bot("POST", "/v3/register").json(&body).send()
    }

    /// A new user of the service; nobody is signed in.
    #[track_caller]
    pub fn ghost(&self, stem: &str) -> String {
        let localpart = unique(&format!("bridge_{stem}"));
        self.register(&localpart).ok();
        format!("@{localpart}:{}", self.server.server_name())
    }

    /// A public room of somebody with this ghost in it.
    #[track_caller]
    pub fn room_with(&self, owner: &User, ghost: &str) -> String {
        let room = owner.public_room();
        let path = format!("/v3/rooms/{}/join", encode(&room));
        self.acting(ghost, "POST", &path)
            .json(&json!({}))
            .send()
            .ok();
        room
    }

    /// The events received so far, each once, in their order.
    pub fn events(&self) -> Vec<Value> {
        self.in_transactions("events")
    }

    /// Typing and receipts received so far.
    pub fn ephemeral(&self) -> Vec<Value> {
        self.in_transactions("ephemeral")
    }

    fn in_transactions(&self, section: &str) -> Vec<Value> {
        let received = self.listener.received();
        let taken = received
            .iter()
            .filter(|request| request.method == "PUT" && request.status == 200);
        taken
            .flat_map(|request| items(&request.body[section]).to_vec())
            .collect()
    }

    /// Waits for an event.
    #[track_caller]
    pub fn must_hear(&self, event: &str) -> Value {
        crate::sync_until::eventually(|| {
            let events = self.events();
            let found = events.iter().find(|heard| heard["event_id"] == event);
            found
                .cloned()
                .ok_or_else(|| format!("{event} is not among {} events", events.len()))
        })
    }
}

/// The token with which the homeserver authenticates.
pub fn hs_token(id: &str) -> String {
    format!("hs_token_of_{id}")
}

fn protocol() -> Value {
    json!({
        "user_fields": ["nick"],
        "location_fields": ["channel"],
        "icon": "mxc://spec.test/icon",
        "field_types": {
            "nick": { "regexp": ".*", "placeholder": "nick" },
            "channel": { "regexp": ".*", "placeholder": "deck" },
        },
        "instances": [{ "network_id": "one", "desc": "Test", "fields": {} }],
    })
}
