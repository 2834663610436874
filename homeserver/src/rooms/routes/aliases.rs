//! [Room aliases](https://spec.matrix.org/v1.19/client-server-api/#room-aliases).

use axum::{Router, extract::State};
use ruma::api::client::{
    alias::{create_alias, delete_alias, get_alias},
    room::aliases,
};

use super::reader;
use crate::{
    ApiResult, Server,
    http::{RouterExt, Ruma},
    users::Session,
};

pub(super) fn router() -> Router<Server> {
    Router::new()
        .ruma_route(create)
        .ruma_route(delete)
        .ruma_route(get)
        .ruma_route(list)
}

/// Gives a room an alias.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3directoryroomroomalias)
async fn create(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<create_alias::v3::Request>,
) -> ApiResult<create_alias::v3::Response> {
    let room = server.rooms.find(&request.room_id)?;
    let user = session.user_id.clone();
    let service = session.appservice.as_deref();
    server
        .appservices
        .check_alias(&request.room_alias, service)?;
    match service {
        Some(_) => {
            server
                .rooms
                .add_alias_of_service(room, user, request.room_alias)
                .await?;
        }
        None => {
            server
                .rooms
                .add_alias(room, user, request.room_alias)
                .await?;
        }
    }
    Ok(create_alias::v3::Response::new())
}

/// Takes an alias from a room.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#delete_matrixclientv3directoryroomroomalias)
async fn delete(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<delete_alias::v3::Request>,
) -> ApiResult<delete_alias::v3::Response> {
    let user = session.user_id.clone();
    let service = session.appservice.as_deref();
    server
        .appservices
        .check_alias(&request.room_alias, service)?;
    server.rooms.remove_alias(user, request.room_alias).await?;
    Ok(delete_alias::v3::Response::new())
}

/// The room an alias leads to.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3directoryroomroomalias)
async fn get(
    State(server): State<Server>,
    Ruma(request): Ruma<get_alias::v3::Request>,
) -> ApiResult<get_alias::v3::Response> {
    let alias = request.room_alias;
    if alias.server_name() != server.config.server_name {
        let (room_id, servers) = server.federation.find_alias(alias).await?;
        return Ok(get_alias::v3::Response::new(room_id, servers));
    }
    server.appservices.provide_alias(&alias).await?;
    let (room_id, servers) = server.rooms.resolve_alias_and_servers(alias).await?;
    Ok(get_alias::v3::Response::new(room_id, servers))
}

/// The aliases of a room on this server.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidaliases)
async fn list(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<aliases::v3::Request>,
) -> ApiResult<aliases::v3::Response> {
    let is_admin = session.is_admin;
    let aliases = server
        .rooms
        .look(reader(&session), &request.room_id, move |look| {
            look.aliases(is_admin)
        });
    Ok(aliases::v3::Response::new(aliases.await?))
}
