//! [Spaces](https://spec.matrix.org/v1.19/server-server-api/#spaces).

use axum::{Router, extract::State};
use ruma::api::federation::space::get_hierarchy;

use crate::{
    ApiError, ApiResult, Server,
    federation::inbound::acl,
    http::{Raw, RouterExt, Signed, json},
};

pub(super) fn router() -> Router<Server> {
    Router::new().ruma_route(hierarchy)
}

/// A space and its children, as far as the other server may know of them.
/// [spec](https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1hierarchyroomid)
async fn hierarchy(
    State(server): State<Server>,
    Signed { origin, request }: Signed<get_hierarchy::v1::Request>,
) -> ApiResult<Raw> {
    let room = server.rooms.find(&request.room_id)?;
    acl::require(&server, room, &origin).await?;
    let space = server.rooms.read(move |rooms, snapshot| {
        rooms.space_for(snapshot, &request.room_id, &origin, request.suggested_only)
    });
    let space = space.await?.ok_or_else(|| {
        ApiError::not_found("There is no such room, or your server may not know of it.")
    })?;
    json(&space).map(Raw)
}
