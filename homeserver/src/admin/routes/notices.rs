//! Notices of the server to its users.

use axum::Router;
use http::Method;
use ruma::OwnedUserId;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::call::{AdminRoutes, Call};
use crate::{ApiError, ApiResult, Server, admin::Notice};

pub(super) fn router() -> Router<Server> {
    Router::new()
        .admin(Method::POST, "/_synapse/admin/v1/send_server_notice", send)
        .admin(
            Method::PUT,
            "/_synapse/admin/v1/send_server_notice/{txn_id}",
            send_once,
        )
}

#[derive(Deserialize)]
struct Body {
    user_id: OwnedUserId,
    content: Map<String, Value>,
    r#type: Option<String>,
    state_key: Option<String>,
}

async fn send(call: Call) -> ApiResult<Value> {
    send_notice(call, None).await
}

async fn send_once(call: Call) -> ApiResult<Value> {
    let transaction = call.text(0).to_owned();
    send_notice(call, Some(transaction)).await
}

async fn send_notice(call: Call, transaction: Option<String>) -> ApiResult<Value> {
    let body: Body = call.body()?;
    call.require_local(&body.user_id)?;
    let account = call.server.users.account(&body.user_id).await?;
    let account = account
        .filter(|account| !account.row.deactivated)
        .ok_or_else(|| ApiError::not_found("There is no such user on this server."))?;
    let notice = Notice {
        event_type: body.r#type.as_deref().unwrap_or("m.room.message").into(),
        state_key: body.state_key,
        content: Value::Object(body.content),
    };
    let admin = &call.server.admin;
    let transaction = transaction.map(|id| call.transaction("send_server_notice", id));
    let event_id = admin.send_notice(&account, notice, transaction).await?;
    Ok(json!({ "event_id": event_id }))
}
