//! People of whom a test needs many: they have no program and talk to the server directly.

use matrix_sdk::ruma::{OwnedRoomId, RoomId};
use reqwest::Method;
use serde_json::{Value, json};

use super::{person::PASSWORD, server::CROWD_TOKEN};

/// Requests at the same time.
pub(crate) const AT_ONCE: usize = 8;

/// Waits for what people without a program do.
pub(crate) fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(work)
}

/// Their way to the server, for one [`run`].
pub(crate) fn http() -> reqwest::Client {
    reqwest::Client::builder().build().unwrap()
}

/// Somebody who talks to the server without a program.
pub(crate) struct Writer {
    http: reqwest::Client,
    address: String,
    token: String,
    /// For whom a token of many speaks.
    user: Option<String>,
}

impl Writer {
    /// Somebody with a password.
    pub(crate) async fn register(http: &reqwest::Client, address: &str, user: &str) -> Self {
        let form = json!({
            "username": user, "password": PASSWORD, "auth": { "type": "m.login.dummy" },
        });
        let mut writer = Self::new(http, address);
        let answer = writer.call(Method::POST, "/register", &form).await;
        answer["access_token"]
            .as_str()
            .unwrap()
            .clone_into(&mut writer.token);
        writer
    }

    /// Somebody who has a password, with one more device, which has no keys.
    pub(crate) async fn sign_in(http: &reqwest::Client, address: &str, user: &str) -> Self {
        let form = json!({
            "type": "m.login.password", "password": PASSWORD,
            "identifier": { "type": "m.id.user", "user": user },
        });
        let mut writer = Self::new(http, address);
        let answer = writer.call(Method::POST, "/login", &form).await;
        answer["access_token"]
            .as_str()
            .unwrap()
            .clone_into(&mut writer.token);
        writer
    }

    /// Changes the password without telling the key storage, as a program without encryption does.
    pub(crate) async fn change_password(&self, user: &str, new: &str) {
        let form = json!({
            "new_password": new, "logout_devices": false,
            "auth": {
                "type": "m.login.password", "password": PASSWORD,
                "identifier": { "type": "m.id.user", "user": user },
            },
        });
        self.call(Method::POST, "/account/password", &form).await;
    }

    /// One of a crowd, `member…`, without a password: most of the work of registering is its hash.
    pub(crate) async fn appear(http: &reqwest::Client, address: &str, user: &str) -> Self {
        let form = json!({ "type": "m.login.application_service", "username": user, "inhibit_login": true });
        let mut writer = Self::new(http, address);
        CROWD_TOKEN.clone_into(&mut writer.token);
        let answer = writer.call(Method::POST, "/register", &form).await;
        writer.user = answer["user_id"].as_str().map(ToOwned::to_owned);
        writer
    }

    fn new(http: &reqwest::Client, address: &str) -> Self {
        Self {
            http: http.clone(),
            address: format!("http://{address}/_matrix/client/v3"),
            token: String::new(),
            user: None,
        }
    }

    /// The same person in another [`run`].
    pub(crate) fn with(self, http: reqwest::Client) -> Self {
        Self { http, ..self }
    }

    pub(crate) async fn call(&self, method: Method, path: &str, body: &Value) -> Value {
        let whom = self.user.as_ref().map(|user| format!("?user_id={user}"));
        let url = format!("{}{path}{}", self.address, whom.unwrap_or_default());
        let mut request = self.http.request(method, url);
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        let answer = request.json(body).send().await.unwrap();
        answer.error_for_status().unwrap().json().await.unwrap()
    }

    /// A room in which something was said, and then, if it is quiet, something done that no preview tells.
    pub(crate) async fn make_room(&self, number: usize, quiet: bool) -> OwnedRoomId {
        let form = json!({ "name": format!("Room {number}") });
        let made = self.call(Method::POST, "/createRoom", &form).await;
        let room = RoomId::parse(made["room_id"].as_str().unwrap()).unwrap();
        let message = json!({ "msgtype": "m.text", "body": format!("Said in {number}") });
        let path = format!("/rooms/{room}/send/m.room.message/1");
        self.call(Method::PUT, &path, &message).await;
        if quiet {
            let path = format!("/rooms/{room}/state/org.example.note/1");
            self.call(Method::PUT, &path, &json!({})).await;
        }
        room
    }
}
