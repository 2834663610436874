//! The endpoints of [presence](https://spec.matrix.org/v1.19/client-server-api/#presence).

use axum::{Router, extract::State as Shared};
use ruma::{
    OwnedUserId,
    api::client::presence::{get_presence, set_presence},
};
use serde::Deserialize;

use super::{Now, Shown, State};
use crate::{
    ApiError, ApiResult, Server,
    http::{Own, Raw, RouterExt, Ruma, json},
    users::Session,
};

/// Bytes of the longest status message.
const MAX_STATUS_LENGTH: usize = 1_024;

/// The routes.
pub fn router() -> Router<Server> {
    Router::new().ruma_route(presence).ruma_route(set_presence)
}

/// Ruma's type takes any word for a state and cannot tell whether a message is missing.
#[derive(Deserialize)]
struct Body {
    presence: Option<String>,
    status_msg: Option<String>,
}

/// A state from the word a client uses.
pub fn parse_state(word: &str) -> ApiResult<State> {
    State::parse(word).ok_or_else(|| {
        ApiError::invalid_param("Presence is \"online\", \"unavailable\", \"offline\" or \"busy\".")
    })
}

/// Says how the user is.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3presenceuseridstatus)
async fn set_presence(
    Shared(server): Shared<Server>,
    session: Session,
    Ruma(request): Ruma<Own<set_presence::v3::Request, (OwnedUserId,), Body>>,
) -> ApiResult<set_presence::v3::Response> {
    let ((user_id,), body) = (request.path, request.body);
    if session.user_id != user_id {
        return Err(ApiError::forbidden(
            "You cannot set the presence of another user.",
        ));
    }
    let word = body
        .presence
        .ok_or_else(|| ApiError::missing_param("\"presence\" is missing."))?;
    let state = parse_state(&word)?;
    let status_msg = body.status_msg.filter(|status_msg| !status_msg.is_empty());
    if status_msg
        .as_ref()
        .is_some_and(|status_msg| status_msg.len() > MAX_STATUS_LENGTH)
    {
        return Err(ApiError::invalid_param(
            "A status message may have 1024 bytes.",
        ));
    }
    server
        .presence
        .set(session.user, &session.device_id, state, status_msg)
        .await?;
    Ok(set_presence::v3::Response::new())
}

/// How a user is, for those who share a room with them.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3presenceuseridstatus)
async fn presence(
    Shared(server): Shared<Server>,
    session: Session,
    Ruma(request): Ruma<get_presence::v3::Request>,
) -> ApiResult<Raw> {
    let all = server.clone();
    let (viewer, user_id) = (session.user, request.user_id);
    let user = server
        .storage
        .read(move |snapshot| {
            let user = all.storage.interner().find_user(&user_id)?;
            match user {
                Some(user) if all.presence.visible(snapshot, viewer, user)? => Ok(user),
                // Who does not exist shares no room either.
                _ => Err(ApiError::forbidden(
                    "You share no room with this user, so you may not see their presence.",
                )),
            }
        })
        .await?;
    let now = server.presence.get(user).unwrap_or(Now {
        shown: Shown::default(),
        last_active_ago: std::time::Duration::MAX,
    });
    json(&now.content()).map(Raw)
}
