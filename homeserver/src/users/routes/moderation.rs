//! What administrators do to accounts: [looking, locking and suspending][spec].
//!
//! [spec]: https://spec.matrix.org/v1.19/client-server-api/#server-administration

use std::collections::BTreeMap;

use axum::extract::State;
use ruma::{
    MilliSecondsSinceUnixEpoch, UserId,
    api::client::admin::{
        get_user_info, is_user_locked, is_user_suspended, lock_user, suspend_user,
    },
};
use serde::Serialize;
use serde_json::json;

use crate::{
    ApiError, ApiResult, Server,
    http::{Raw, Ruma, Session, json},
    users::{Account, AccountRow},
};

/// The devices of a user, with when and from where they were last seen.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3adminwhoisuserid)
pub(super) async fn whois(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<get_user_info::v3::Request>,
) -> ApiResult<Raw> {
    /// Ruma writes `null` for what is not known, which the specification does not allow.
    #[derive(Serialize)]
    struct Connection {
        #[serde(skip_serializing_if = "Option::is_none")]
        ip: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        last_seen: Option<MilliSecondsSinceUnixEpoch>,
    }
    let user_id = &*request.user_id;
    if session.user_id != user_id {
        session.require_admin()?;
    }
    let account = find(&server, user_id).await?;
    let devices = server.users.devices(account.user).await?;
    let devices: BTreeMap<_, _> = devices
        .into_iter()
        .map(|device| {
            let connection = Connection {
                ip: device.last_seen_ip,
                last_seen: device.last_seen,
            };
            let sessions = json!([{ "connections": [connection] }]);
            (device.device_id, json!({ "sessions": sessions }))
        })
        .collect();
    json(&json!({ "user_id": user_id, "devices": devices })).map(Raw)
}

/// Whether a user is locked.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1adminlockuserid)
pub(super) async fn is_locked(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<is_user_locked::v1::Request>,
) -> ApiResult<is_user_locked::v1::Response> {
    let account = look(&server, &session, &request.user_id).await?;
    Ok(is_user_locked::v1::Response::new(account.row.locked))
}

/// Locks a user, or lets them in again.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv1adminlockuserid)
pub(super) async fn lock(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<lock_user::v1::Request>,
) -> ApiResult<lock_user::v1::Response> {
    let locked = request.locked;
    let target = &request.user_id;
    change(&server, &session, target, move |row| row.locked = locked).await?;
    Ok(lock_user::v1::Response::new(locked))
}

/// Whether a user is suspended.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1adminsuspenduserid)
pub(super) async fn is_suspended(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<is_user_suspended::v1::Request>,
) -> ApiResult<is_user_suspended::v1::Response> {
    let account = look(&server, &session, &request.user_id).await?;
    Ok(is_user_suspended::v1::Response::new(account.row.suspended))
}

/// Suspends a user, or lifts that.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv1adminsuspenduserid)
pub(super) async fn suspend(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<suspend_user::v1::Request>,
) -> ApiResult<suspend_user::v1::Response> {
    let suspended = request.suspended;
    let target = &request.user_id;
    change(&server, &session, target, move |row| {
        row.suspended = suspended;
    })
    .await?;
    Ok(suspend_user::v1::Response::new(suspended))
}

async fn change(
    server: &Server,
    session: &Session,
    target: &UserId,
    change: impl FnOnce(&mut AccountRow) + Send + 'static,
) -> ApiResult {
    session.require_admin()?;
    if session.user_id == target {
        return Err(ApiError::forbidden(
            "You cannot do this to your own account.",
        ));
    }
    let account = look(server, session, target).await?;
    server.users.update_account(account.user, change).await
}

/// The account an administrator asks about. Nothing is looked up for anybody else, so that nobody can find out here which
/// accounts exist.
async fn look(server: &Server, session: &Session, target: &UserId) -> ApiResult<Account> {
    session.require_admin()?;
    let account = find(server, target).await?;
    if account.row.admin && session.user_id != target {
        return Err(ApiError::forbidden(
            "The user is an administrator too: this is done on the server's command line.",
        ));
    }
    Ok(account)
}

async fn find(server: &Server, target: &UserId) -> ApiResult<Account> {
    if target.server_name() != server.users.server_name() {
        return Err(ApiError::invalid_param(
            "The user does not belong to this server.",
        ));
    }
    let account = server.users.account(target).await?;
    account
        .filter(|account| !account.row.deactivated)
        .ok_or_else(|| ApiError::not_found("There is no such user on this server."))
}
