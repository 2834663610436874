//! Somebody as the server knows them.

use serde_json::{Value, json};

pub(crate) const PASSWORD: &str = "correct horse battery";

pub(crate) struct Account {
    address: String,
    id: String,
    token: String,
}

impl Account {
    pub(crate) fn register(address: &str, name: &str) -> Self {
        let body =
            json!({ "username": name, "password": PASSWORD, "auth": { "type": "m.login.dummy" } });
        let answer = request(
            address,
            "",
            reqwest::Method::POST,
            "v3/register",
            Some(&body),
        );
        let text = |field: &str| answer[field].as_str().unwrap().to_owned();
        Self {
            address: address.to_owned(),
            id: text("user_id"),
            token: text("access_token"),
        }
    }

    pub(crate) fn create_room(&self, name: &str) -> String {
        let body = json!({ "name": name, "preset": "public_chat" });
        let answer = self.ask(reqwest::Method::POST, "v3/createRoom", Some(&body));
        answer["room_id"].as_str().unwrap().to_owned()
    }

    pub(crate) fn join(&self, room: &str) {
        self.ask(
            reqwest::Method::POST,
            &format!("v3/join/{room}"),
            Some(&json!({})),
        );
    }

    /// Sends a text and returns its event's id.
    pub(crate) fn say(&self, room: &str, text: &str) -> String {
        let path = format!("v3/rooms/{room}/send/m.room.message/{}", text.len());
        let body = json!({ "msgtype": "m.text", "body": text });
        let answer = self.ask(reqwest::Method::PUT, &path, Some(&body));
        answer["event_id"].as_str().unwrap().to_owned()
    }

    /// How many sign-ins the account has.
    pub(crate) fn devices(&self) -> usize {
        let answer = self.ask(reqwest::Method::GET, "v3/devices", None);
        answer["devices"].as_array().map_or(0, Vec::len)
    }

    /// Whether this person's receipt stands at an event.
    pub(crate) fn has_read(&self, room: &str, event: &str) -> bool {
        let filter = json!({ "room": { "rooms": [room] } }).to_string();
        let filter: String = url::form_urlencoded::byte_serialize(filter.as_bytes()).collect();
        let path = format!("v3/sync?timeout=0&filter={filter}");
        let answer = self.ask(reqwest::Method::GET, &path, None);
        let events = &answer["rooms"]["join"][room]["ephemeral"]["events"];
        let mut receipts = events.as_array().into_iter().flatten();
        receipts.any(|receipt| {
            receipt["type"] == "m.receipt"
                && (receipt["content"][event]["m.read"].get(&self.id).is_some()
                    || receipt["content"][event]["m.read.private"]
                        .get(&self.id)
                        .is_some())
        })
    }

    /// The newest event that is wanted.
    pub(crate) fn find(&self, room: &str, wanted: impl Fn(&Value) -> bool) -> Option<Value> {
        let path = format!("v3/rooms/{room}/messages?dir=b&limit=50");
        let answer = self.ask(reqwest::Method::GET, &path, None);
        let mut events = answer["chunk"].as_array().into_iter().flatten();
        events.find(|event| wanted(event)).cloned()
    }

    fn ask(&self, method: reqwest::Method, path: &str, body: Option<&Value>) -> Value {
        request(&self.address, &self.token, method, path, body)
    }
}

fn request(
    address: &str,
    token: &str,
    method: reqwest::Method,
    path: &str,
    body: Option<&Value>,
) -> Value {
    let url = format!("http://{address}/_matrix/client/{path}");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut request = reqwest::Client::new().request(method, &url);
        if !token.is_empty() {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        request.send().await.unwrap().json().await.unwrap()
    })
}
