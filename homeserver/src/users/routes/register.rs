//! Making accounts.

use axum::{
    Router,
    extract::State,
    response::Response,
    routing::{get, post},
};
use ruma::{
    UserId,
    api::{
        client::account::{
            check_registration_token_validity, get_username_availability,
            register::{self, LoginType, RegistrationKind},
        },
        error::ErrorKind,
    },
};
use serde_json::json;

use super::{appservice_of, refresh_parts};
use crate::{
    ApiError, ApiResult, Server,
    http::{AccessToken, JsonBody, Raw, Ruma, json},
    users::{Registration, SharedSecretRegistration, SignIn},
};

/// Makes an account.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3register)
pub(super) async fn register(
    State(server): State<Server>,
    AccessToken(token): AccessToken,
    Ruma(request): Ruma<register::v3::Request>,
) -> ApiResult<Raw> {
    match request.kind {
        RegistrationKind::User => {}
        RegistrationKind::Guest => {
            return Err(ApiError::new(
                http::StatusCode::FORBIDDEN,
                ErrorKind::GuestAccessForbidden,
                "This server has no guests: register an account.",
            ));
        }
        _ => {
            return Err(ApiError::invalid_param(
                "\"kind\" has to be \"user\" or \"guest\".",
            ));
        }
    }
    let is_appservice = matches!(request.login_type, Some(LoginType::ApplicationService));
    let wish = Registration {
        username: request.username,
        password: request.password,
        sign_in: (!request.inhibit_login).then_some(SignIn {
            device_id: request.device_id,
            device_display_name: request.initial_device_display_name,
            refreshable: request.refresh_token,
        }),
    };
    let registered = if is_appservice {
        let service = appservice_of(&server, token)?;
        let check = |user: &UserId| server.appservices.check_user(user, Some(service));
        server.users.register_for_appservice(wish, check).await?
    } else {
        server.users.register(wish, request.auth.as_ref()).await?
    };
    // Ruma writes `null` for a device that there is not, which the specification does not allow, and leaves out the
    // server's name, which older clients cannot do without.
    let mut answer = json!({
        "user_id": registered.user_id,
        "home_server": server.config.server_name,
    });
    if let Some(signed_in) = registered.signed_in {
        let (refresh_token, expires_in) = refresh_parts(&signed_in);
        answer["access_token"] = signed_in.access_token.into();
        answer["device_id"] = signed_in.device_id.as_str().into();
        if let Some(token) = refresh_token {
            answer["refresh_token"] = token.into();
        }
        if let Some(lifetime) = expires_in {
            let milliseconds = u64::try_from(lifetime.as_millis());
            answer["expires_in_ms"] = milliseconds.unwrap_or(u64::MAX).into();
        }
    }
    json(&answer).map(Raw)
}

/// Whether a name is free.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3registeravailable)
pub(super) async fn username_availability(
    State(server): State<Server>,
    Ruma(request): Ruma<get_username_availability::v3::Request>,
) -> ApiResult<get_username_availability::v3::Response> {
    server.users.check_chosen_name(&request.username).await?;
    Ok(get_username_availability::v3::Response::new(true))
}

/// Whether a registration token is good.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1registermloginregistration_tokenvalidity)
pub(super) async fn registration_token_validity(
    State(server): State<Server>,
    Ruma(request): Ruma<check_registration_token_validity::v1::Request>,
) -> ApiResult<check_registration_token_validity::v1::Response> {
    server.users.check_registration_open()?;
    let valid = server
        .users
        .is_registration_token_valid(&request.token)
        .await?;
    Ok(check_registration_token_validity::v1::Response::new(valid))
}

/// Registration with the shared secret, as existing tools do it.
pub(super) fn shared_secret_router() -> Router<Server> {
    let path = "/_synapse/admin/v1/register";
    Router::new()
        .route(path, get(registration_nonce))
        .route(path, post(register_with_secret))
}

async fn registration_nonce(State(server): State<Server>) -> ApiResult<Response> {
    let nonce = server.users.registration_nonce()?;
    json(&json!({ "nonce": nonce }))
}

async fn register_with_secret(
    State(server): State<Server>,
    JsonBody(wish): JsonBody<SharedSecretRegistration>,
) -> ApiResult<Response> {
    let signed_in = server.users.register_with_secret(wish).await?;
    json(&json!({
        "user_id": signed_in.user_id,
        "access_token": signed_in.access_token,
        "device_id": signed_in.device_id,
        "home_server": server.users.server_name(),
    }))
}
