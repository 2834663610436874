//! `Peer`: another homeserver, of which a test says what it answers.
//!
//! It has its own signing key and a certificate that the server under test trusts. Its name is its address, so nobody
//! needs to be told where it is.

mod authority;
mod dag;
mod event;
pub mod forks;
mod listener;

use std::{
    net::{Ipv4Addr, TcpListener},
    sync::{Arc, Mutex},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};

pub use self::{
    authority::{Authority, Certificate, authority},
    dag::{Dag, Draft, State},
    listener::{Answer, Received},
};
use crate::{crypto::Key, http::Request, server::Homeserver};

type Script = Box<dyn Fn(&Received) -> Option<Answer> + Send>;

/// Another homeserver.
#[derive(Clone)]
pub struct Peer(Arc<Inner>);

struct Inner {
    name: String,
    keys: Mutex<Keys>,
    scripts: Mutex<Vec<Script>>,
    received: Mutex<Vec<Received>>,
}

/// The key that a peer signs with, and what it says about its keys.
struct Keys {
    id: String,
    key: Arc<Key>,
    valid_until: u64,
    old: Value,
}

impl Peer {
    /// A peer that publishes its key and answers nothing else yet.
    ///
    /// # Panics
    /// When it cannot listen.
    pub fn start() -> Self {
        Self::certified_by(authority())
    }

    /// The same with a certificate of another authority.
    ///
    /// # Panics
    /// When it cannot listen.
    pub fn certified_by(authority: &Authority) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener
            .local_addr()
            .expect("a bound listener has an address")
            .port();
        let peer = Self(Arc::new(Inner {
            name: format!("127.0.0.1:{port}"),
            keys: Mutex::new(Keys {
                id: "ed25519:peer1".to_owned(),
                key: Arc::default(),
                valid_until: now() + 24 * 3_600_000,
                old: json!({}),
            }),
            scripts: Mutex::default(),
            received: Mutex::default(),
        }));
        let answering = peer.clone();
        listener::serve(
            listener,
            &authority.certify(&["127.0.0.1"]),
            move |received| answering.answer_to(received),
        );
        peer
    }

    /// Its server name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// A user of this peer.
    pub fn user(&self, localpart: &str) -> String {
        format!("@{localpart}:{}", self.0.name)
    }

    /// Answers whatever `script` has an answer for, before anything that was said earlier.
    pub fn on(&self, script: impl Fn(&Received) -> Option<Answer> + Send + 'static) {
        self.0
            .scripts
            .lock()
            .expect("no test died here")
            .push(Box::new(script));
    }

    /// Answers one method and path with JSON.
    pub fn on_json(&self, method: &str, path: &str, body: Value) {
        let (method, path) = (method.to_owned(), path.to_owned());
        self.on(move |received| {
            let fits = received.method == method && received.path() == path;
            fits.then(|| Answer::json(200, &body))
        });
    }

    /// What has come in for a path that begins like this.
    pub fn received(&self, path: &str) -> Vec<Received> {
        let received = self.0.received.lock().expect("no test died here");
        received
            .iter()
            .filter(|request| request.target.starts_with(path))
            .cloned()
            .collect()
    }

    /// Signs with a new key of this id from now on.
    pub fn use_key(&self, id: &str) {
        let mut keys = self.0.keys.lock().expect("no test died here");
        keys.id = id.to_owned();
        keys.key = Arc::default();
    }

    /// Says from now on that its keys are valid for so long, in milliseconds from now.
    pub fn set_validity(&self, milliseconds: i64) {
        let mut keys = self.0.keys.lock().expect("no test died here");
        keys.valid_until = now().saturating_add_signed(milliseconds);
    }

    /// The id and the public half of the key it signs with.
    pub fn public_key(&self) -> (String, String) {
        let keys = self.0.keys.lock().expect("no test died here");
        (keys.id.clone(), keys.key.public())
    }

    /// Signs an object as this server.
    pub fn sign(&self, object: &mut Value) {
        let (id, key) = self.key();
        key.sign_as(object, &self.0.name, &id);
    }

    /// What it says about its keys.
    pub fn server_keys(&self) -> Value {
        let mut answer = {
            let keys = self.0.keys.lock().expect("no test died here");
            json!({
                "server_name": self.0.name,
                "verify_keys": { &keys.id: { "key": keys.key.public() } },
                "old_verify_keys": keys.old,
                "valid_until_ts": keys.valid_until,
            })
        };
        self.sign(&mut answer);
        answer
    }

    fn key(&self) -> (String, Arc<Key>) {
        let keys = self.0.keys.lock().expect("no test died here");
        (keys.id.clone(), Arc::clone(&keys.key))
    }

    /// A signed request to a server, to be sent.
    /// [spec](https://spec.matrix.org/v1.19/server-server-api/#request-authentication)
    pub fn request(
        &self,
        server: &Homeserver,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Request {
        let header = self.authorization(server.server_name(), method, path, body);
        let request = server
            .request(method, path)
            .header("Authorization", &header);
        match body {
            Some(body) => request.json(body),
            None => request,
        }
    }

    /// The header that proves that this peer sends a request to `destination`.
    pub fn authorization(
        &self,
        destination: &str,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> String {
        let mut signed = json!({
            "method": method,
            "uri": path,
            "origin": self.0.name,
            "destination": destination,
        });
        if let Some(body) = body {
            signed["content"] = body.clone();
        }
        self.sign(&mut signed);
        let (id, _) = self.key();
        let signature = signed["signatures"][&self.0.name][&id]
            .as_str()
            .unwrap_or_default();
        let name = &self.0.name;
        format!(
            "X-Matrix origin=\"{name}\",destination=\"{destination}\",key=\"{id}\",sig=\"{signature}\""
        )
    }

    fn answer_to(&self, received: Received) -> Answer {
        self.0
            .received
            .lock()
            .expect("no test died here")
            .push(received.clone());
        let scripted = {
            let scripts = self.0.scripts.lock().expect("no test died here");
            scripts.iter().rev().find_map(|script| script(&received))
        };
        match (scripted, received.path()) {
            (Some(answer), _) => answer,
            (None, "/_matrix/key/v2/server") => Answer::json(200, &self.server_keys()),
            (None, _) => Answer::error(404, "M_UNRECOGNIZED"),
        }
    }
}

/// Milliseconds since 1970.
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since
        .unwrap_or(Duration::ZERO)
        .as_millis()
        .try_into()
        .unwrap_or(u64::MAX)
}
