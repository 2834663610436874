//! What happens to every request, whatever its endpoint: its span, its metrics, CORS, and a last resort.

use std::panic::AssertUnwindSafe;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures::FutureExt;
use http::{HeaderMap, HeaderValue, Method, header};
use tracing::Instrument;

use super::{
    address::{ClientAddress, Peer, client_address},
    ruma::Route,
};
use crate::{ApiError, Server};

/// Surrounds the whole router.
pub(super) async fn surround(
    State(server): State<Server>,
    mut request: Request,
    next: Next,
) -> Response {
    // A browser asks before it sends: the answer is the same for every path, so no route needs to be found.
    let mut response = if request.method() == Method::OPTIONS {
        Response::default()
    } else {
        let address = address_of(&request);
        request.extensions_mut().insert(address);
        let span = tracing::info_span!(
            "request",
            method = %request.method(),
            path = request.uri().path(),
            user = tracing::field::Empty,
        );
        let started = server.clock.elapsed();
        let _in_flight = server.metrics.begin();
        let response = run(request, next).instrument(span.clone()).await;
        let route = response.extensions().get::<Route>();
        let path = route.map_or("none", |route| route.path);
        let (status, elapsed) = (response.status(), server.clock.elapsed() - started);
        span.in_scope(|| tracing::debug!(status = status.as_u16(), ?elapsed, "answered"));
        server.metrics.request(path, status, elapsed);
        response
    };
    allow_every_origin(response.headers_mut());
    response
}

fn address_of(request: &Request) -> ClientAddress {
    let peer = request.extensions().get::<Peer>();
    ClientAddress(
        peer.map(|peer| client_address(peer.address, &peer.trusted_proxies, request.headers())),
    )
}

/// A panic in a handler is a bug, but it concerns one request only.
async fn run(request: Request, next: Next) -> Response {
    match AssertUnwindSafe(next.run(request)).catch_unwind().await {
        Ok(response) => response,
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text
                .or_else(|| panic.downcast_ref::<&str>().copied())
                .unwrap_or("no message");
            ApiError::internal(anyhow::anyhow!("a handler panicked: {text}")).into_response()
        }
    }
}

/// Lets web clients of any origin use the API.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#web-browser-clients)
fn allow_every_origin(headers: &mut HeaderMap) {
    let allowed = [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (
            header::ACCESS_CONTROL_ALLOW_METHODS,
            "GET, POST, PUT, DELETE, OPTIONS",
        ),
        (
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            "X-Requested-With, Content-Type, Authorization",
        ),
    ];
    for (name, value) in allowed {
        headers.insert(name, HeaderValue::from_static(value));
    }
}
