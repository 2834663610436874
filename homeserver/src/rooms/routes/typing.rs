//! [Typing notifications](https://spec.matrix.org/v1.19/client-server-api/#typing-notifications).

use axum::{Router, extract::State};
use ruma::api::client::typing::create_typing_event::{self, v3::Typing};
use serde_json::{Map, Value};

use super::{
    amended::{Amend, Amended},
    reader,
};
use crate::{
    ApiError, ApiResult, Server,
    http::{RouterExt, Ruma},
    users::Session,
};

/// How long somebody types who does not say how long.
const DEFAULT_TIMEOUT_MS: u32 = 30_000;

/// The request, in which the timeout may be left out.
struct WithDefaultTimeout;

impl Amend for WithDefaultTimeout {
    type Request = create_typing_event::v3::Request;

    fn amend(body: &mut Map<String, Value>) {
        body.entry("timeout").or_insert(DEFAULT_TIMEOUT_MS.into());
    }
}

pub(super) fn router() -> Router<Server> {
    Router::new().ruma_route(set_typing)
}

/// Says that the user is typing, or has stopped.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3roomsroomidtypinguserid)
async fn set_typing(
    State(server): State<Server>,
    session: Session,
    Ruma(Amended(request)): Ruma<Amended<WithDefaultTimeout>>,
) -> ApiResult<create_typing_event::v3::Response> {
    if request.user_id != session.user_id {
        return Err(ApiError::forbidden("You cannot type for another user."));
    }
    let room = server
        .rooms
        .look(reader(&session), &request.room_id, |look| {
            look.require_joined()?;
            Ok(look.room)
        });
    let timeout = match request.state {
        Typing::No => None,
        Typing::Yes(typing) => Some(typing.timeout),
    };
    let room = room.await?;
    server.rooms.set_typing(room, session.user, timeout).await?;
    Ok(create_typing_event::v3::Response::new())
}
