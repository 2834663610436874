//! Signing in and out.

use std::hash::{DefaultHasher, Hash, Hasher};

use axum::extract::State;
use ruma::{
    OwnedDeviceId, UserId,
    api::{
        client::{
            account::whoami,
            session::{
                get_login_token, get_login_types,
                get_login_types::v3::{
                    ApplicationServiceLoginType, LoginType, PasswordLoginType, TokenLoginType,
                },
                login, logout, logout_all, refresh_token,
            },
            uiaa::UserIdentifier,
        },
        error::ErrorKind,
    },
};
use serde::Deserialize;

use super::{appservice_of, confirm_password, refresh_parts};
use crate::{
    ApiError, ApiResult, Server,
    http::{
        AccessToken, Nothing, Own, Ruma, Session, Streamed,
        limits::{Class, Subject},
    },
    users::{DevicesOf, Identifier, LOGIN_TOKEN_LIFETIME, SignIn, SignedIn},
};

/// The type of login for application services.
const APPSERVICE: &str = "m.login.application_service";

/// How one can sign in.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3login)
pub(super) async fn login_flows(
    State(_): State<Server>,
    Ruma(_): Ruma<get_login_types::v3::Request>,
) -> ApiResult<get_login_types::v3::Response> {
    let password = LoginType::Password(PasswordLoginType::new());
    let mut token = TokenLoginType::new();
    token.get_login_token = true;
    let service = LoginType::ApplicationService(ApplicationServiceLoginType::new());
    let flows = vec![password, LoginType::Token(token), service];
    Ok(get_login_types::v3::Response::new(flows))
}

/// The body of a sign-in.
///
/// Ruma's type panics without `type` and calls an unknown type malformed only when its fields are missing.
#[derive(Deserialize)]
pub(super) struct LoginBody {
    r#type: Option<String>,
    identifier: Option<UserIdentifier>,
    /// What `identifier` was before it was invented; some scripts still send it.
    user: Option<String>,
    password: Option<String>,
    token: Option<String>,
    device_id: Option<OwnedDeviceId>,
    initial_device_display_name: Option<String>,
    #[serde(default)]
    refresh_token: bool,
}

impl LoginBody {
    fn check_type(&self) -> ApiResult {
        match self.r#type.as_deref() {
            Some("m.login.password" | "m.login.token" | APPSERVICE) => Ok(()),
            Some(_) => Err(ApiError::bad_request(
                ErrorKind::Unknown,
                "This server does not know this type of login: ask GET /login for those it does.",
            )),
            None => Err(ApiError::missing_param("\"type\" is missing.")),
        }
    }

    fn sign_in(&mut self) -> SignIn {
        SignIn {
            device_id: self.device_id.take(),
            device_display_name: self.initial_device_display_name.take(),
            refreshable: self.refresh_token,
        }
    }

    fn identifier(&self) -> ApiResult<Identifier> {
        match (&self.identifier, &self.user) {
            (Some(identifier), _) => Identifier::from_request(identifier),
            (None, Some(user)) => Ok(Identifier::User(user.clone())),
            (None, None) => Err(ApiError::missing_param("\"identifier\" is missing.")),
        }
    }
}

/// Signs in.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3login)
pub(super) async fn login(
    State(server): State<Server>,
    AccessToken(token): AccessToken,
    Ruma(request): Ruma<Own<login::v3::Request, Nothing, LoginBody>>,
) -> ApiResult<login::v3::Response> {
    let mut body = request.body;
    body.check_type()?;
    let sign_in = body.sign_in();
    let signed_in = if body.r#type.as_deref() == Some("m.login.token") {
        let token = body
            .token
            .ok_or_else(|| ApiError::missing_param("\"token\" is missing."))?;
        server.users.login_with_token(&token, sign_in).await?
    } else if body.r#type.as_deref() == Some(APPSERVICE) {
        let service = appservice_of(&server, token)?;
        let check = |user: &UserId| server.appservices.check_user(user, Some(service));
        let identifier = body.identifier()?;
        server
            .users
            .login_for_appservice(&identifier, sign_in, check)
            .await?
    } else {
        let identifier = body.identifier()?;
        let password = body
            .password
            .ok_or_else(|| ApiError::missing_param("\"password\" is missing."))?;
        server
            .limits
            .check(Class::SignIn, Subject::Name(hash_of(&identifier)))?;
        server.users.login(&identifier, password, sign_in).await?
    };
    Ok(answer(&server, signed_in))
}

#[expect(
    deprecated,
    reason = "older clients, such as the Python SDK, cannot sign in without home_server"
)]
fn answer(server: &Server, signed_in: SignedIn) -> login::v3::Response {
    let (refresh_token, expires_in) = refresh_parts(&signed_in);
    let mut response = login::v3::Response::new(
        signed_in.user_id,
        signed_in.access_token,
        signed_in.device_id,
    );
    response.home_server = Some(server.config.server_name.clone());
    response.refresh_token = refresh_token;
    response.expires_in = expires_in;
    response
}

/// Makes a token with which another device of the user signs in.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv1loginget_token)
pub(super) async fn create_login_token(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<get_login_token::v1::Request>,
) -> ApiResult<get_login_token::v1::Response> {
    let operation = "POST /login/get_token";
    confirm_password(&server, &session, operation, request.auth.as_ref()).await?;
    Ok(get_login_token::v1::Response::new(
        LOGIN_TOKEN_LIFETIME,
        server.users.create_login_token(&session),
    ))
}

/// The same for all ways to write one name, as far as rate limits care.
fn hash_of(identifier: &Identifier) -> u64 {
    let mut hasher = DefaultHasher::new();
    if let Identifier::User(typed) = identifier {
        let name = typed.trim_start_matches('@');
        let localpart = name.split(':').next().unwrap_or_default();
        localpart.to_lowercase().hash(&mut hasher);
    }
    hasher.finish()
}

/// Exchanges a refresh token for new tokens.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3refresh)
pub(super) async fn refresh(
    State(server): State<Server>,
    Ruma(request): Ruma<refresh_token::v3::Request>,
) -> ApiResult<refresh_token::v3::Response> {
    let signed_in = server.users.refresh(&request.refresh_token).await?;
    let (refresh_token, expires_in) = refresh_parts(&signed_in);
    let mut response = refresh_token::v3::Response::new(signed_in.access_token);
    response.refresh_token = refresh_token;
    response.expires_in_ms = expires_in;
    Ok(response)
}

/// Signs out. A body means nothing, whatever it holds.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3logout)
pub(super) async fn logout(
    State(server): State<Server>,
    session: Session,
    _: Streamed<logout::v3::Request>,
) -> ApiResult<logout::v3::Response> {
    server.users.logout(&session).await?;
    Ok(logout::v3::Response::new())
}

/// Signs all devices of the user out.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3logoutall)
pub(super) async fn logout_all(
    State(server): State<Server>,
    session: Session,
    _: Streamed<logout_all::v3::Request>,
) -> ApiResult<logout_all::v3::Response> {
    server
        .users
        .delete_devices(session.user, DevicesOf::All)
        .await?;
    Ok(logout_all::v3::Response::new())
}

/// Whose access token it is.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3accountwhoami)
pub(super) async fn whoami(
    State(_): State<Server>,
    session: Session,
    Ruma(_): Ruma<whoami::v3::Request>,
) -> ApiResult<whoami::v3::Response> {
    let mut response = whoami::v3::Response::new(session.user_id.clone(), false);
    response.device_id =
        Some(session.device_id.clone()).filter(|device| !device.as_str().is_empty());
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_ways_to_write_a_name_share_one_limit() {
        let hash = |typed: &str| hash_of(&Identifier::User(typed.to_owned()));
        assert_eq!(hash("lilia"), hash("@lilia:b.example"));
        assert_eq!(hash("lilia"), hash("Lilia"));
        assert_ne!(hash("lilia"), hash("rosa"));
    }

    #[test]
    fn login_without_a_type_is_refused_and_does_not_panic() {
        let body: LoginBody = serde_json::from_str("{}").unwrap();
        let error = body.check_type().unwrap_err();
        assert!(matches!(error.kind(), Some(ErrorKind::MissingParam)));
    }
}
