//! Requests and answers. Every answer is recorded, checked against its schema, and never a server error.

use std::{
    fmt,
    sync::LazyLock,
    time::{Duration, Instant},
};

use serde_json::Value;
use ureq::{Agent, http};

use crate::{coverage, endpoints, schema, server::Homeserver};

/// Longer than any long poll a test asks for.
const TIMEOUT: Duration = Duration::from_secs(90);
/// Bodies above this size are not printed in full.
const SHOWN_BODY: usize = 4_000;

/// A request being built.
#[derive(Debug)]
#[must_use = "a request does nothing until it is sent"]
pub struct Request {
    server: Homeserver,
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
}

/// An answer together with what was asked.
#[derive(Debug)]
pub struct Reply {
    /// HTTP method of the request.
    pub method: String,
    /// Path and query of the request.
    pub path: String,
    /// HTTP status.
    pub status: u16,
    /// Header names (lower case) and values.
    pub headers: Vec<(String, String)>,
    /// The body as it came.
    pub bytes: Vec<u8>,
    /// The body as JSON, null if it is none.
    pub json: Value,
    /// From the start of the request to the end of the body.
    pub took: Duration,
}

impl Request {
    /// A request to a path; `/v1/…` and `/v3/…` are short for the client-server API.
    pub fn new(server: &Homeserver, method: &str, path: &str) -> Self {
        let path = if path.starts_with("/v1/") || path.starts_with("/v3/") {
            format!("/_matrix/client{path}")
        } else {
            path.to_owned()
        };
        Self {
            server: server.clone(),
            method: method.to_owned(),
            path,
            headers: Vec::new(),
            body: None,
        }
    }

    /// Adds the access token.
    pub fn token(self, token: &str) -> Self {
        self.header("Authorization", &format!("Bearer {token}"))
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sends JSON.
    pub fn json(self, body: &Value) -> Self {
        self.bytes("application/json", body.to_string())
    }

    /// Sends bytes as they are.
    pub fn bytes(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self.header("Content-Type", content_type)
    }

    /// Sends the request and judges the answer as every answer is judged.
    ///
    /// # Panics
    /// When there is no answer, a server error, or one that breaks its schema.
    pub fn send(self) -> Reply {
        let server = self.server.clone();
        let reply = self
            .try_send()
            .unwrap_or_else(|error| panic!("no answer: {error}\n{}", server.log_tail()));
        assert!(
            reply.status < 500,
            "a server error: {reply}\n{}",
            server.log_tail()
        );
        reply.judge(server.is_synapse());
        reply
    }

    /// Sends the request; the answer is neither recorded nor judged.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn try_send(self) -> Result<Reply, String> {
        static AGENT: LazyLock<Agent> = LazyLock::new(|| {
            Agent::config_builder()
                .http_status_as_error(false)
                .max_redirects(0)
                .timeout_global(Some(TIMEOUT))
                // A server may close a kept connection just when the next request goes out on it; with a connection
                // for each request that race does not blur the results.
                .max_idle_connections(0)
                .max_idle_connections_per_host(0)
                .build()
                .new_agent()
        });
        let what = format!("{} {}", self.method, self.path);
        let started = Instant::now();
        let mut request = http::Request::builder()
            .method(self.method.as_str())
            .uri(format!("{}{}", self.server.url(), self.path));
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let wants_body = matches!(self.method.as_str(), "POST" | "PUT");
        let answer = match self.body {
            Some(body) => AGENT.run(request.body(body).map_err(|e| e.to_string())?),
            None if wants_body => AGENT.run(request.body(Vec::new()).map_err(|e| e.to_string())?),
            None => AGENT.run(request.body(()).map_err(|e| e.to_string())?),
        };
        let mut answer = answer.map_err(|error| format!("{what}: {error}"))?;
        let bytes = answer
            .body_mut()
            .with_config()
            .limit(256 * 1024 * 1024)
            .read_to_vec()
            .map_err(|error| format!("{what}: {error}"))?;
        let headers = answer.headers().iter().map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str().to_owned(), value)
        });
        Ok(Reply {
            status: answer.status().as_u16(),
            headers: headers.collect(),
            json: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
            bytes,
            method: self.method,
            path: self.path,
            took: started.elapsed(),
        })
    }
}

impl Reply {
    /// The JSON of a successful answer.
    ///
    /// # Panics
    /// When the request was refused.
    #[track_caller]
    pub fn ok(self) -> Value {
        assert!(self.status / 100 == 2, "must succeed: {self}");
        self.json
    }

    /// The JSON of an answer that must be a refusal with this status and error code.
    ///
    /// # Panics
    /// When the answer is another one.
    #[track_caller]
    pub fn must_fail(self, status: u16, errcode: &str) -> Value {
        let matches = self.status == status && self.json["errcode"] == errcode;
        assert!(matches, "must fail with {status} {errcode}: {self}");
        self.json
    }

    /// The JSON of an answer that must be a refusal with this status, whatever its error code.
    ///
    /// # Panics
    /// When the answer has another status.
    #[track_caller]
    pub fn must_be(self, status: u16) -> Value {
        assert!(self.status == status, "must answer {status}: {self}");
        self.json
    }

    /// The value of a header, empty if it is missing.
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(other, _)| other == name);
        found.map_or("", |(_, value)| value)
    }

    fn judge(&self, is_synapse: bool) {
        // Delayed events have the endpoint answer with something else. Where there are no relays, clients expect an empty
        // object, as Synapse sends it: they would ask again and again after an error.
        let is_other = self.path.contains("?org.matrix.msc4140.delay=")
            || (self.path.ends_with("/voip/turnServer") && self.json == serde_json::json!({}));
        let endpoint = endpoints::find(&self.method, &self.path).filter(|_| !is_other);
        if let Some(endpoint) = endpoint {
            coverage::record(endpoint, self);
            // Synapse says null where it means that a field is absent. Of the names of members everybody has to: matrix-nio
            // takes no list in which one is missing.
            let mut judged = if is_synapse || endpoint.operation == "getJoinedMembersByRoom" {
                without_nulls(&self.json)
            } else {
                self.json.clone()
            };
            // Synapse leaves `origin` out of its templates, see `rooms::a_template_names_the_server_that_made_it`.
            if is_synapse && self.path.contains("/make_") && judged["event"].is_object() {
                judged["event"]["origin"] = "".into();
            }
            let violations = schema::violations(&endpoint.operation, self.status, &judged);
            assert!(
                violations.is_empty(),
                "the answer breaks the schema of {} {}:\n{}\n{self}",
                endpoint.operation,
                self.status,
                violations.join("\n")
            );
        }
        // https://spec.matrix.org/v1.19/client-server-api/#standard-error-response
        let is_error = self.status >= 400 && self.path.starts_with("/_matrix");
        let is_uia = self.status == 401 && self.json["flows"].is_array();
        assert!(
            !is_error
                || is_uia
                || (self.json["errcode"].is_string() && self.json["error"].is_string()),
            "an error without errcode and error: {self}"
        );
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = match &self.json {
            Value::Null => String::from_utf8_lossy(&self.bytes).into_owned(),
            json => masked(json).to_string(),
        };
        let shown: String = body.chars().take(SHOWN_BODY).collect();
        let Self {
            method,
            path,
            status,
            ..
        } = self;
        write!(out, "{method} {path} answered {status}\n{shown}")
    }
}

/// JSON as it may be printed: without tokens and passwords.
fn masked(json: &Value) -> Value {
    match json {
        Value::Object(object) => object
            .iter()
            .map(|(key, value)| {
                let secret = key.ends_with("_token") && value.is_string() || key == "password";
                let value = if secret { "…".into() } else { masked(value) };
                (key.clone(), value)
            })
            .collect(),
        Value::Array(items) => items.iter().map(masked).collect(),
        other => other.clone(),
    }
}

fn without_nulls(json: &Value) -> Value {
    match json {
        Value::Object(object) => object
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key.clone(), without_nulls(value)))
            .collect(),
        Value::Array(items) => items.iter().map(without_nulls).collect(),
        other => other.clone(),
    }
}

/// Percent-encodes everything that is not unreserved, for one segment of a path or one value of a query.
pub fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

impl Homeserver {
    /// A request to be completed.
    pub fn request(&self, method: &str, path: &str) -> Request {
        Request::new(self, method, path)
    }

    /// `GET` without an access token.
    pub fn get(&self, path: &str) -> Reply {
        self.request("GET", path).send()
    }

    /// `POST` without an access token.
    pub fn post(&self, path: &str, body: &Value) -> Reply {
        self.request("POST", path).json(body).send()
    }

    /// `PUT` without an access token.
    pub fn put(&self, path: &str, body: &Value) -> Reply {
        self.request("PUT", path).json(body).send()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{encode, masked};

    #[test]
    fn identifiers_are_encoded_as_one_segment() {
        assert_eq!(encode("#a/b:c"), "%23a%2Fb%3Ac");
    }

    #[test]
    fn tokens_are_not_printed() {
        let printed = masked(&json!([{ "access_token": "secret", "user_id": "@a:b" }]));
        assert_eq!(printed, json!([{ "access_token": "…", "user_id": "@a:b" }]));
    }
}
