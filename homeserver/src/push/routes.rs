//! Pushers and notifications.

use axum::{Router, extract::State};
use ruma::api::{
    client::push::{get_notifications, get_pushers, set_pusher},
    error::ErrorKind,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{NewPusher, notifications::Page};
use crate::{
    ApiError, ApiResult, Server,
    http::{Nothing, Own, Raw, RouterExt, Ruma, Session, json},
    rooms::look::Reader,
};

/// The routes.
pub fn router() -> Router<Server> {
    Router::new()
        .ruma_route(pushers)
        .ruma_route(set)
        .ruma_route(notifications)
}

/// The user's pushers.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3pushers)
async fn pushers(
    State(server): State<Server>,
    session: Session,
    Ruma(_): Ruma<get_pushers::v3::Request>,
) -> ApiResult<Raw> {
    let pushers = server.push.pushers(session.user).await?;
    json(&json!({ "pushers": pushers })).map(Raw)
}

/// The body of a change. Ruma's type tells neither what is missing nor a kind that is missing from one that is `null`.
#[derive(Deserialize)]
struct SetPusherBody {
    app_id: Option<String>,
    pushkey: Option<String>,
    #[serde(default, deserialize_with = "present")]
    kind: Option<Option<String>>,
    app_display_name: Option<String>,
    device_display_name: Option<String>,
    profile_tag: Option<String>,
    lang: Option<String>,
    data: Option<Map<String, Value>>,
    #[serde(default)]
    append: bool,
}

/// A value that is there, be it `null`.
fn present<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Sets or removes a pusher.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3pushersset)
async fn set(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<Own<set_pusher::v3::Request, Nothing, SetPusherBody>>,
) -> ApiResult<set_pusher::v3::Response> {
    let body = request.body;
    let app_id = required(body.app_id, "app_id")?;
    let pushkey = required(body.pushkey, "pushkey")?;
    match required(body.kind, "kind")?.as_deref() {
        None => {
            server
                .push
                .delete_pusher(session.user, app_id, pushkey)
                .await?;
        }
        Some("http") => {
            let pusher = NewPusher {
                user: session.user,
                device_id: session.device_id.clone(),
                app_id,
                pushkey,
                app_display_name: required(body.app_display_name, "app_display_name")?,
                device_display_name: required(body.device_display_name, "device_display_name")?,
                lang: required(body.lang, "lang")?,
                profile_tag: body.profile_tag,
                data: required(body.data, "data")?.into_iter().collect(),
                append: body.append,
            };
            server.push.set_pusher(pusher).await?;
        }
        Some("email") => {
            return Err(ApiError::bad_request(
                ErrorKind::ThreepidNotFound,
                "This server sends no e-mail: use a pusher of kind \"http\".",
            ));
        }
        Some(_) => {
            return Err(ApiError::invalid_param(
                "The kind of a pusher is \"http\", or null to remove it.",
            ));
        }
    }
    Ok(set_pusher::v3::Response::new())
}

fn required<T>(value: Option<T>, name: &str) -> ApiResult<T> {
    value.ok_or_else(|| ApiError::missing_param(format!("\"{name}\" is missing.")))
}

/// What the user was notified of, the newest first.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3notifications)
async fn notifications(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<get_notifications::v3::Request>,
) -> ApiResult<get_notifications::v3::Response> {
    let page = Page {
        from: request.from,
        limit: request.limit,
        only_highlights: request.only.as_deref() == Some("highlight"),
    };
    let reader = Reader {
        user: session.user_id.clone(),
        device: session.device_id.clone(),
    };
    server.push.notifications(session.user, reader, page).await
}
