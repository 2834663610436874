//! [Third-party invites](https://spec.matrix.org/v1.19/server-server-api/#third-party-invites).

use std::collections::HashSet;

use axum::{
    Router,
    extract::{Request, State},
    response::Response,
};
use futures::{FutureExt, future::BoxFuture};
use http::Method;
use ruma::{
    api::federation::thirdparty::{bind_callback, exchange_invite},
    events::StateEventType,
};
use serde::Deserialize;
use serde_json::Value;

use super::membership::{require_of, room_for};
use crate::{
    ApiError, ApiResult, Server,
    federation::membership::third_party::{self, Claim},
    http::{RouterExt, Ruma, RumaHandler, Signed},
};

/// Invitations of one address that are looked at. Anybody can send them, and other servers may be asked for each.
const MOST_INVITES: usize = 10;

const ON_BIND: &str = "/_matrix/federation/v1/3pid/onbind";

pub(super) fn router() -> Router<Server> {
    Router::new()
        .ruma_route(exchange)
        .ruma_route(bound)
        .plain_route(&Method::POST, ON_BIND, Box::new(bound_by_post))
}

/// Invites a user of another server who owns an address that somebody here has invited.
/// [spec](https://spec.matrix.org/v1.19/server-server-api/#put_matrixfederationv1exchange_third_party_inviteroomid)
async fn exchange(
    State(server): State<Server>,
    Signed { origin, request }: Signed<exchange_invite::v1::Request>,
) -> ApiResult<exchange_invite::v1::Response> {
    #[derive(Deserialize)]
    struct Content {
        membership: String,
        third_party_invite: Invite,
    }
    #[derive(Deserialize)]
    struct Invite {
        signed: Value,
    }
    let room = room_for(&server, &request.room_id, &origin).await?;
    require_of(&request.state_key, &origin)?;
    let content: Content = serde_json::from_str(request.content.json().get()).map_err(|error| {
        ApiError::bad_json("The content is not one of an invitation.").because(error)
    })?;
    if request.kind != StateEventType::RoomMember || content.membership != "invite" {
        return Err(ApiError::invalid_param(
            "The event has to be a m.room.member event with the membership invite.",
        ));
    }
    if request.sender.server_name() != server.rooms.server_name() {
        return Err(ApiError::invalid_param("The sender is not of this server."));
    }
    let claim = Claim {
        room_id: request.room_id,
        sender: request.sender,
        user: request.state_key,
        signed: content.third_party_invite.signed,
    };
    third_party::issue(&server, room, claim).await?;
    Ok(exchange_invite::v1::Response::new())
}

/// The same by the method that identity servers use in fact.
fn bound_by_post(server: Server, mut request: Request) -> BoxFuture<'static, ApiResult<Response>> {
    *request.method_mut() = Method::PUT;
    RumaHandler::answer(bound, server, request).boxed()
}

/// Invites a user who has bound an address to the rooms that the address was invited to.
/// [spec](https://spec.matrix.org/v1.19/server-server-api/#put_matrixfederationv13pidonbind)
async fn bound(
    State(server): State<Server>,
    Ruma(request): Ruma<bind_callback::v1::Request>,
) -> ApiResult<bind_callback::v1::Response> {
    let user = request.mxid;
    if user.server_name() != server.rooms.server_name()
        || server.users.account(&user).await?.is_none()
    {
        return Err(ApiError::not_found("This server does not know the user."));
    }
    let mut seen = HashSet::new();
    let mut invites = request.invites;
    invites.retain(|invite| {
        invite.mxid == user && seen.insert((invite.room_id.clone(), invite.sender.clone()))
    });
    for invite in invites.into_iter().take(MOST_INVITES) {
        let Ok(signed) = serde_json::from_str(invite.signed.json().get()) else {
            continue;
        };
        let claim = Claim {
            room_id: invite.room_id,
            sender: invite.sender,
            user: user.clone(),
            signed,
        };
        let room_id = claim.room_id.clone();
        if let Err(error) = third_party::redeem(&server, claim).await {
            tracing::info!(%error, %room_id, %user, "an invitation of an address leads to none of its owner");
        }
    }
    Ok(bind_callback::v1::Response::new())
}
