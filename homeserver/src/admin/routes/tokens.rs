//! Registration tokens.

use std::time::Duration;

use axum::Router;
use http::Method;
use ruma::{MilliSecondsSinceUnixEpoch, UInt};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use super::call::{AdminRoutes, Call};
use crate::{
    ApiError, ApiResult, Server,
    users::{NewRegistrationToken, RegistrationToken, TokenChange},
};

pub(super) fn router() -> Router<Server> {
    let one = "/_synapse/admin/v1/registration_tokens/{token}";
    Router::new()
        .admin(Method::GET, "/_synapse/admin/v1/registration_tokens", list)
        .admin(
            Method::POST,
            "/_synapse/admin/v1/registration_tokens/new",
            create,
        )
        .admin(Method::GET, one, details)
        .admin(Method::PUT, one, change)
        .admin(Method::DELETE, one, delete)
}

fn show(token: &RegistrationToken) -> Value {
    json!({
        "token": token.token,
        "uses_allowed": token.uses_allowed,
        // An account is made in one step here, so nobody ever holds a use back.
        "pending": 0,
        "completed": token.used,
        "expiry_time": token.expires,
    })
}

async fn list(call: Call) -> ApiResult<Value> {
    #[derive(Deserialize)]
    struct Query {
        valid: Option<bool>,
    }
    let Query { valid } = call.query()?;
    let now = call.server.clock.now();
    let tokens = call.server.users.registration_tokens().await?;
    let shown: Vec<_> = tokens
        .iter()
        .filter(|token| valid.is_none_or(|valid| token.is_valid(now) == valid))
        .map(show)
        .collect();
    Ok(json!({ "registration_tokens": shown }))
}

async fn find(call: &Call, token: &str) -> ApiResult<RegistrationToken> {
    let tokens = call.server.users.registration_tokens().await?;
    let found = tokens.into_iter().find(|found| found.token == token);
    found.ok_or_else(|| ApiError::not_found("There is no such registration token."))
}

async fn details(call: Call) -> ApiResult<Value> {
    Ok(show(&find(&call, call.text(0)).await?))
}

async fn create(call: Call) -> ApiResult<Value> {
    #[derive(Deserialize)]
    struct Body {
        token: Option<String>,
        length: Option<u8>,
        uses_allowed: Option<u32>,
        expiry_time: Option<MilliSecondsSinceUnixEpoch>,
    }
    let body: Body = call.body()?;
    if body.length.is_some_and(|length| length == 0 || length > 64) {
        return Err(ApiError::invalid_param(
            "length has to be between 1 and 64.",
        ));
    }
    let now = call.server.clock.now();
    let valid_for = body.expiry_time.map(|expires| until(now, expires));
    let new = NewRegistrationToken {
        token: body.token,
        length: body.length.map(usize::from),
        uses_allowed: body.uses_allowed,
        valid_for: valid_for.transpose()?,
    };
    let token = call.server.users.create_registration_token(new).await?;
    Ok(show(&token))
}

fn until(now: MilliSecondsSinceUnixEpoch, then: MilliSecondsSinceUnixEpoch) -> ApiResult<Duration> {
    match then.get().checked_sub(now.get()) {
        Some(left) => Ok(Duration::from_millis(left.into())),
        None => Err(ApiError::invalid_param("expiry_time is in the past.")),
    }
}

async fn change(call: Call) -> ApiResult<Value> {
    /// Absent leaves a limit as it is, `null` lifts it.
    #[derive(Deserialize)]
    struct Body {
        #[serde(default, deserialize_with = "present")]
        uses_allowed: Option<Option<u32>>,
        #[serde(default, deserialize_with = "present")]
        expiry_time: Option<Option<UInt>>,
    }
    fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
        value: D,
    ) -> Result<Option<Option<T>>, D::Error> {
        Option::deserialize(value).map(Some)
    }
    let body: Body = call.body()?;
    let now = call.server.clock.now();
    let expires = match body.expiry_time {
        None => None,
        Some(time) => {
            let time = time.map(MilliSecondsSinceUnixEpoch);
            if let Some(time) = time {
                until(now, time)?;
            }
            Some(time)
        }
    };
    let change = TokenChange {
        uses_allowed: body.uses_allowed,
        expires,
    };
    let changed = call
        .server
        .users
        .change_registration_token(call.text(0), change)
        .await?;
    let token =
        changed.ok_or_else(|| ApiError::not_found("There is no such registration token."))?;
    Ok(show(&token))
}

async fn delete(call: Call) -> ApiResult<Value> {
    let revoked = call
        .server
        .users
        .revoke_registration_token(call.text(0))
        .await?;
    if revoked {
        return Ok(json!({}));
    }
    Err(ApiError::not_found("There is no such registration token."))
}
