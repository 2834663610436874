//! The one error that reaches a client.
//!
//! A message is a sentence for the developer of the client; the cause, if there is one, goes to the log only.

use std::{borrow::Cow, fmt, time::Duration};

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use ruma::api::{OutgoingResponse, error::Error as MatrixError};
use ruma::api::{
    client::uiaa::{UiaaInfo, UiaaResponse},
    error::{
        ErrorBody, ErrorKind, LimitExceededErrorData, RetryAfter, StandardErrorBody,
        UnknownTokenErrorData,
    },
};

use crate::events::{BuildError, auth::AuthError, power::Denied};

/// What a request that cannot be answered fails with.
pub type ApiResult<T = ()> = Result<T, ApiError>;

/// An answer that is not the one the client hoped for.
///
/// It is one pointer wide, so that results stay small on the way up.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#standard-error-response)
pub struct ApiError(Box<Failure>);

struct Failure {
    status: StatusCode,
    body: Body,
    source: Option<anyhow::Error>,
}

enum Body {
    Standard {
        kind: ErrorKind,
        message: Cow<'static, str>,
    },
    UserInteractive(UiaaInfo),
}

impl ApiError {
    /// An error with any status and kind. Prefer one of the named constructors.
    pub fn new(status: StatusCode, kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        let body = Body::Standard {
            kind,
            message: message.into(),
        };
        Self(Box::new(Failure {
            status,
            body,
            source: None,
        }))
    }

    /// An error whose code is not one that the specification names.
    pub fn with_code(
        status: StatusCode,
        errcode: &str,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        let kind = serde_json::from_value(serde_json::json!({ "errcode": errcode }));
        Self::new(status, kind.unwrap_or(ErrorKind::Unknown), message)
    }

    /// Something went wrong on this side: the client learns that and no more, the log learns why.
    pub fn internal(source: impl Into<anyhow::Error>) -> Self {
        let message = "The server could not answer this request because of an internal error.";
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            ErrorKind::Unknown,
            message,
        )
        .because(source)
    }

    /// The client has to complete (more of) the user-interactive authentication.
    /// [spec](https://spec.matrix.org/v1.19/client-server-api/#user-interactive-authentication-api)
    pub fn user_interactive(info: UiaaInfo) -> Self {
        let body = Body::UserInteractive(info);
        Self(Box::new(Failure {
            status: StatusCode::UNAUTHORIZED,
            body,
            source: None,
        }))
    }

    /// 404 `M_NOT_FOUND`.
    pub fn not_found(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::NOT_FOUND, ErrorKind::NotFound, message)
    }

    /// 403 `M_FORBIDDEN`.
    pub fn forbidden(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::FORBIDDEN, ErrorKind::Forbidden, message)
    }

    /// 400 with any kind.
    pub fn bad_request(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, kind, message)
    }

    /// 400 `M_NOT_JSON`: the body is no JSON at all.
    pub fn not_json(message: impl Into<Cow<'static, str>>) -> Self {
        Self::bad_request(ErrorKind::NotJson, message)
    }

    /// 400 `M_BAD_JSON`: the body is JSON, but not what this endpoint takes.
    pub fn bad_json(message: impl Into<Cow<'static, str>>) -> Self {
        Self::bad_request(ErrorKind::BadJson, message)
    }

    /// 400 `M_MISSING_PARAM`.
    pub fn missing_param(message: impl Into<Cow<'static, str>>) -> Self {
        Self::bad_request(ErrorKind::MissingParam, message)
    }

    /// 400 `M_INVALID_PARAM`.
    pub fn invalid_param(message: impl Into<Cow<'static, str>>) -> Self {
        Self::bad_request(ErrorKind::InvalidParam, message)
    }

    /// 401 `M_MISSING_TOKEN`.
    pub fn missing_token() -> Self {
        let message = "This endpoint needs an access token: send the header \"Authorization: Bearer <token>\".";
        Self::new(StatusCode::UNAUTHORIZED, ErrorKind::MissingToken, message)
    }

    /// 401 `M_UNKNOWN_TOKEN`. With `soft_logout` the client keeps its device and its keys and signs in again.
    /// [spec](https://spec.matrix.org/v1.19/client-server-api/#soft-logout)
    pub fn unknown_token(soft_logout: bool, message: impl Into<Cow<'static, str>>) -> Self {
        let mut details = UnknownTokenErrorData::new();
        details.soft_logout = soft_logout;
        Self::new(
            StatusCode::UNAUTHORIZED,
            ErrorKind::UnknownToken(details),
            message,
        )
    }

    /// 429 `M_LIMIT_EXCEEDED`, telling the client when it may try again.
    /// [spec](https://spec.matrix.org/v1.19/client-server-api/#rate-limiting)
    pub fn limit_exceeded(retry_after: Duration) -> Self {
        let mut details = LimitExceededErrorData::new();
        details.retry_after = Some(RetryAfter::Delay(retry_after));
        let message = "Too many requests: wait as long as retry_after_ms says, then try again.";
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            ErrorKind::LimitExceeded(details),
            message,
        )
    }

    /// 403 `M_USER_SUSPENDED`.
    /// [spec](https://spec.matrix.org/v1.19/client-server-api/#account-suspension)
    pub fn suspended() -> Self {
        let message = "Your account is suspended: you can read, but not do this. Ask an administrator of the server.";
        Self::new(StatusCode::FORBIDDEN, ErrorKind::UserSuspended, message)
    }

    /// 413 `M_TOO_LARGE`.
    pub fn too_large(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, ErrorKind::TooLarge, message)
    }

    /// 404 `M_UNRECOGNIZED`: there is no such endpoint here.
    pub fn unrecognized() -> Self {
        let message = "This server has no such endpoint.";
        Self::new(StatusCode::NOT_FOUND, ErrorKind::Unrecognized, message)
    }

    /// 405 `M_UNRECOGNIZED`: the endpoint exists, but not with this method.
    pub fn method_not_allowed() -> Self {
        let message = "This endpoint does not take this HTTP method.";
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            ErrorKind::Unrecognized,
            message,
        )
    }

    /// The same error with a cause for the log.
    #[must_use]
    pub fn because(mut self, source: impl Into<anyhow::Error>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The kind of error, which has the `errcode`; none when user-interactive authentication goes on.
    pub fn kind(&self) -> Option<&ErrorKind> {
        match &self.0.body {
            Body::Standard { kind, .. } => Some(kind),
            Body::UserInteractive(_) => None,
        }
    }

    /// What user-interactive authentication still asks for, if it goes on.
    pub fn user_interactive_info(&self) -> Option<&UiaaInfo> {
        match &self.0.body {
            Body::UserInteractive(info) => Some(info),
            Body::Standard { .. } => None,
        }
    }

    /// The sentence for the client's developer.
    pub fn message(&self) -> &str {
        match &self.0.body {
            Body::Standard { message, .. } => message,
            Body::UserInteractive(_) => "User-interactive authentication is not complete yet.",
        }
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.status.as_u16(), self.message())
    }
}

impl fmt::Debug for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = self.kind().map(|kind| kind.errcode().to_string());
        f.debug_struct("ApiError")
            .field("status", &self.0.status)
            .field("errcode", &code)
            .field("message", &self.message())
            .field("source", &self.0.source)
            .finish()
    }
}

impl std::error::Error for ApiError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0
            .source
            .as_ref()
            .map(|source| &**source as &(dyn std::error::Error + 'static))
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let Failure {
            status,
            body,
            source,
        } = *self.0;
        if let Some(source) = source {
            if status.is_server_error() {
                tracing::error!(status = status.as_u16(), "request failed: {source:#}");
            } else {
                tracing::debug!(status = status.as_u16(), "request refused: {source:#}");
            }
        }
        let retry_after = match &body {
            Body::Standard { kind, .. } => retry_after_seconds(kind),
            Body::UserInteractive(_) => None,
        };
        let answer = match body {
            Body::Standard { kind, message } => {
                let body = ErrorBody::Standard(StandardErrorBody::new(kind, message.into_owned()));
                MatrixError::new(status, body).try_into_http_response::<Vec<u8>>()
            }
            Body::UserInteractive(info) => {
                // Ruma leaves an empty list away, but clients look into it.
                let none_completed = info.completed.is_empty();
                let answer = UiaaResponse::AuthResponse(info).try_into_http_response::<Vec<u8>>();
                match none_completed {
                    true => answer.map(|answer| answer.map(with_none_completed)),
                    false => answer,
                }
            }
        };
        let mut response = match answer {
            Ok(answer) => answer.map(axum::body::Body::from),
            // Serialising these bodies cannot fail; if it ever does, the status still tells the truth.
            Err(_) => status.into_response(),
        };
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        response
    }
}

fn with_none_completed(body: Vec<u8>) -> Vec<u8> {
    use serde_json::Value;
    let Ok(Value::Object(mut object)) = serde_json::from_slice(&body) else {
        return body;
    };
    object.insert("completed".to_owned(), Value::Array(Vec::new()));
    serde_json::to_vec(&object).unwrap_or(body)
}

/// The header in whole seconds, rounded up so that a client that obeys it is not early.
fn retry_after_seconds(kind: &ErrorKind) -> Option<HeaderValue> {
    match kind {
        ErrorKind::LimitExceeded(LimitExceededErrorData {
            retry_after: Some(RetryAfter::Delay(delay)),
            ..
        }) => Some(HeaderValue::from(delay.as_millis().div_ceil(1000) as u64)),
        _ => None,
    }
}

/// The database failed: the client can do nothing about it.
impl From<crate::storage::Error> for ApiError {
    fn from(error: crate::storage::Error) -> Self {
        Self::internal(error)
    }
}

/// An event that cannot be built from what a client sent.
impl From<BuildError> for ApiError {
    fn from(error: BuildError) -> Self {
        let message = error.to_string();
        match error {
            BuildError::TooLarge(_) | BuildError::FieldTooLong { .. } => Self::too_large(message),
            BuildError::NotCanonical(_) => Self::bad_json(message),
            BuildError::Malformed(source) => Self::internal(source),
        }
    }
}

/// An event that the room's rules refuse.
impl<E: Into<Self>> From<AuthError<E>> for ApiError {
    fn from(error: AuthError<E>) -> Self {
        match error {
            AuthError::Forbidden(reason) => Self::forbidden(format!(
                "The rules of the room do not allow this: {reason}."
            )),
            AuthError::Read(error) => error.into(),
        }
    }
}

impl From<Denied> for ApiError {
    fn from(denied: Denied) -> Self {
        Self::forbidden(denied.to_string())
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use ruma::api::client::uiaa::{AuthFlow, AuthType};
    use serde_json::{Value, json};

    use super::*;

    async fn body_of(response: Response) -> Value {
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        serde_json::from_slice(&bytes).unwrap()
    }

    #[tokio::test]
    async fn an_error_has_the_standard_body() {
        let response = ApiError::not_found("No such room.").into_response();
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/json");
        assert_eq!(
            body_of(response).await,
            json!({ "errcode": "M_NOT_FOUND", "error": "No such room." })
        );
    }

    #[tokio::test]
    async fn an_internal_error_does_not_tell_its_cause() {
        let response =
            ApiError::internal(anyhow::anyhow!("disk /dev/sda1 is full")).into_response();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let body = body_of(response).await;
        assert_eq!(body["errcode"], "M_UNKNOWN");
        assert!(!body.to_string().contains("sda1"));
    }

    #[tokio::test]
    async fn a_limit_says_when_to_come_back() {
        let response = ApiError::limit_exceeded(Duration::from_millis(1_200)).into_response();
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(response.headers()[header::RETRY_AFTER], "2");
        let body = body_of(response).await;
        assert_eq!(body["errcode"], "M_LIMIT_EXCEEDED");
        assert_eq!(body["retry_after_ms"], 1_200);
    }

    #[tokio::test]
    async fn an_unknown_token_tells_of_soft_logout() {
        let body = body_of(ApiError::unknown_token(true, "Expired.").into_response()).await;
        assert_eq!(body["errcode"], "M_UNKNOWN_TOKEN");
        assert_eq!(body["soft_logout"], true);
    }

    #[tokio::test]
    async fn a_code_of_our_own_is_kept() {
        let error = ApiError::with_code(StatusCode::CONFLICT, "ORG_FIALKA_BUSY", "Busy.");
        assert_eq!(
            body_of(error.into_response()).await["errcode"],
            "ORG_FIALKA_BUSY"
        );
    }

    #[tokio::test]
    async fn user_interactive_authentication_lists_its_flows() {
        let mut info = UiaaInfo::new(vec![AuthFlow::new(vec![AuthType::Dummy])]);
        info.session = Some("abc".to_owned());
        let response = ApiError::user_interactive(info).into_response();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        let body = body_of(response).await;
        assert_eq!(body["flows"], json!([{ "stages": ["m.login.dummy"] }]));
        assert_eq!(body["session"], "abc");
        assert_eq!(body["completed"], json!([]));
        assert!(body.get("errcode").is_none());
    }

    #[test]
    fn an_error_is_one_pointer_wide() {
        assert_eq!(size_of::<ApiError>(), size_of::<usize>());
    }
}
