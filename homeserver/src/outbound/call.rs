//! One request to somebody else.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use reqwest::Url;
use serde::Serialize;

use super::OutboundError;

/// How long a call may take, answer included, unless it says otherwise.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes of the longest answer, unless the call says otherwise.
const MAX_BODY: usize = 1 << 20;

/// Who named the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A user: what only the server can reach is out of bounds, unless the configuration allows it.
    User,
    /// The administrator, who may well mean this machine.
    Administrator,
}

/// A request to be sent.
#[derive(Clone, Debug)]
pub struct Call {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) origin: Origin,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) timeout: Duration,
    pub(super) max_body: usize,
    /// Redirects that may still be followed; without a number they are answers like others.
    pub(super) redirects: Option<u8>,
}

impl Call {
    /// A request without a body.
    pub fn new(method: Method, url: &str, origin: Origin) -> Result<Self, OutboundError> {
        let url = Url::parse(url).map_err(|_| OutboundError::InvalidAddress)?;
        Ok(Self {
            method,
            url,
            origin,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            timeout: TIMEOUT,
            max_body: MAX_BODY,
            redirects: None,
        })
    }

    /// Sends a value as JSON.
    pub fn json(mut self, body: &impl Serialize) -> Result<Self, serde_json::Error> {
        self.body = serde_json::to_vec(body)?.into();
        let json = HeaderValue::from_static("application/json");
        self.headers.insert(header::CONTENT_TYPE, json);
        Ok(self)
    }

    /// Authenticates with a token. One that no header can carry is left out.
    pub fn bearer(mut self, token: &str) -> Self {
        if let Ok(mut value) = HeaderValue::try_from(format!("Bearer {token}")) {
            value.set_sensitive(true);
            self.headers.insert(header::AUTHORIZATION, value);
        }
        self
    }

    /// Sets a header.
    pub fn header(mut self, name: header::HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Adds to the query.
    pub fn query(mut self, pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut pairs = pairs.into_iter().peekable();
        if pairs.peek().is_some() {
            self.url.query_pairs_mut().extend_pairs(pairs);
        }
        self
    }

    /// How long the call may take, answer included.
    pub fn within(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Bytes of the longest answer.
    pub fn at_most(mut self, bytes: usize) -> Self {
        self.max_body = bytes;
        self
    }

    /// Follows so many redirects. Meant for requests without a body.
    pub fn following(mut self, redirects: u8) -> Self {
        self.redirects = Some(redirects);
        self
    }

    /// Goes where a redirect points. Credentials stay behind when that is another host.
    pub(super) fn follow(&mut self, next: Url) -> Result<(), OutboundError> {
        let left = self.redirects.and_then(|left| left.checked_sub(1));
        self.redirects = Some(left.ok_or(OutboundError::TooManyRedirects)?);
        if next.host_str() != self.url.host_str()
            || next.port_or_known_default() != self.url.port_or_known_default()
        {
            self.headers.remove(header::AUTHORIZATION);
            self.headers.remove(header::COOKIE);
        }
        self.url = next;
        Ok(())
    }
}
