//! `User`: an account and one signed-in device of it, with a method for each common act.

pub mod afar;
pub mod rooms;

use hmac::{Hmac, Mac as _};
use serde_json::{Value, json};
use sha1::Sha1;

use crate::{
    http::{Reply, Request},
    must::text,
    path,
    server::{Homeserver, unique},
};

/// Who acts in a test.
#[derive(Clone, Debug)]
pub struct User {
    /// The server of the account.
    pub server: Homeserver,
    /// `@localpart:server`
    pub id: String,
    /// The part of the id before the colon.
    pub localpart: String,
    /// The device this user acts from.
    pub device_id: String,
    /// The access token of the device.
    pub token: String,
    /// The account's password.
    pub password: String,
}

impl Homeserver {
    /// Registers an account whose name starts with `stem`.
    #[track_caller]
    pub fn register(&self, stem: &str) -> User {
        self.register_named(&unique(stem))
    }

    /// Registers somebody by a name that has to be that one.
    #[track_caller]
    pub fn register_named(&self, localpart: &str) -> User {
        let password = format!("password of {localpart}");
        let answer = self.post(
            "/v3/register",
            &json!({
                "username": localpart,
                "password": password,
                "auth": { "type": "m.login.dummy" },
            }),
        );
        User::from_sign_in(self, &answer.ok(), &password)
    }

    /// Registers an administrator; `None` where nobody can become one.
    #[track_caller]
    pub fn register_admin(&self) -> Option<User> {
        self.register_with_secret("admin", true)
    }

    /// Registers through the administrator's secret; `None` where there is none.
    #[track_caller]
    pub fn register_with_secret(&self, stem: &str, admin: bool) -> Option<User> {
        let secret = self.shared_secret()?;
        let localpart = unique(stem);
        let password = format!("password of {localpart}");
        let nonce = text(&self.get("/_synapse/admin/v1/register").ok()["nonce"]);
        let mac = registration_mac(secret, &nonce, &localpart, &password, admin);
        let answer = self.post(
            "/_synapse/admin/v1/register",
            &json!({
                "nonce": nonce,
                "username": localpart,
                "password": password,
                "admin": admin,
                "mac": mac,
            }),
        );
        Some(User::from_sign_in(self, &answer.ok(), &password))
    }
}

/// HMAC-SHA1 over the fields, separated by zero bytes.
pub fn registration_mac(
    secret: &str,
    nonce: &str,
    localpart: &str,
    password: &str,
    admin: bool,
) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret.as_bytes()).expect("any key length is fine");
    let role = if admin { "admin" } else { "notadmin" };
    mac.update([nonce, localpart, password, role].join("\0").as_bytes());
    let bytes = mac.finalize().into_bytes();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl User {
    /// The user that an answer of `/register` or `/login` describes.
    #[track_caller]
    pub fn from_sign_in(server: &Homeserver, answer: &Value, password: &str) -> Self {
        let id = text(&answer["user_id"]);
        let localpart = id.trim_start_matches('@').split(':').next();
        Self {
            server: server.clone(),
            localpart: localpart.unwrap_or_default().to_owned(),
            device_id: text(&answer["device_id"]),
            token: text(&answer["access_token"]),
            password: password.to_owned(),
            id,
        }
    }

    /// The same account on another device.
    #[track_caller]
    pub fn new_device(&self) -> Self {
        let answer = self.server.post("/v3/login", &self.login_body());
        Self::from_sign_in(&self.server, &answer.ok(), &self.password)
    }

    /// What `/login` wants from this user.
    pub fn login_body(&self) -> Value {
        json!({
            "type": "m.login.password",
            "identifier": { "type": "m.id.user", "user": self.localpart },
            "password": self.password,
        })
    }

    /// The `auth` part of a request that needs user-interactive authentication by password.
    pub fn password_auth(&self, session: &Value) -> Value {
        json!({
            "type": "m.login.password",
            "identifier": { "type": "m.id.user", "user": self.localpart },
            "password": self.password,
            "session": session,
        })
    }

    /// Sends a request that needs user-interactive authentication, and answers the question for the password.
    #[track_caller]
    pub fn with_password(&self, method: &str, path: &str, body: &Value) -> Reply {
        let question = self.request(method, path).json(body).send();
        if question.status != 401 {
            return question;
        }
        let session = question.json["session"].clone();
        let mut body = body.clone();
        body["auth"] = self.password_auth(&session);
        self.request(method, path).json(&body).send()
    }

    /// A request with the access token, to be completed.
    pub fn request(&self, method: &str, path: &str) -> Request {
        self.server.request(method, path).token(&self.token)
    }

    /// `GET` with the access token.
    #[track_caller]
    pub fn get(&self, path: &str) -> Reply {
        self.request("GET", path).send()
    }

    /// `POST` with the access token.
    #[track_caller]
    pub fn post(&self, path: &str, body: &Value) -> Reply {
        self.request("POST", path).json(body).send()
    }

    /// `PUT` with the access token.
    #[track_caller]
    pub fn put(&self, path: &str, body: &Value) -> Reply {
        self.request("PUT", path).json(body).send()
    }

    /// `DELETE` with the access token.
    #[track_caller]
    pub fn delete(&self, path: &str) -> Reply {
        self.request("DELETE", path).send()
    }

    /// Sets the display name.
    #[track_caller]
    pub fn set_display_name(&self, name: &str) {
        let path = path!("/v3/profile/{}/displayname", self.id);
        self.put(&path, &json!({ "displayname": name })).ok();
    }

    /// Sets global account data.
    #[track_caller]
    pub fn set_account_data(&self, kind: &str, content: &Value) {
        let path = path!("/v3/user/{}/account_data/{}", self.id, kind);
        self.put(&path, content).ok();
    }

    /// Stores a filter and returns its id.
    #[track_caller]
    pub fn define_filter(&self, filter: &Value) -> String {
        let path = path!("/v3/user/{}/filter", self.id);
        text(&self.post(&path, filter).ok()["filter_id"])
    }

    /// Sends a to-device message to one device.
    #[track_caller]
    pub fn send_to_device(&self, kind: &str, to: &User, content: &Value) {
        let path = path!("/v3/sendToDevice/{}/{}", kind, unique("txn"));
        let messages = json!({ "messages": { &to.id: { &to.device_id: content } } });
        self.put(&path, &messages).ok();
    }
}
