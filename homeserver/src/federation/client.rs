//! Requests to other servers.

use std::{sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use http::{Request, Response, StatusCode, header};
use hyper::body::Incoming;
use ruma::{
    OwnedServerName, ServerName,
    api::{
        IncomingResponse, OutgoingRequest,
        auth_scheme::NoAuthentication,
        error::{Error as MatrixError, ErrorKind, FromHttpResponseError},
        federation::{
            authentication::{ServerSignatures, ServerSignaturesInput},
            transactions::send_transaction_message,
        },
        path_builder::SinglePath,
    },
};
use tokio::{sync::broadcast, time::timeout};

use super::{
    auth,
    backoff::Backoffs,
    channel::Channel,
    discovery::{Discovery, Target},
    signing_keys::OwnKeys,
    verdicts,
};
use crate::{ApiError, config};

/// How much a request may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long everything may take.
    pub patience: Duration,
    /// Bytes of the answer.
    pub largest: usize,
    /// Whether a server is asked although it did not answer lately.
    pub despite_backoff: bool,
}

impl Limits {
    /// For a question that a client waits for.
    pub const QUERY: Self = Self {
        patience: Duration::from_secs(10),
        largest: 10 * 1024 * 1024,
        despite_backoff: false,
    };

    /// For a few events or a receipt.
    pub const EVENTS: Self = Self {
        patience: Duration::from_secs(30),
        largest: 50 * 1024 * 1024,
        despite_backoff: false,
    };

    /// For the whole state of a room. This is room for a hundred thousand members.
    pub const ROOM: Self = Self {
        patience: Duration::from_secs(180),
        largest: 128 * 1024 * 1024,
        despite_backoff: false,
    };

    /// For the ids of the whole state of a room.
    pub const IDS: Self = Self {
        patience: Duration::from_secs(60),
        largest: 16 * 1024 * 1024,
        despite_backoff: false,
    };

    /// For a transaction, of which the other server takes its time.
    pub const TRANSACTION: Self = Self {
        patience: Duration::from_secs(60),
        largest: 1024 * 1024,
        despite_backoff: false,
    };

    /// The same, whether or not the server answered lately.
    #[must_use]
    pub const fn anyway(mut self) -> Self {
        self.despite_backoff = true;
        self
    }

    /// The same, with another time limit.
    #[must_use]
    pub const fn within(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }
}

/// Less than this is a wish of one client, from which nothing follows about a server.
const FAIR_PATIENCE: Duration = Duration::from_secs(5);

/// The time was over before an answer came.
#[derive(Debug, thiserror::Error)]
#[error("it took too long to answer")]
struct TooSlow;

/// Why a server did not give the answer that was hoped for.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The configuration does not allow talking to it.
    #[error("this server does not talk to {0}")]
    NotAllowed(OwnedServerName),
    /// It did not answer lately, and was not asked again.
    #[error("{server} did not answer lately; it is asked again in {wait:?}")]
    BackingOff {
        /// The server.
        server: OwnedServerName,
        /// How long it is still left alone.
        wait: Duration,
    },
    /// It was not found or did not answer.
    #[error("{server} cannot be reached: {source:#}")]
    Unreachable {
        /// The server.
        server: OwnedServerName,
        /// What went wrong.
        source: anyhow::Error,
    },
    /// It refused.
    #[error("{server} refused: {error}")]
    Refused {
        /// The server.
        server: OwnedServerName,
        /// What it said.
        error: Box<MatrixError>,
    },
    /// Its answer makes no sense.
    #[error("the answer of {server} cannot be understood: {reason}")]
    Malformed {
        /// The server.
        server: OwnedServerName,
        /// What is wrong with it.
        reason: String,
    },
    /// The request cannot be written down.
    #[error("the request cannot be made: {0}")]
    NotARequest(String),
}

impl RequestError {
    /// What the server said, if it refused.
    pub fn refusal(&self) -> Option<&MatrixError> {
        match self {
            Self::Refused { error, .. } => Some(error),
            _ => None,
        }
    }

    /// Whether the server answered at all.
    pub fn is_answer(&self) -> bool {
        matches!(self, Self::Refused { .. } | Self::Malformed { .. })
    }
}

/// What a client learns when another server did not help.
impl From<RequestError> for ApiError {
    fn from(error: RequestError) -> Self {
        let bad_gateway =
            |message: String| Self::new(StatusCode::BAD_GATEWAY, ErrorKind::Unknown, message);
        match error {
            RequestError::NotAllowed(server) => {
                Self::forbidden(format!("This server does not talk to {server}."))
            }
            RequestError::Refused { server, error } => {
                match (error.status_code, error.error_kind()) {
                    // Of these a client can make something; 401 would have it sign in again.
                    (
                        status @ (StatusCode::BAD_REQUEST
                        | StatusCode::FORBIDDEN
                        | StatusCode::NOT_FOUND),
                        Some(kind),
                    ) if *kind != ErrorKind::Unrecognized => {
                        Self::new(status, kind.clone(), format!("{server} refused: {error}"))
                    }
                    _ => bad_gateway(format!("{server} refused the request.")).because(*error),
                }
            }
            RequestError::NotARequest(reason) => Self::internal(anyhow::anyhow!(reason)),
            RequestError::BackingOff { .. } | RequestError::Unreachable { .. } => {
                let message = error.to_string();
                bad_gateway("The other server cannot be reached at the moment.".to_owned())
                    .because(anyhow::anyhow!(message))
            }
            RequestError::Malformed { .. } => {
                bad_gateway("The answer of the other server cannot be understood.".to_owned())
                    .because(error)
            }
        }
    }
}

/// Sends requests.
pub(super) struct Peers {
    pub(super) config: config::Federation,
    pub(super) keys: Arc<OwnKeys>,
    pub(super) discovery: Arc<Discovery>,
    pub(super) channel: Channel,
    pub(super) backoffs: Backoffs,
    /// Told of servers that had been left alone and are there again.
    pub(super) returns: broadcast::Sender<OwnedServerName>,
}

impl Peers {
    /// Whether this server and that one may talk to each other.
    pub(super) fn allows(&self, server: &ServerName) -> bool {
        server != self.keys.server_name() && self.config.allows(server)
    }

    /// A signed request and its answer.
    pub(super) async fn request<R>(
        &self,
        server: &ServerName,
        request: R,
        limits: Limits,
    ) -> Result<R::IncomingResponse, RequestError>
    where
        R: OutgoingRequest<Authentication = ServerSignatures, PathBuilder = SinglePath>,
    {
        let input = |authority: &str| self.sign(server, request, authority);
        let answer = self.exchange(server, input, limits).await?;
        understand::<R>(server, answer)
    }

    /// A transaction, and what became of the events in it.
    pub(super) async fn deliver(
        &self,
        server: &ServerName,
        transaction: send_transaction_message::v1::Request,
        limits: Limits,
    ) -> Result<send_transaction_message::v1::Response, RequestError> {
        let input = |authority: &str| self.sign(server, transaction, authority);
        let answer = self.exchange(server, input, limits).await?;
        understand::<send_transaction_message::v1::Request>(server, verdicts::with_verdicts(answer))
    }

    /// A request that carries no signature, and its answer.
    pub(super) async fn request_unsigned<R>(
        &self,
        server: &ServerName,
        request: R,
        limits: Limits,
    ) -> Result<R::IncomingResponse, RequestError>
    where
        R: OutgoingRequest<Authentication = NoAuthentication, PathBuilder = SinglePath>,
    {
        let input = |authority: &str| {
            let request = request.try_into_http_request::<BytesMut>(&base_url(authority), (), ());
            request.map_err(|error| RequestError::NotARequest(error.to_string()))
        };
        let answer = self.exchange(server, input, limits).await?;
        understand::<R>(server, answer)
    }

    /// A signed request whose answer is read by the caller, within `limits.patience` up to the end of its head.
    pub(super) async fn stream<R>(
        &self,
        server: &ServerName,
        request: R,
        limits: Limits,
    ) -> Result<Response<Incoming>, RequestError>
    where
        R: OutgoingRequest<Authentication = ServerSignatures, PathBuilder = SinglePath>,
    {
        self.check(server, limits)?;
        let sending = async {
            let target = self.discovery.find(server).await?;
            let request = self.sign(server, request, &target.authority)?;
            self.channel
                .send(target, request.map(BytesMut::freeze))
                .await
        };
        let sent = timeout(limits.patience, sending).await;
        self.judge(server, limits, sent.unwrap_or_else(|_| Err(TooSlow.into())))
    }

    /// A request for a path that carries no signature, whose answer is read by the caller.
    pub(super) async fn stream_unsigned(
        &self,
        server: &ServerName,
        path: &str,
        limits: Limits,
    ) -> Result<Response<Incoming>, RequestError> {
        self.check(server, limits)?;
        let sending = async {
            let target = self.discovery.find(server).await?;
            let request = Request::get(base_url(&target.authority) + path).body(Bytes::new());
            let request = request.map_err(|error| RequestError::NotARequest(error.to_string()))?;
            self.channel.send(target, request).await
        };
        let sent = timeout(limits.patience, sending).await;
        self.judge(server, limits, sent.unwrap_or_else(|_| Err(TooSlow.into())))
    }

    async fn exchange(
        &self,
        server: &ServerName,
        build: impl FnOnce(&str) -> Result<Request<BytesMut>, RequestError>,
        limits: Limits,
    ) -> Result<Response<Bytes>, RequestError> {
        self.check(server, limits)?;
        let exchange = async {
            let target: Target = self.discovery.find(server).await?;
            let request = build(&target.authority)?.map(BytesMut::freeze);
            self.channel.exchange(target, request, limits.largest).await
        };
        let exchanged = timeout(limits.patience, exchange).await;
        let exchanged = exchanged.unwrap_or_else(|_| Err(TooSlow.into()));
        self.judge(server, limits, exchanged)
    }

    /// A server answered or spoke up. Whoever has something for it may have been waiting for that.
    pub(super) fn is_there(&self, server: &ServerName) -> bool {
        let was_left_alone = self.backoffs.is_there(server);
        if was_left_alone {
            // Nobody may be listening, which is fine.
            drop(self.returns.send(server.to_owned()));
        }
        was_left_alone
    }

    fn check(&self, server: &ServerName, limits: Limits) -> Result<(), RequestError> {
        if !self.allows(server) {
            return Err(RequestError::NotAllowed(server.to_owned()));
        }
        match self.backoffs.wait(server) {
            Some(wait) if !limits.despite_backoff => Err(RequestError::BackingOff {
                server: server.to_owned(),
                wait,
            }),
            _ => Ok(()),
        }
    }

    /// Remembers whether the server answered. A proxy whose server is down speaks for itself only.
    fn judge<B>(
        &self,
        server: &ServerName,
        limits: Limits,
        result: anyhow::Result<Response<B>>,
    ) -> Result<Response<B>, RequestError> {
        match result {
            Ok(answer) if is_proxy_error(&answer) => {
                self.backoffs.failed(server);
                Err(RequestError::Unreachable {
                    server: server.to_owned(),
                    source: anyhow::anyhow!("its proxy answered {}", answer.status()),
                })
            }
            Ok(answer) => {
                self.is_there(server);
                Ok(answer)
            }
            Err(error) => match error.downcast::<RequestError>() {
                Ok(error) => Err(error),
                Err(source) => {
                    // Otherwise one impatient client could cut off everybody else.
                    if !source.is::<TooSlow>() || limits.patience >= FAIR_PATIENCE {
                        self.backoffs.failed(server);
                    }
                    tracing::debug!(%server, "a request failed: {source:#}");
                    Err(RequestError::Unreachable {
                        server: server.to_owned(),
                        source,
                    })
                }
            },
        }
    }

    fn sign<R>(
        &self,
        server: &ServerName,
        request: R,
        authority: &str,
    ) -> Result<Request<BytesMut>, RequestError>
    where
        R: OutgoingRequest<Authentication = ServerSignatures, PathBuilder = SinglePath>,
    {
        let origin = self.keys.server_name().to_owned();
        let input = ServerSignaturesInput::new(origin, server.to_owned(), self.keys.pair());
        let request = request.try_into_http_request::<BytesMut>(&base_url(authority), input, ());
        let mut request = request.map_err(|error| RequestError::NotARequest(error.to_string()))?;
        auth::quote(&mut request);
        Ok(request)
    }
}

fn base_url(authority: &str) -> String {
    format!("https://{authority}")
}

/// Answers of Matrix servers have JSON bodies, also when something is wrong on their side.
fn is_proxy_error<B>(answer: &Response<B>) -> bool {
    let is_json = answer
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    matches!(
        answer.status(),
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT
    ) && !is_json
}

/// Reads an answer that came whole.
pub(super) fn understand<R>(
    server: &ServerName,
    answer: Response<Bytes>,
) -> Result<R::IncomingResponse, RequestError>
where
    R: OutgoingRequest,
{
    let status = answer.status();
    if status.is_redirection() {
        return Err(RequestError::Malformed {
            server: server.to_owned(),
            reason: "it redirects, which this endpoint may not".to_owned(),
        });
    }
    if status.is_client_error() || status.is_server_error() {
        return Err(RequestError::Refused {
            server: server.to_owned(),
            error: Box::new(ruma::api::EndpointError::from_http_response(answer)),
        });
    }
    R::IncomingResponse::try_from_http_response(answer).map_err(|error| RequestError::Malformed {
        server: server.to_owned(),
        reason: match error {
            FromHttpResponseError::Deserialization(error) => error.to_string(),
            _ => "it is a refusal with a status of success".to_owned(),
        },
    })
}
