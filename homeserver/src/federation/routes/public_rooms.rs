//! [The directory of rooms](https://spec.matrix.org/v1.19/server-server-api/#published-room-directory).

use axum::{Router, extract::State};
use ruma::api::federation::directory::{get_public_rooms, get_public_rooms_filtered};

use crate::{
    ApiResult, Server,
    http::{RouterExt, Signed},
    rooms::directory::{self, DirectoryQuery},
};

pub(super) fn router() -> Router<Server> {
    Router::new()
        .ruma_route(public_rooms)
        .ruma_route(search_public_rooms)
}

/// The directory.
/// [spec](https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1publicrooms)
async fn public_rooms(
    State(server): State<Server>,
    Signed { request, .. }: Signed<get_public_rooms::v1::Request>,
) -> ApiResult<get_public_rooms::v1::Response> {
    let query = DirectoryQuery {
        limit: directory::limit(request.limit),
        offset: directory::offset(request.since.as_deref())?,
        network: request.room_network.into(),
        ..DirectoryQuery::default()
    };
    answer(&server, query).await
}

/// The directory, searched. The answer has the type of the other endpoint, which leaves out what is absent.
/// [spec](https://spec.matrix.org/v1.19/server-server-api/#post_matrixfederationv1publicrooms)
async fn search_public_rooms(
    State(server): State<Server>,
    Signed { request, .. }: Signed<get_public_rooms_filtered::v1::Request>,
) -> ApiResult<get_public_rooms::v1::Response> {
    let query = DirectoryQuery {
        network: request.room_network.into(),
        term: request.filter.generic_search_term,
        room_types: request.filter.room_types,
        limit: directory::limit(request.limit),
        offset: directory::offset(request.since.as_deref())?,
    };
    answer(&server, query).await
}

async fn answer(
    server: &Server,
    query: DirectoryQuery,
) -> ApiResult<get_public_rooms::v1::Response> {
    let mut answer = get_public_rooms::v1::Response::new();
    let page = server.rooms.public_rooms(query).await?;
    let (next_batch, prev_batch, total) = page.tokens();
    answer.chunk = page.rooms;
    answer.next_batch = next_batch;
    answer.prev_batch = prev_batch;
    answer.total_room_count_estimate = total;
    Ok(answer)
}
