//! Simplified sliding sync: one connection of a client.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::{http::Reply, matchers::Verdict, must::text, user::User};

/// Where clients of today find it.
pub const PATH: &str = "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync";
const DEADLINE: Duration = Duration::from_secs(20);

/// A connection that remembers its position.
#[derive(Debug)]
pub struct Connection<'a> {
    user: &'a User,
    name: &'a str,
    position: Option<String>,
}

impl User {
    /// A new connection with this `conn_id`.
    pub fn sliding_sync<'a>(&'a self, name: &'a str) -> Connection<'a> {
        Connection {
            user: self,
            name,
            position: None,
        }
    }
}

impl Connection<'_> {
    /// The answer to one request at this position.
    #[track_caller]
    pub fn try_next(&self, body: &Value, timeout: Duration) -> Reply {
        let mut body = body.clone();
        body["conn_id"] = json!(self.name);
        let position = self.position.as_ref().map_or(String::new(), |position| {
            format!("&pos={}", crate::http::encode(position))
        });
        let path = format!("{PATH}?timeout={}{position}", timeout.as_millis());
        self.user.post(&path, &body)
    }

    /// The next response, at once.
    #[track_caller]
    pub fn next(&mut self, body: &Value) -> Value {
        self.wait(body, Duration::ZERO)
    }

    /// The next response, after up to `timeout`.
    #[track_caller]
    pub fn wait(&mut self, body: &Value, timeout: Duration) -> Value {
        let response = self.try_next(body, timeout).ok();
        self.position = Some(text(&response["pos"]));
        response
    }

    /// Repeats a request until a response passes.
    #[track_caller]
    pub fn must_see(&mut self, body: &Value, check: impl Fn(&Value) -> Verdict) -> Value {
        let deadline = Instant::now() + DEADLINE;
        let mut reasons = Vec::new();
        loop {
            let response = self.wait(body, Duration::from_secs(2));
            match check(&response) {
                Ok(()) => return response,
                Err(reason) => reasons.push(reason),
            }
            assert!(
                Instant::now() < deadline,
                "not seen; the reasons, one for each response:\n{}",
                reasons.join("\n")
            );
        }
    }
}
