//! [E-mail addresses and telephone numbers][spec], of which this server keeps none: it sends no e-mail and trusts no
//! identity server, and every operation says so with the code that the specification has for it.
//!
//! [spec]: https://spec.matrix.org/v1.19/client-server-api/#adding-account-administrative-contact-information

use axum::{Router, extract::State};
use http::StatusCode;
use ruma::api::{
    client::{
        account::{
            ThirdPartyIdRemovalStatus, add_3pid, bind_3pid, delete_3pid, get_3pids,
            request_3pid_management_token_via_email, request_3pid_management_token_via_msisdn,
            request_password_change_token_via_email, request_password_change_token_via_msisdn,
            request_registration_token_via_email, request_registration_token_via_msisdn,
            unbind_3pid,
        },
        uiaa::AuthData,
    },
    error::ErrorKind,
};
use serde::Deserialize;
use serde_json::json;

use super::confirm_password;
use crate::{
    ApiError, ApiResult, Server,
    http::{Nothing, Own, Raw, RouterExt, Ruma, Session, json},
};

pub(super) fn router() -> Router<Server> {
    Router::new()
        .ruma_route(third_party_ids)
        .ruma_route_at("/_matrix/client/v3/account/3pid", add_by_identity_server)
        .ruma_route(add)
        .ruma_route(bind)
        .ruma_route(delete)
        .ruma_route(unbind)
        .ruma_route(email_to_add)
        .ruma_route(msisdn_to_add)
        .ruma_route(email_to_reset)
        .ruma_route(msisdn_to_reset)
        .ruma_route(email_to_register)
        .ruma_route(msisdn_to_register)
}

/// The user's addresses and phone numbers. There are none.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3account3pid)
async fn third_party_ids(
    State(_): State<Server>,
    _session: Session,
    Ruma(_): Ruma<get_3pids::v3::Request>,
) -> ApiResult<Raw> {
    // Ruma leaves an empty list out, and some clients take that for an error.
    json(&json!({ "threepids": [] })).map(Raw)
}

/// What an identity server is said to have validated.
#[derive(Deserialize)]
struct Credentials {
    client_secret: Option<String>,
    id_server: Option<String>,
    sid: Option<String>,
}

impl Credentials {
    fn check(&self) -> ApiResult {
        require(self.client_secret.as_ref(), "client_secret")?;
        require(self.sid.as_ref(), "sid")
    }
}

fn require<T>(value: Option<&T>, name: &str) -> ApiResult {
    match value {
        Some(_) => Ok(()),
        None => Err(ApiError::missing_param(format!("\"{name}\" is missing."))),
    }
}

fn not_trusted() -> ApiError {
    ApiError::bad_request(
        ErrorKind::ServerNotTrusted,
        "This server trusts no identity server.",
    )
}

/// The deprecated way to add an identifier.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3account3pid)
async fn add_by_identity_server(
    State(_): State<Server>,
    _session: Session,
    Ruma(request): Ruma<Own<add_3pid::v3::Request, Nothing, OldBody>>,
) -> ApiResult<add_3pid::v3::Response> {
    let credentials = request.body.three_pid_creds;
    let credentials =
        credentials.ok_or_else(|| ApiError::missing_param("\"three_pid_creds\" is missing."))?;
    credentials.check()?;
    Err(ApiError::new(
        StatusCode::FORBIDDEN,
        ErrorKind::ThreepidAuthFailed,
        "This server trusts no identity server, so it cannot verify these credentials.",
    ))
}

#[derive(Deserialize)]
struct OldBody {
    #[serde(alias = "threePidCreds")]
    three_pid_creds: Option<Credentials>,
}

#[derive(Deserialize)]
struct AddBody {
    client_secret: Option<String>,
    sid: Option<String>,
    auth: Option<AuthData>,
}

/// Adds an identifier that was validated by this server, of which there is none.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3account3pidadd)
async fn add(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<Own<add_3pid::v3::Request, Nothing, AddBody>>,
) -> ApiResult<add_3pid::v3::Response> {
    let body = request.body;
    require(body.client_secret.as_ref(), "client_secret")?;
    require(body.sid.as_ref(), "sid")?;
    let operation = "POST /account/3pid/add";
    confirm_password(&server, &session, operation, body.auth.as_ref()).await?;
    Err(ApiError::bad_request(
        ErrorKind::ThreepidAuthFailed,
        "There is no such validated session: this server sends no validation messages.",
    ))
}

/// Binds an identifier at an identity server.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3account3pidbind)
async fn bind(
    State(_): State<Server>,
    _session: Session,
    Ruma(request): Ruma<Own<bind_3pid::v3::Request, Nothing, Credentials>>,
) -> ApiResult<bind_3pid::v3::Response> {
    request.body.check()?;
    require(request.body.id_server.as_ref(), "id_server")?;
    Err(not_trusted())
}

#[derive(Deserialize)]
struct Identifier {
    medium: Option<String>,
    address: Option<String>,
}

impl Identifier {
    fn check(&self) -> ApiResult {
        require(self.address.as_ref(), "address")?;
        match self.medium.as_deref() {
            Some("email" | "msisdn") => Ok(()),
            Some(_) => Err(ApiError::invalid_param(
                "\"medium\" is \"email\" or \"msisdn\".",
            )),
            None => Err(ApiError::missing_param("\"medium\" is missing.")),
        }
    }
}

/// Removes an identifier from the account; nothing is there and nothing was bound from here.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3account3piddelete)
async fn delete(
    State(_): State<Server>,
    _session: Session,
    Ruma(request): Ruma<Own<delete_3pid::v3::Request, Nothing, Identifier>>,
) -> ApiResult<delete_3pid::v3::Response> {
    request.body.check()?;
    let unbound = ThirdPartyIdRemovalStatus::NoSupport;
    Ok(delete_3pid::v3::Response::new(unbound))
}

/// Removes an identifier at an identity server; nothing was bound from here.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3account3pidunbind)
async fn unbind(
    State(_): State<Server>,
    _session: Session,
    Ruma(request): Ruma<Own<unbind_3pid::v3::Request, Nothing, Identifier>>,
) -> ApiResult<unbind_3pid::v3::Response> {
    request.body.check()?;
    let unbound = ThirdPartyIdRemovalStatus::NoSupport;
    Ok(unbind_3pid::v3::Response::new(unbound))
}

/// What every request for a validation message has.
#[derive(Deserialize)]
struct TokenBody {
    client_secret: Option<String>,
    email: Option<String>,
    phone_number: Option<String>,
    country: Option<String>,
    send_attempt: Option<i64>,
    id_server: Option<String>,
}

impl TokenBody {
    fn check(&self) -> ApiResult {
        let secret = self
            .client_secret
            .as_deref()
            .ok_or_else(|| ApiError::missing_param("\"client_secret\" is missing."))?;
        let is_secret = |b: u8| b.is_ascii_alphanumeric() || b".=_-".contains(&b);
        if secret.is_empty() || secret.len() > 255 || !secret.bytes().all(is_secret) {
            return Err(ApiError::invalid_param(
                "\"client_secret\" has 1 to 255 of the characters 0-9, a-z, A-Z, \".\", \"=\", \"_\" and \"-\".",
            ));
        }
        require(self.send_attempt.as_ref(), "send_attempt")?;
        match &self.id_server {
            Some(_) => Err(not_trusted()),
            None => Ok(()),
        }
    }

    fn check_email(&self) -> ApiResult {
        let email = self
            .email
            .as_deref()
            .ok_or_else(|| ApiError::missing_param("\"email\" is missing."))?;
        let parts = email.split_once('@');
        if parts.is_none_or(|(name, host)| name.is_empty() || host.is_empty() || host.contains('@'))
        {
            return Err(ApiError::invalid_param("This is no e-mail address."));
        }
        self.check()
    }

    fn check_phone_number(&self) -> ApiResult {
        require(self.country.as_ref(), "country")?;
        let number = self
            .phone_number
            .as_deref()
            .ok_or_else(|| ApiError::missing_param("\"phone_number\" is missing."))?;
        if !number.bytes().any(|b| b.is_ascii_digit()) {
            return Err(ApiError::invalid_param("This is no phone number."));
        }
        self.check()
    }
}

fn cannot_add() -> ApiError {
    ApiError::bad_request(
        ErrorKind::ThreepidMediumNotSupported,
        "This server keeps no e-mail addresses and phone numbers.",
    )
}

fn not_found() -> ApiError {
    ApiError::bad_request(
        ErrorKind::ThreepidNotFound,
        "No account of this server has an e-mail address or phone number: ask an administrator for a new password.",
    )
}

fn denied() -> ApiError {
    ApiError::new(
        StatusCode::FORBIDDEN,
        ErrorKind::ThreepidDenied,
        "This server keeps no e-mail addresses and phone numbers: register without one.",
    )
}

/// Asks for an e-mail that validates an address for the account.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3account3pidemailrequesttoken)
async fn email_to_add(
    State(_): State<Server>,
    Ruma(request): Ruma<
        Own<request_3pid_management_token_via_email::v3::Request, Nothing, TokenBody>,
    >,
) -> ApiResult<request_3pid_management_token_via_email::v3::Response> {
    request.body.check_email()?;
    Err(cannot_add())
}

/// Asks for a message that validates a phone number for the account.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3account3pidmsisdnrequesttoken)
async fn msisdn_to_add(
    State(_): State<Server>,
    Ruma(request): Ruma<
        Own<request_3pid_management_token_via_msisdn::v3::Request, Nothing, TokenBody>,
    >,
) -> ApiResult<request_3pid_management_token_via_msisdn::v3::Response> {
    request.body.check_phone_number()?;
    Err(cannot_add())
}

/// Asks for an e-mail that lets somebody set a new password.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3accountpasswordemailrequesttoken)
async fn email_to_reset(
    State(_): State<Server>,
    Ruma(request): Ruma<
        Own<request_password_change_token_via_email::v3::Request, Nothing, TokenBody>,
    >,
) -> ApiResult<request_password_change_token_via_email::v3::Response> {
    request.body.check_email()?;
    Err(not_found())
}

/// Asks for a message to a phone that lets somebody set a new password.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3accountpasswordmsisdnrequesttoken)
async fn msisdn_to_reset(
    State(_): State<Server>,
    Ruma(request): Ruma<
        Own<request_password_change_token_via_msisdn::v3::Request, Nothing, TokenBody>,
    >,
) -> ApiResult<request_password_change_token_via_msisdn::v3::Response> {
    request.body.check_phone_number()?;
    Err(not_found())
}

/// Asks for an e-mail that validates the address of a new account.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3registeremailrequesttoken)
async fn email_to_register(
    State(_): State<Server>,
    Ruma(request): Ruma<Own<request_registration_token_via_email::v3::Request, Nothing, TokenBody>>,
) -> ApiResult<request_registration_token_via_email::v3::Response> {
    request.body.check_email()?;
    Err(denied())
}

/// Asks for a message that validates the phone number of a new account.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3registermsisdnrequesttoken)
async fn msisdn_to_register(
    State(_): State<Server>,
    Ruma(request): Ruma<
        Own<request_registration_token_via_msisdn::v3::Request, Nothing, TokenBody>,
    >,
) -> ApiResult<request_registration_token_via_msisdn::v3::Response> {
    request.body.check_phone_number()?;
    Err(denied())
}
