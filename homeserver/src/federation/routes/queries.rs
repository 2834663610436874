//! [Querying for information](https://spec.matrix.org/v1.19/server-server-api/#querying-for-information).

use axum::{Router, extract::State};
use ruma::{
    OwnedUserId,
    api::federation::query::{
        get_custom_information, get_profile_information, get_room_information,
    },
};
use serde::Deserialize;

use crate::{
    ApiError, ApiResult, Server,
    http::{Nothing, Own, RouterExt, Signed},
};

pub(super) fn router() -> Router<Server> {
    Router::new()
        .ruma_route(profile)
        .ruma_route(directory)
        .ruma_route(anything_else)
}

#[derive(Deserialize)]
struct WhoseProfile {
    user_id: OwnedUserId,
    field: Option<String>,
}

/// What one of this server's users says about themself.
/// [spec](https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1queryprofile)
async fn profile(
    State(server): State<Server>,
    Signed { request, .. }: Signed<
        Own<get_profile_information::v1::Request, Nothing, Nothing, WhoseProfile>,
    >,
) -> ApiResult<get_profile_information::v1::Response> {
    let WhoseProfile { user_id, field } = request.query;
    if user_id.server_name() != server.config.server_name {
        return Err(ApiError::invalid_param(
            "The user is not one of this server.",
        ));
    }
    let profile = server.users.profile(&user_id).await?;
    let profile = profile.ok_or_else(|| ApiError::not_found("There is no such user."))?;
    let fields = profile.fields().iter();
    let wanted = fields.filter(|(name, _)| field.as_ref().is_none_or(|field| field == *name));
    Ok(wanted
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect())
}

/// The room that an alias of this server leads to.
/// [spec](https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1querydirectory)
async fn directory(
    State(server): State<Server>,
    Signed { request, .. }: Signed<get_room_information::v1::Request>,
) -> ApiResult<get_room_information::v1::Response> {
    let alias = request.room_alias;
    let (room_id, servers) = server.rooms.resolve_alias_and_servers(alias).await?;
    Ok(get_room_information::v1::Response::new(room_id, servers))
}

/// Whatever else somebody might ask for: this server knows no other kinds of questions.
/// [spec](https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1queryquerytype)
async fn anything_else(
    State(_): State<Server>,
    Signed { request, .. }: Signed<get_custom_information::v1::Request>,
) -> ApiResult<get_custom_information::v1::Response> {
    Err(ApiError::not_found(format!(
        "This server does not answer questions of the type {}.",
        request.query_type
    )))
}
