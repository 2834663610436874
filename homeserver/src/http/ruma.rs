//! Routes whose method, paths and types come from Ruma.
//!
//! A handler is an ordinary async function:
//!
//! ```ignore
//! async fn whoami(State(server): State<Server>, session: Session, Ruma(request): Ruma<whoami::v3::Request>)
//!     -> ApiResult<whoami::v3::Response>
//! ```
//!
//! and [`RouterExt::ruma_route`] serves it at every path the endpoint ever had. Behind the router all handlers are one
//! type ([`Endpoint`]), or Axum's machinery would be compiled anew for each of the two hundred.

use std::{future::Future, pin::Pin, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::{FromRequestParts, RawPathParams, Request, State},
    handler::Handler,
    response::{IntoResponse, Response},
    routing::{MethodFilter, on},
};
use bytes::{Bytes, BytesMut};
use futures::future::BoxFuture;
use http::{HeaderMap, Method, request::Parts};
use ruma::api::{IncomingRequest, Metadata, OutgoingResponse, path_builder::PathBuilder};
use serde::de::DeserializeOwned;

use super::{address::ClientAddress, body, limits::Class, old_auth, refusal, session::token_in};
use crate::{ApiError, ApiResult, Server};

/// The request of an endpoint, parsed.
pub struct Ruma<T>(pub T);

/// The request of an endpoint, and what of its body Ruma's type does not have.
pub struct Also<T, B>(pub T, pub B);

/// The request of an endpoint whose body is not JSON and may be large: it is left to the handler to read.
pub struct Streamed<T> {
    /// The parameters of path and query; its raw body is empty.
    pub request: T,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, of unknown length.
    pub body: Body,
}

/// An answer that was put together without Ruma: a stream, or JSON that is already text.
pub struct Raw(pub Response);

/// What a handler may return.
pub trait Answer {
    /// The answer over HTTP.
    fn into_http(self) -> ApiResult<Response>;
}

impl<T: OutgoingResponse> Answer for T {
    fn into_http(self) -> ApiResult<Response> {
        let response = self
            .try_into_http_response::<BytesMut>()
            .map_err(ApiError::internal)?;
        Ok(response.map(|body| Body::from(body.freeze())))
    }
}

impl Answer for Raw {
    fn into_http(self) -> ApiResult<Response> {
        Ok(self.0)
    }
}

/// The last argument of a handler, which takes the body.
pub trait Incoming: Sized + Send {
    /// The type that knows method, paths and parameters.
    type Request: IncomingRequest;

    /// Receives a request.
    fn receive(
        server: &Server,
        parts: Parts,
        body: Body,
        path_args: Vec<String>,
    ) -> impl Future<Output = ApiResult<Self>> + Send;
}

impl<T: IncomingRequest + Send> Incoming for Ruma<T> {
    type Request = T;

    async fn receive(
        _: &Server,
        parts: Parts,
        body: Body,
        path_args: Vec<String>,
    ) -> ApiResult<Self> {
        let body = match parts.method {
            // Bodies of these mean nothing.
            Method::GET | Method::HEAD => Bytes::new(),
            _ => old_auth::with_identifier(body::read(&parts, body).await?),
        };
        refusal::check_json_object(&body)?;
        decode(http::Request::from_parts(parts, body), &path_args).map(Self)
    }
}

impl<T: IncomingRequest + Send, B: DeserializeOwned + Send> Incoming for Also<T, B> {
    type Request = T;

    async fn receive(
        _: &Server,
        parts: Parts,
        body: Body,
        path_args: Vec<String>,
    ) -> ApiResult<Self> {
        let body = old_auth::with_identifier(body::read(&parts, body).await?);
        refusal::check_json_object(&body)?;
        let request = decode(http::Request::from_parts(parts, body.clone()), &path_args)?;
        let body = match &*body {
            [] => b"{}",
            body => body,
        };
        let more = serde_json::from_slice(body).map_err(|error| {
            ApiError::bad_json("The body does not have the shape that this endpoint takes.")
                .because(error)
        })?;
        Ok(Self(request, more))
    }
}

impl<T: IncomingRequest + Send> Incoming for Streamed<T> {
    type Request = T;

    async fn receive(
        _: &Server,
        parts: Parts,
        body: Body,
        path_args: Vec<String>,
    ) -> ApiResult<Self> {
        let headers = parts.headers.clone();
        let request = decode(http::Request::from_parts(parts, Bytes::new()), &path_args)?;
        Ok(Self {
            request,
            headers,
            body,
        })
    }
}

/// Reads the parameters and the body of a request as its endpoint's type.
pub(super) fn decode<T: IncomingRequest>(
    request: http::Request<Bytes>,
    path_args: &[String],
) -> ApiResult<T> {
    T::try_from_http_request(request, path_args).map_err(refusal::explain)
}

async fn path_args(parts: &mut Parts, server: &Server) -> ApiResult<Vec<String>> {
    let params = RawPathParams::from_request_parts(parts, server)
        .await
        .map_err(|error| ApiError::invalid_param("The path is not valid UTF-8.").because(error))?;
    Ok(params.iter().map(|(_, value)| value.to_owned()).collect())
}

/// What the layers around a handler know of its endpoint.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// The newest path, with variables: a label of bounded variety for logs and metrics.
    pub path: &'static str,
    /// How much of it a client may use.
    pub class: Class,
}

type Answering = Pin<Box<dyn Future<Output = Response> + Send>>;
type Serve = dyn Fn(Server, Request) -> Answering + Send + Sync;

/// A handler after its types are forgotten.
#[derive(Clone)]
struct Endpoint {
    route: Route,
    serve: Arc<Serve>,
}

impl Handler<Self, Server> for Endpoint {
    type Future = Answering;

    fn call(self, mut request: Request, server: Server) -> Answering {
        request.extensions_mut().insert(self.route);
        (self.serve)(server, request)
    }
}

/// An async function that takes the server, then whatever else it needs, then its [`Incoming`] request.
pub trait RumaHandler<Arguments>: Clone + Send + Sync + 'static {
    /// The type that knows method and paths.
    type Request: IncomingRequest;

    /// Answers one request.
    fn answer(
        self,
        server: Server,
        request: Request,
    ) -> impl Future<Output = ApiResult<Response>> + Send;
}

macro_rules! ruma_handler {
    ($($name:ident: $argument:ident),*) => {
        impl<F, Answering, A, I, $($argument,)*> RumaHandler<($($argument,)* I,)> for F
        where
            F: Fn(State<Server>, $($argument,)* I) -> Answering + Clone + Send + Sync + 'static,
            Answering: Future<Output = ApiResult<A>> + Send,
            A: Answer,
            I: Incoming,
            $($argument: FromRequestParts<Server, Rejection = ApiError> + Send,)*
        {
            type Request = I::Request;

            async fn answer(self, server: Server, request: Request) -> ApiResult<Response> {
                let (mut parts, body) = request.into_parts();
                let path_args = path_args(&mut parts, &server).await?;
                $(let $name = $argument::from_request_parts(&mut parts, &server).await?;)*
                let incoming = I::receive(&server, parts, body, path_args).await?;
                self(State(server), $($name,)* incoming).await?.into_http()
            }
        }
    };
}

ruma_handler!();
ruma_handler!(first: First);
ruma_handler!(first: First, second: Second);
ruma_handler!(first: First, second: Second, third: Third);

/// Registers handlers.
pub trait RouterExt: Sized {
    /// Serves a handler at every path its endpoint ever had, stable and unstable.
    fn ruma_route<H: RumaHandler<A>, A: 'static>(self, handler: H) -> Self;

    /// Serves a handler at one path that Ruma does not know. Variables are written `{like_this}` and are given to the
    /// request in their order.
    fn ruma_route_at<H: RumaHandler<A>, A: 'static>(self, path: &'static str, handler: H) -> Self;

    /// Serves an endpoint that is not Matrix's, with a function that reads the request itself.
    fn plain_route(self, method: &Method, path: &'static str, serve: PlainServe) -> Self;
}

/// A handler that reads the request itself.
pub type PlainServe =
    Box<dyn Fn(Server, Request) -> BoxFuture<'static, ApiResult<Response>> + Send + Sync>;

impl RouterExt for Router<Server> {
    fn ruma_route<H: RumaHandler<A>, A: 'static>(self, handler: H) -> Self {
        let paths: Vec<&'static str> = H::Request::PATH_BUILDER.all_paths().collect();
        // The newest stable path comes last.
        let Some(&name) = paths.last() else {
            return self;
        };
        let endpoint = Endpoint::new(name, handler);
        paths.into_iter().fold(self, |router, path| {
            endpoint.clone().serve_at::<H::Request>(router, path)
        })
    }

    fn ruma_route_at<H: RumaHandler<A>, A: 'static>(self, path: &'static str, handler: H) -> Self {
        Endpoint::new(path, handler).serve_at::<H::Request>(self, path)
    }

    fn plain_route(self, method: &Method, path: &'static str, serve: PlainServe) -> Self {
        Endpoint::plain(method, path, serve).serve_with(self, method, path)
    }
}

impl Endpoint {
    fn new<H: RumaHandler<A>, A: 'static>(path: &'static str, handler: H) -> Self {
        let route = Route {
            path,
            class: Class::of(&H::Request::METHOD, path),
        };
        let serve = move |server: Server, request: Request| -> Answering {
            let handler = handler.clone();
            Box::pin(async move {
                let answer = match check_address(&server, route, &request) {
                    Ok(()) => handler.answer(server, request).await,
                    Err(refused) => Err(refused),
                };
                with_route(answer, route)
            })
        };
        Self {
            route,
            serve: Arc::new(serve),
        }
    }

    fn plain(method: &Method, path: &'static str, serve: PlainServe) -> Self {
        let class = Class::of(method, path);
        let route = Route { path, class };
        let serve = move |server: Server, request: Request| -> Answering {
            match check_address(&server, route, &request) {
                Ok(()) => {
                    let answering = serve(server, request);
                    Box::pin(async move { with_route(answering.await, route) })
                }
                Err(refused) => Box::pin(async move { with_route(Err(refused), route) }),
            }
        };
        Self {
            route,
            serve: Arc::new(serve),
        }
    }

    fn serve_at<R: IncomingRequest>(self, router: Router<Server>, path: &str) -> Router<Server> {
        self.serve_with(router, &R::METHOD, path)
    }

    fn serve_with(self, router: Router<Server>, method: &Method, path: &str) -> Router<Server> {
        // Every method of Matrix is one Axum knows; a new one would be unreachable rather than fatal.
        let Ok(method) = MethodFilter::try_from(method.clone()) else {
            return router;
        };
        router.route(&with_numbered_variables(path), on(method, self))
    }
}

/// The answer, marked for the layers around the handler.
fn with_route(answer: ApiResult<Response>, route: Route) -> Response {
    let mut response = answer.into_response();
    response.extensions_mut().insert(route);
    response
}

fn check_address(server: &Server, route: Route, request: &Request) -> ApiResult {
    // One bridge may speak for a whole network.
    let service = token_in(request.headers(), request.uri());
    let service = service.and_then(|token| server.appservices.by_token(&token));
    if service.is_some_and(|service| !service.rate_limited) {
        return Ok(());
    }
    match request.extensions().get() {
        Some(ClientAddress(Some(address))) => server.limits.check(route.class, *address),
        _ => Ok(()),
    }
}

/// The path with its variables renamed to numbers: endpoints call the same variable by different names, which the
/// router would take for a contradiction.
fn with_numbered_variables(path: &str) -> String {
    let mut number = 0;
    let mut numbered = String::with_capacity(path.len());
    for segment in path.split('/').skip(1) {
        numbered.push('/');
        if segment.starts_with('{') {
            number += 1;
            numbered.push_str(&format!("{{v{number}}}"));
        } else {
            numbered.push_str(segment);
        }
    }
    numbered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_numbered() {
        assert_eq!(
            with_numbered_variables(
                "/_matrix/client/v3/rooms/{room_id}/send/{event_type}/{txn_id}"
            ),
            "/_matrix/client/v3/rooms/{v1}/send/{v2}/{v3}"
        );
        assert_eq!(with_numbered_variables("/state/"), "/state/");
    }
}
