//! HTTP to servers whose address is known: one pool of connections, bounds on time and size.

use std::{sync::Arc, time::Duration};

use anyhow::anyhow;
use bytes::{Bytes, BytesMut};
use http::{HeaderValue, Request, Response, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioTimer},
};
use tokio::time::timeout;

use super::{connector::Connector, discovery::Target};

/// How long an unused connection is kept.
const IDLE: Duration = Duration::from_secs(90);
/// Unused connections kept for one server.
const IDLE_CONNECTIONS: usize = 4;
/// The most that the head of an answer may take.
const HEAD_SIZE: usize = 64 * 1024;
/// How often a silent HTTP/2 connection is asked whether anybody is there, and how long it may take to say so.
const PING: Duration = Duration::from_secs(20);
const PONG: Duration = Duration::from_secs(10);
/// How long a peer may pause within a body.
const LONGEST_PAUSE: Duration = Duration::from_secs(20);

/// Bytes of a body that are kept in one buffer while it is read.
const PIECE: usize = 1024 * 1024;

/// How this server calls itself.
const USER_AGENT: &str = concat!("Fialka/", env!("CARGO_PKG_VERSION"));

/// Why a body could not be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum BodyError {
    #[error("the answer is larger than {0} bytes")]
    TooLarge(usize),
    #[error("the answer broke off: {0}")]
    Broken(#[from] hyper::Error),
    #[error("the answer stopped for too long")]
    Stalled,
}

/// A pool of connections.
#[derive(Clone)]
pub(super) struct Channel {
    client: Client<Connector, Full<Bytes>>,
    connector: Connector,
}

impl Channel {
    pub(super) fn new(tls: Arc<rustls::ClientConfig>) -> Self {
        let connector = Connector::new(tls);
        let mut builder = Client::builder(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .http1_max_buf_size(HEAD_SIZE)
            .http2_max_header_list_size(HEAD_SIZE as u32)
            .http2_keep_alive_interval(PING)
            .http2_keep_alive_timeout(PONG);
        Self {
            client: builder.build(connector.clone()),
            connector,
        }
    }

    /// Sends a request and waits for the head of the answer. The authority of the request's URI is the target's.
    pub(super) async fn send(
        &self,
        target: Target,
        mut request: Request<Bytes>,
    ) -> anyhow::Result<Response<Incoming>> {
        self.connector.set_route(target);
        let agent = HeaderValue::from_static(USER_AGENT);
        request.headers_mut().insert(header::USER_AGENT, agent);
        let answer = self.client.request(request.map(Full::new)).await;
        answer.map_err(|error| {
            let mut reason = error.to_string();
            let mut source = std::error::Error::source(&error);
            while let Some(cause) = source {
                reason = format!("{reason}: {cause}");
                source = cause.source();
            }
            anyhow!(reason)
        })
    }

    /// Sends a request and reads the whole answer. The caller limits the time.
    pub(super) async fn exchange(
        &self,
        target: Target,
        request: Request<Bytes>,
        largest: usize,
    ) -> anyhow::Result<Response<Bytes>> {
        let (parts, body) = self.send(target, request).await?.into_parts();
        let body = collect(body, largest).await?;
        Ok(Response::from_parts(parts, body))
    }
}

/// The next bytes of a body, if there are more.
pub(super) async fn next_bytes(body: &mut Incoming) -> Result<Option<Bytes>, BodyError> {
    loop {
        let frame = timeout(LONGEST_PAUSE, body.frame())
            .await
            .map_err(|_| BodyError::Stalled)?;
        let Some(frame) = frame else {
            return Ok(None);
        };
        // Trailers carry nothing that this API knows.
        if let Ok(bytes) = frame?.into_data() {
            return Ok(Some(bytes));
        }
    }
}

/// The whole body, if it has no more than `largest` bytes.
pub(super) async fn collect(mut body: Incoming, largest: usize) -> Result<Bytes, BodyError> {
    let announced = hyper::body::Body::size_hint(&body).lower();
    if announced > largest as u64 {
        return Err(BodyError::TooLarge(largest));
    }
    // In pieces: one buffer that grows would be copied again and again, and need three times the memory.
    let (mut pieces, mut piece, mut length) = (Vec::new(), BytesMut::new(), 0);
    while let Some(bytes) = next_bytes(&mut body).await? {
        length += bytes.len();
        if length > largest {
            return Err(BodyError::TooLarge(largest));
        }
        if piece.len() + bytes.len() > PIECE {
            pieces.push(piece.split());
        }
        piece.extend_from_slice(&bytes);
    }
    if pieces.is_empty() {
        return Ok(piece.freeze());
    }
    let mut collected = BytesMut::with_capacity(length);
    for piece in pieces.into_iter().chain([piece]) {
        collected.extend_from_slice(&piece);
    }
    Ok(collected.freeze())
}
