//! Reading a request's JSON body, of bounded size and in bounded time.

use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode, header, request::Parts};
use http_body_util::BodyExt;
use ruma::api::error::ErrorKind;
use tokio::time::timeout;

use crate::error::{ApiError, ApiResult};

/// The largest body of a signed-in user: device keys and messages to hundreds of devices come in one request.
const LARGEST: usize = 4 * 1024 * 1024;
/// The largest body of anybody else: signing in and registering.
const LARGEST_OF_STRANGERS: usize = 64 * 1024;
/// The largest body of another server: a transaction of 50 events and 100 messages to devices.
const LARGEST_OF_SERVERS: usize = 10 * 1024 * 1024;
/// How long a client may pause within a body.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// How long a whole body may take.
const LONGEST: Duration = Duration::from_secs(120);

/// Marks a request whose sender is known; they are trusted with larger bodies than strangers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Authenticated;

/// The body of a JSON request.
pub(super) async fn read(parts: &Parts, body: Body) -> ApiResult<Bytes> {
    let known = parts.extensions.get::<Authenticated>().is_some();
    let limit = if known { LARGEST } else { LARGEST_OF_STRANGERS };
    read_at_most(&parts.headers, body, limit).await
}

/// The body of a request that another server has signed.
pub(super) async fn read_of_server(parts: &Parts, body: Body) -> ApiResult<Bytes> {
    read_at_most(&parts.headers, body, LARGEST_OF_SERVERS).await
}

/// The body, if it has no more than `limit` bytes.
async fn read_at_most(headers: &HeaderMap, body: Body, limit: usize) -> ApiResult<Bytes> {
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: u64| length > limit as u64) {
        discard(body).await;
        return Err(too_large(limit));
    }
    timeout(LONGEST, collect(body, limit, LONGEST_PAUSE))
        .await
        .map_err(|_| too_slow())?
}

/// Reads what a client sends although it is refused, within reason: one that is still sending when the connection ends
/// never sees the answer.
async fn discard(mut body: Body) {
    let reading = async {
        let mut read = 0;
        while let Some(Ok(frame)) = body.frame().await {
            read += frame.data_ref().map_or(0, Bytes::len);
            if read > LARGEST {
                return;
            }
        }
    };
    // However it ends, the answer is the same.
    drop(timeout(LONGEST_PAUSE, reading).await);
}

async fn collect(mut body: Body, limit: usize, longest_pause: Duration) -> ApiResult<Bytes> {
    let mut collected = BytesMut::new();
    loop {
        let frame = timeout(longest_pause, body.frame())
            .await
            .map_err(|_| too_slow())?;
        let Some(frame) = frame else {
            return Ok(collected.freeze());
        };
        let frame = frame.map_err(|error| {
            ApiError::not_json("The request body ended before it was complete.").because(error)
        })?;
        // Trailers carry nothing that this API knows.
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if collected.len() + data.len() > limit {
            return Err(too_large(limit));
        }
        if collected.is_empty() && body.size_hint_is_done() {
            return Ok(data);
        }
        collected.extend_from_slice(&data);
    }
}

/// Whether nothing more will come: then the usual body, which is one frame, need not be copied.
trait IsDone {
    fn size_hint_is_done(&self) -> bool;
}

impl IsDone for Body {
    fn size_hint_is_done(&self) -> bool {
        hyper::body::Body::is_end_stream(self)
    }
}

fn too_large(limit: usize) -> ApiError {
    ApiError::too_large(format!(
        "The request body is larger than the {limit} bytes this endpoint takes."
    ))
}

fn too_slow() -> ApiError {
    let message = "The request body did not arrive in time.";
    ApiError::new(StatusCode::REQUEST_TIMEOUT, ErrorKind::Unknown, message)
}

#[cfg(test)]
mod tests {
    use futures::{StreamExt, stream};

    use super::*;

    type Chunk = Result<&'static str, std::io::Error>;

    #[tokio::test]
    async fn a_body_that_stops_coming_is_given_up() {
        let begun = stream::iter([Chunk::Ok("{\"a\":")]).chain(stream::pending());
        let body = Body::from_stream(begun);
        let refused = collect(body, 100, Duration::from_millis(5)).await;
        assert_eq!(refused.unwrap_err().status(), StatusCode::REQUEST_TIMEOUT);
    }

    #[tokio::test]
    async fn a_body_that_grows_beyond_the_limit_is_refused_without_reading_on() {
        let endless = stream::repeat_with(|| Chunk::Ok("0123456789"));
        let refused = collect(Body::from_stream(endless), 100, LONGEST_PAUSE).await;
        assert_eq!(refused.unwrap_err().status(), StatusCode::PAYLOAD_TOO_LARGE);
    }

    #[tokio::test]
    async fn a_body_in_pieces_is_put_together() {
        let pieces = stream::iter([Chunk::Ok("{\"a\""), Chunk::Ok(":1}")]);
        let body = collect(Body::from_stream(pieces), 100, LONGEST_PAUSE).await;
        assert_eq!(body.unwrap(), "{\"a\":1}");
    }
}
