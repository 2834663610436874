//! [The directory of public rooms](https://spec.matrix.org/v1.19/client-server-api/#published-room-directory).

use axum::{Router, extract::State};
use ruma::{
    ServerName,
    api::OutgoingResponse,
    api::client::{
        directory::{
            get_public_rooms, get_public_rooms_filtered, get_room_visibility, set_room_visibility,
        },
        room::Visibility,
    },
    api::federation::directory::{
        get_public_rooms as get_remote_public_rooms,
        get_public_rooms_filtered as search_remote_public_rooms,
    },
};
use serde_json::Value;

use crate::{
    ApiError, ApiResult, Server,
    http::{Answer, RouterExt, Ruma},
    rooms::directory::{self, DirectoryQuery},
    users::Session,
};

pub(super) fn router() -> Router<Server> {
    Router::new()
        .ruma_route(public_rooms)
        .ruma_route(search_public_rooms)
        .ruma_route(visibility)
        .ruma_route(set_visibility)
}

/// An answer in which every room says how it is joined. Ruma leaves out `public`, which clients may assume, but not all
/// do.
struct WithJoinRules<T>(T);

impl<T: OutgoingResponse> Answer for WithJoinRules<T> {
    fn into_http(self) -> ApiResult<axum::response::Response> {
        let response = self.0.try_into_http_response::<Vec<u8>>();
        let (parts, body) = response.map_err(ApiError::internal)?.into_parts();
        let mut json: Value = serde_json::from_slice(&body).map_err(ApiError::internal)?;
        let rooms = json.get_mut("chunk").and_then(Value::as_array_mut);
        for room in rooms.into_iter().flatten().filter_map(Value::as_object_mut) {
            room.entry("join_rule").or_insert_with(|| "public".into());
        }
        let body = serde_json::to_vec(&json).map_err(ApiError::internal)?;
        Ok(axum::response::Response::from_parts(parts, body.into()))
    }
}

/// The directory.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3publicrooms)
async fn public_rooms(
    State(server): State<Server>,
    session: Option<Session>,
    Ruma(request): Ruma<get_public_rooms::v3::Request>,
) -> ApiResult<WithJoinRules<get_public_rooms::v3::Response>> {
    if let Some(other) = foreign(&server, request.server.as_deref()) {
        // Other servers are asked for this server's users only.
        if session.is_none() {
            return Err(ApiError::missing_token());
        }
        let mut question = get_remote_public_rooms::v1::Request::new();
        question.limit = request.limit;
        question.since = request.since;
        let page = server.federation.public_rooms(other, question).await?;
        let mut answer = get_public_rooms::v3::Response::new(page.chunk);
        answer.next_batch = page.next_batch;
        answer.prev_batch = page.prev_batch;
        answer.total_room_count_estimate = page.total_room_count_estimate;
        return Ok(WithJoinRules(answer));
    }
    let query = DirectoryQuery {
        limit: directory::limit(request.limit),
        offset: directory::offset(request.since.as_deref())?,
        ..DirectoryQuery::default()
    };
    let page = server.rooms.public_rooms(query).await?;
    let (next_batch, prev_batch, total) = page.tokens();
    let mut answer = get_public_rooms::v3::Response::new(page.rooms);
    answer.next_batch = next_batch;
    answer.prev_batch = prev_batch;
    answer.total_room_count_estimate = total;
    Ok(WithJoinRules(answer))
}

/// Searches the directory.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3publicrooms)
async fn search_public_rooms(
    State(server): State<Server>,
    _session: Session,
    Ruma(request): Ruma<get_public_rooms_filtered::v3::Request>,
) -> ApiResult<WithJoinRules<get_public_rooms_filtered::v3::Response>> {
    let mut answer = get_public_rooms_filtered::v3::Response::new();
    if let Some(other) = foreign(&server, request.server.as_deref()) {
        let mut question = search_remote_public_rooms::v1::Request::new();
        question.limit = request.limit;
        question.since = request.since;
        question.filter = request.filter;
        question.room_network = request.room_network;
        let page = server
            .federation
            .search_public_rooms(other, question)
            .await?;
        answer.chunk = page.chunk;
        answer.next_batch = page.next_batch;
        answer.prev_batch = page.prev_batch;
        answer.total_room_count_estimate = page.total_room_count_estimate;
        return Ok(WithJoinRules(answer));
    }
    let query = DirectoryQuery {
        network: request.room_network.into(),
        term: request.filter.generic_search_term,
        room_types: request.filter.room_types,
        limit: directory::limit(request.limit),
        offset: directory::offset(request.since.as_deref())?,
    };
    let page = server.rooms.public_rooms(query).await?;
    let (next_batch, prev_batch, total) = page.tokens();
    answer.chunk = page.rooms;
    answer.next_batch = next_batch;
    answer.prev_batch = prev_batch;
    answer.total_room_count_estimate = total;
    Ok(WithJoinRules(answer))
}

/// Whether a room is in the directory.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3directorylistroomroomid)
async fn visibility(
    State(server): State<Server>,
    Ruma(request): Ruma<get_room_visibility::v3::Request>,
) -> ApiResult<get_room_visibility::v3::Response> {
    let visibility = match server.rooms.is_public(request.room_id).await? {
        true => Visibility::Public,
        false => Visibility::Private,
    };
    Ok(get_room_visibility::v3::Response::new(visibility))
}

/// Puts a room into the directory or takes it out.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3directorylistroomroomid)
async fn set_visibility(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<set_room_visibility::v3::Request>,
) -> ApiResult<set_room_visibility::v3::Response> {
    let room = server.rooms.find(&request.room_id)?;
    let is_public = match request.visibility {
        Visibility::Public => true,
        Visibility::Private => false,
        _ => {
            return Err(ApiError::invalid_param(
                "visibility is \"public\" or \"private\".",
            ));
        }
    };
    let user = session.user_id.clone();
    server.rooms.set_public(room, user, is_public).await?;
    Ok(set_room_visibility::v3::Response::new())
}

/// The server whose directory is asked for, if it is not this one.
fn foreign<'a>(server: &Server, asked: Option<&'a ServerName>) -> Option<&'a ServerName> {
    asked.filter(|name| *name != server.config.server_name)
}
