//! Profiles.

use axum::extract::State;
use ruma::{
    OwnedUserId, UserId,
    api::client::profile::{
        delete_profile_field, get_profile, get_profile_field, set_profile_field,
    },
    serde::JsonObject,
};

use crate::{
    ApiError, ApiResult, Server,
    http::{Own, Raw, Ruma, Session, json},
};

/// The path of a whole profile in MSC4133, which Ruma knows for single fields only.
pub(super) const UNSTABLE_PATH: &str =
    "/_matrix/client/unstable/uk.tcpip.msc4133/profile/{user_id}";

/// Everything a user says about themself.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3profileuserid)
pub(super) async fn profile(
    State(server): State<Server>,
    Ruma(request): Ruma<get_profile::v3::Request>,
) -> ApiResult<Raw> {
    let profile = find(&server, &request.user_id, None).await?;
    json(&profile).map(Raw)
}

/// One field of a profile.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3profileuseridkeyname)
pub(super) async fn profile_field(
    State(server): State<Server>,
    Ruma(request): Ruma<get_profile_field::v3::Request>,
) -> ApiResult<Raw> {
    let name = request.field.as_str();
    let profile = find(&server, &request.user_id, Some(name)).await?;
    let value = profile
        .get(name)
        .ok_or_else(|| ApiError::not_found("The user's profile has no such field."))?;
    let mut answer = JsonObject::new();
    answer.insert(name.to_owned(), value.clone());
    json(&answer).map(Raw)
}

/// The fields of a profile; of a user of another server, it is that server that tells them.
async fn find(server: &Server, user_id: &UserId, field: Option<&str>) -> ApiResult<JsonObject> {
    let own = user_id.server_name() == server.config.server_name;
    let profile = if own {
        server.appservices.provide_user(user_id).await?;
        let profile = server.users.profile(user_id).await?;
        profile.map(|profile| profile.fields().clone())
    } else {
        server.federation.profile(user_id, field).await?
    };
    profile.ok_or_else(|| ApiError::not_found("There is no such user."))
}

/// Sets a field of one's own profile.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3profileuseridkeyname)
pub(super) async fn set_profile_field(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<Own<set_profile_field::v3::Request, (OwnedUserId, String), JsonObject>>,
) -> ApiResult<set_profile_field::v3::Response> {
    let ((user_id, name), mut body) = (request.path, request.body);
    check_own(&session, &user_id)?;
    let value = body.remove(&name).ok_or_else(|| {
        ApiError::missing_param(format!("The body has to have the property \"{name}\"."))
    })?;
    server
        .users
        .set_profile_field(session.user, &name, value)
        .await?;
    Ok(set_profile_field::v3::Response::new())
}

/// Removes a field of one's own profile.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#delete_matrixclientv3profileuseridkeyname)
pub(super) async fn delete_profile_field(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<delete_profile_field::v3::Request>,
) -> ApiResult<delete_profile_field::v3::Response> {
    check_own(&session, &request.user_id)?;
    server
        .users
        .delete_profile_field(session.user, request.field.as_str())
        .await?;
    Ok(delete_profile_field::v3::Response::new())
}

fn check_own(session: &Session, user_id: &UserId) -> ApiResult {
    if session.user_id == user_id {
        return Ok(());
    }
    Err(ApiError::forbidden("You can change only your own profile."))
}
