//! The endpoints of delayed events, at the paths that clients of today use and at those of the accepted proposal.

use std::time::Duration;

use axum::{
    Router,
    extract::{FromRequestParts, Query, State},
    response::Response,
};
use http::{StatusCode, request::Parts};
use ruma::{
    OwnedRoomId,
    api::client::{
        delayed_events::{delayed_message_event, update_delayed_event},
        rtc::transports,
    },
};
use serde::Deserialize;
use serde_json::{Map, Value, json, value::RawValue};

use super::{
    Action, DelayedEvent, MAX_DELAY, NewDelayedEvent,
    store::{End, Outcome},
};
use crate::{
    ApiError, ApiResult, Server,
    http::{Nothing, Own, Raw, RouterExt, Ruma, json},
    ids::RoomNid,
    users::Session,
};

/// What of a request is read depends on the path it is served at; of Ruma's types only the method counts here.
type Put<P, B> = Own<delayed_message_event::unstable::Request, P, B>;
type Post<P, B> = Own<update_delayed_event::unstable::Request, P, B>;
type Get<P, Q> = Own<transports::v1::Request, P, Nothing, Q>;

/// The endpoints. Events are scheduled at those of sending too, see [`Delay`].
pub fn router() -> Router<Server> {
    Router::new()
        .ruma_route_at(
            "/_matrix/client/unstable/org.matrix.msc4140/rooms/{room_id}/delayed_event/{event_type}/{txn_id}",
            schedule_unstable,
        )
        .ruma_route_at(
            "/_matrix/client/v3/rooms/{room_id}/delayed_event/{event_type}/{txn_id}",
            schedule_stable,
        )
        .ruma_route_at(
            "/_matrix/client/unstable/org.matrix.msc4140/delayed_events/{delay_id}",
            update_by_body,
        )
        .ruma_route_at(
            "/_matrix/client/unstable/org.matrix.msc4140/delayed_events/{delay_id}/{action}",
            update,
        )
        .ruma_route_at("/_matrix/client/v1/delayed_events/{delay_id}/{action}", update)
        .ruma_route_at("/_matrix/client/unstable/org.matrix.msc4140/delayed_events", list)
        .ruma_route_at("/_matrix/client/v1/delayed_events", list)
        .ruma_route_at(
            "/_matrix/client/unstable/org.matrix.msc4140/delayed_events/{delay_id}",
            get,
        )
        .ruma_route_at("/_matrix/client/v1/delayed_events/{delay_id}", get)
}

/// The parameter of `/send` and `/state` that has an event wait.
pub struct Delay(pub Option<Duration>);

impl FromRequestParts<Server> for Delay {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Server) -> ApiResult<Self> {
        #[derive(Deserialize)]
        struct Wanted {
            #[serde(rename = "org.matrix.msc4140.delay")]
            delay: Option<u64>,
        }
        let wanted = Query::<Wanted>::try_from_uri(&parts.uri).map_err(|error| {
            ApiError::invalid_param("org.matrix.msc4140.delay is a number of milliseconds.")
                .because(error)
        })?;
        Ok(Self(wanted.delay.map(Duration::from_millis)))
    }
}

/// The names under which a client is told that it wants an event to wait for too long.
#[derive(Clone, Copy)]
enum Naming {
    /// Those of the first implementations, which clients of today look for.
    First,
    /// Those of the proposal while it was none of the specification.
    Unstable,
    /// Those of the accepted proposal.
    Stable,
}

/// Schedules an event from a request to `/send` or `/state`.
pub async fn schedule_instead(
    server: &Server,
    session: &Session,
    new: NewDelayedEvent,
) -> ApiResult<Raw> {
    schedule(server, session, new, Naming::First).await
}

async fn schedule(
    server: &Server,
    session: &Session,
    new: NewDelayedEvent,
    naming: Naming,
) -> ApiResult<Raw> {
    if new.delay > MAX_DELAY {
        return too_long(naming).map(Raw);
    }
    let id = server.delayed.schedule(session, new).await?;
    json(&json!({ "delay_id": id })).map(Raw)
}

fn too_long(naming: Naming) -> ApiResult<Response> {
    let most = MAX_DELAY.as_millis() as u64;
    let error = "The delay is longer than this server allows, see max_delay.";
    let body = match naming {
        Naming::First => json!({
            "errcode": "M_UNKNOWN",
            "error": error,
            "org.matrix.msc4140.errcode": "M_MAX_DELAY_EXCEEDED",
            "org.matrix.msc4140.max_delay": most,
        }),
        Naming::Unstable => json!({
            "errcode": "ORG.MATRIX.MSC4140_MAX_DELAY_EXCEEDED",
            "error": error,
            "org.matrix.msc4140.max_delay": most,
        }),
        Naming::Stable => json!({
            "errcode": "M_MAX_DELAY_EXCEEDED",
            "error": error,
            "max_delay": most,
        }),
    };
    let mut response = json(&body)?;
    *response.status_mut() = StatusCode::BAD_REQUEST;
    Ok(response)
}

/// An event with its delay.
#[derive(Deserialize)]
struct Schedule {
    delay: u64,
    state_key: Option<String>,
    content: Box<RawValue>,
}

type ScheduleRequest = Put<(OwnedRoomId, String, String), Schedule>;

impl Schedule {
    fn into_event(
        self,
        room: RoomNid,
        (room_id, event_type, txn_id): (OwnedRoomId, String, String),
    ) -> NewDelayedEvent {
        NewDelayedEvent {
            room,
            transaction: Some(format!("delayed {room_id} {event_type} {txn_id}")),
            event_type,
            state_key: self.state_key,
            content: self.content,
            delay: Duration::from_millis(self.delay),
        }
    }
}

async fn schedule_unstable(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<ScheduleRequest>,
) -> ApiResult<Raw> {
    let room = server.rooms.find_to_write(&request.path.0)?;
    let new = request.body.into_event(room, request.path);
    schedule(&server, &session, new, Naming::Unstable).await
}

async fn schedule_stable(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<ScheduleRequest>,
) -> ApiResult<Raw> {
    let room = server.rooms.find_to_write(&request.path.0)?;
    let new = request.body.into_event(room, request.path);
    schedule(&server, &session, new, Naming::Stable).await
}

/// An action in the body, as clients of today write it.
#[derive(Deserialize)]
struct WithAction {
    action: String,
}

/// Restarts, sends or cancels a delayed event. Its id is all it takes.
async fn update_by_body(
    State(server): State<Server>,
    Ruma(request): Ruma<Post<(String,), WithAction>>,
) -> ApiResult<Raw> {
    let action = Action::parse(&request.body.action)?;
    server.delayed.update(&request.path.0, action).await?;
    json(&json!({})).map(Raw)
}

/// The same with the action in the path.
async fn update(
    State(server): State<Server>,
    Ruma(request): Ruma<Post<(String, String), Nothing>>,
) -> ApiResult<Raw> {
    let (id, action) = request.path;
    // Only actions have a path.
    let action = Action::parse(&action).map_err(|_| ApiError::unrecognized())?;
    server.delayed.update(&id, action).await?;
    json(&json!({})).map(Raw)
}

/// Which delayed events are asked for.
#[derive(Deserialize)]
struct Listing {
    status: Option<String>,
    from: Option<String>,
    delay_id: Option<String>,
}

/// Tells a user's delayed events: those that wait, unless those that have ended are asked for.
async fn list(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<Get<Nothing, Listing>>,
) -> ApiResult<Raw> {
    let has_ended = match request.query.status.as_deref() {
        None | Some("scheduled") => false,
        Some("finalised") => true,
        Some(_) => {
            let message = "The status is \"scheduled\" or \"finalised\".";
            return Err(ApiError::invalid_param(message));
        }
    };
    let from = request.query.from.as_deref();
    let mut page = server.delayed.list(session.user, has_ended, from).await?;
    if let Some(id) = request.query.delay_id {
        page.events.retain(|event| event.id == id);
    }
    let events: Vec<Value> = page
        .events
        .into_iter()
        .map(describe)
        .collect::<ApiResult<_>>()?;
    let mut body = json!({ "delayed_events": events });
    if let Some(next) = page.next {
        body["next_batch"] = next.into();
    }
    json(&body).map(Raw)
}

/// Tells one of a user's delayed events.
async fn get(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<Get<(String,), Nothing>>,
) -> ApiResult<Raw> {
    let event = server.delayed.get(session.user, request.path.0).await?;
    json(&describe(event)?).map(Raw)
}

fn describe(event: DelayedEvent) -> ApiResult<Value> {
    let row = event.row;
    let content: Value = serde_json::from_str(&row.content).map_err(ApiError::internal)?;
    let mut described = Map::new();
    let mut add = |key: &str, value: Value| drop(described.insert(key.to_owned(), value));
    add("delay_id", event.id.into());
    add("room_id", event.room_id.to_string().into());
    add("type", row.event_type.into());
    if let Some(state_key) = row.state_key {
        add("state_key", state_key.into());
    }
    add("delay", row.delay.into());
    add("running_since", row.running_since.into());
    add("content", content);
    if let Some(Outcome { at, end }) = row.outcome {
        add("origin_server_ts", at.into());
        match end {
            End::Sent(event_id) => add("event_id", event_id.into()),
            End::Cancelled => {}
            End::Failed { errcode, error } => {
                add("error", json!({ "errcode": errcode, "error": error }));
            }
        }
    }
    Ok(Value::Object(described))
}
