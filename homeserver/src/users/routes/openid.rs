//! [OpenID](https://spec.matrix.org/v1.19/client-server-api/#openid).

use axum::{
    Router,
    extract::{Query, State},
    response::Response,
    routing::get,
};
use ruma::{OwnedUserId, api::client::account::request_openid_token, authentication::TokenType};
use serde::Deserialize;
use serde_json::json;

use crate::{
    ApiError, ApiResult, Server,
    http::{
        ClientAddress, Nothing, Own, Ruma, Session, json,
        limits::{Class, Subject},
    },
    users::OPENID_TOKEN_LIFETIME,
};

/// Makes a token that tells another service who the user is.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3useruseridopenidrequest_token)
pub(super) async fn request_token(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<Own<request_openid_token::v3::Request, (OwnedUserId,), Nothing>>,
) -> ApiResult<request_openid_token::v3::Response> {
    let (user_id,) = request.path;
    if session.user_id != user_id {
        return Err(ApiError::forbidden(
            "You cannot ask for a token of another user.",
        ));
    }
    let token = server.users.create_openid_token(&session).await?;
    Ok(request_openid_token::v3::Response::new(
        token,
        TokenType::Bearer,
        server.users.server_name().to_owned(),
        OPENID_TOKEN_LIFETIME,
    ))
}

/// What services ask: it belongs to the federation API, but is not signed.
pub(super) fn userinfo_router() -> Router<Server> {
    Router::new().route("/_matrix/federation/v1/openid/userinfo", get(userinfo))
}

#[derive(Deserialize)]
struct UserInfoQuery {
    access_token: Option<String>,
}

/// Tells a service whom a token speaks of.
/// [spec](https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1openiduserinfo)
async fn userinfo(
    State(server): State<Server>,
    ClientAddress(address): ClientAddress,
    Query(query): Query<UserInfoQuery>,
) -> ApiResult<Response> {
    if let Some(address) = address {
        server
            .limits
            .check(Class::Federation, Subject::from(address))?;
    }
    let token = query.access_token.ok_or_else(ApiError::missing_token)?;
    let user_id = server.users.openid_user(&token).await?;
    json(&json!({ "sub": user_id }))
}
