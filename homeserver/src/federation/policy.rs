//! Asking policy servers about events.
//! [spec](https://spec.matrix.org/v1.19/server-server-api/#asking-for-a-policy-server-signature-on-an-event)

use futures::{StreamExt, stream};
use http::StatusCode;
use ruma::{
    ServerName,
    api::{
        error::{ErrorBody, ErrorKind},
        federation::policy::sign_event,
    },
};
use serde_json::value::RawValue;
use tokio::{runtime::Handle, sync::Semaphore};

use super::{Federation, Limits, RequestError};
use crate::{
    Server,
    error::{ApiError, ApiResult},
    events::Pdu,
    ids::RoomNid,
    rooms::policy::AskPolicyServer,
};

/// Rooms whose members may wait for policy servers at the same time. Each keeps a thread.
const WAITING_ROOMS: usize = 64;
/// Questions about events of one room at the same time.
const AT_ONCE: usize = 8;

/// Asks in the name of this server's users.
pub struct PolicyClient {
    federation: Federation,
    turns: Semaphore,
}

impl PolicyClient {
    /// Asks through this.
    pub fn new(federation: Federation) -> Self {
        Self {
            federation,
            turns: Semaphore::new(WAITING_ROOMS),
        }
    }
}

impl AskPolicyServer for PolicyClient {
    fn sign(&self, server: &ServerName, event: &Pdu) -> ApiResult<String> {
        if server == self.federation.server_name() {
            return Err(ApiError::new(
                StatusCode::NOT_FOUND,
                ErrorKind::Unrecognized,
                "The room names this server as its policy server, which it is not.",
            ));
        }
        let Ok(_turn) = self.turns.try_acquire() else {
            return Err(ApiError::new(
                StatusCode::SERVICE_UNAVAILABLE,
                ErrorKind::Unknown,
                "Too many rooms wait for their policy servers: try again later.",
            ));
        };
        let answer = Handle::current().block_on(ask(&self.federation, server, event));
        answer.map_err(told)
    }
}

async fn ask(
    federation: &Federation,
    server: &ServerName,
    event: &Pdu,
) -> Result<String, RequestError> {
    if server == federation.server_name() {
        return Err(RequestError::NotAllowed(server.to_owned()));
    }
    let pdu = RawValue::from_string(event.json().to_owned());
    let pdu = pdu.map_err(|error| RequestError::NotARequest(error.to_string()))?;
    let request = sign_event::v1::Request::new(pdu);
    let answer = federation.request(server, request, Limits::QUERY).await?;
    let signature = answer.ed25519_signature(server).map(str::to_owned);
    signature.ok_or_else(|| RequestError::Malformed {
        server: server.to_owned(),
        reason: "it has no signature of the policy server".to_owned(),
    })
}

/// What a client is told of an event that was not signed: what the policy server said, in its own words.
fn told(error: RequestError) -> ApiError {
    let message = error.to_string();
    let RequestError::Refused { error, .. } = error else {
        let message = format!("The room's policy server cannot be asked: {message}");
        return ApiError::new(StatusCode::BAD_GATEWAY, ErrorKind::Unknown, message);
    };
    let status = error.status_code;
    let said = match &error.body {
        ErrorBody::Standard(body) => body.message.clone(),
        _ => message,
    };
    match error.error_kind() {
        // The client would take its own access token for lost.
        Some(ErrorKind::UnknownToken(_) | ErrorKind::MissingToken | ErrorKind::Unauthorized) => {
            ApiError::forbidden(said)
        }
        Some(kind) if status.is_client_error() => ApiError::new(status, kind.clone(), said),
        _ => ApiError::new(StatusCode::BAD_GATEWAY, ErrorKind::Unknown, said),
    }
}

/// Events of other servers with the signatures of the room's policy server that they lack, as far as it gives them.
/// [spec](https://spec.matrix.org/v1.19/server-server-api/#validating-policy-server-signatures)
pub(super) async fn ask_about(
    server: &Server,
    room: RoomNid,
    events: Vec<Pdu>,
) -> ApiResult<Vec<Pdu>> {
    if !server.rooms.may_have_policy_server(room) {
        return Ok(events);
    }
    let asked = events.clone();
    let read = server
        .rooms
        .read(move |rooms, snapshot| rooms.unsigned_by_policy(snapshot, room, &asked));
    let Some((policy, rules, unsigned)) = read.await? else {
        return Ok(events);
    };
    let mut events = events;
    let answers: Vec<_> = stream::iter(unsigned)
        .map(|at| {
            let (event, name) = (events[at].clone(), &policy.name);
            async move { (at, ask(&server.federation, name, &event).await) }
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    for (at, answer) in answers {
        match answer {
            Ok(signature) => {
                if let Some(signed) = policy.signed(&events[at], rules, &signature) {
                    events[at] = signed;
                }
            }
            Err(error) => {
                tracing::info!(%error, event = %events[at].event_id(), "a policy server does not sign an event");
            }
        }
    }
    Ok(events)
}
