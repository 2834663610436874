//! What the command line asks of the running server, over the admin socket.
//!
//! Names are in bodies, not in paths: a name may contain slashes.

use std::time::Duration;

use axum::{
    Router,
    extract::State,
    response::Response,
    routing::{get, post},
};
use ruma::MilliSecondsSinceUnixEpoch;
use serde::{Deserialize, Serialize};

use crate::{
    ApiError, ApiResult, Server,
    http::{JsonBody, json},
    users::{
        Account, Device, DevicesOf, NewAccount, NewRegistrationToken, RegistrationToken, Users,
    },
};

/// An account to be made.
#[derive(Debug, Serialize, Deserialize)]
pub struct AddUser {
    /// The local part of the name.
    pub name: String,
    /// The password.
    pub password: String,
    /// The display name.
    pub display_name: Option<String>,
    /// Whether it administers the server.
    pub admin: bool,
}

/// An account.
#[derive(Debug, Serialize, Deserialize)]
pub struct UserRef {
    /// The user id or its local part.
    pub name: String,
}

/// A change of an account: what is not given stays.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct ChangeUser {
    /// The user id or its local part.
    pub name: String,
    /// A new password.
    pub password: Option<String>,
    /// Whether to sign all devices out.
    pub logout: bool,
    /// Whether the user is shut out.
    pub locked: Option<bool>,
    /// Whether the user may only read.
    pub suspended: Option<bool>,
    /// Whether the user administers the server.
    pub admin: Option<bool>,
}

/// An account to be closed.
#[derive(Debug, Serialize, Deserialize)]
pub struct DeactivateUser {
    /// The user id or its local part.
    pub name: String,
    /// Whether newcomers to its rooms should not see its messages.
    pub erase: bool,
}

/// What an administrator sees of an account.
#[derive(Debug, Serialize, Deserialize)]
pub struct ShownUser {
    /// The user id.
    pub user_id: String,
    /// When it was made.
    pub created: MilliSecondsSinceUnixEpoch,
    /// Whether it administers the server.
    pub admin: bool,
    /// Whether it is shut out.
    pub locked: bool,
    /// Whether it may only read.
    pub suspended: bool,
    /// Whether it is closed.
    pub deactivated: bool,
    /// Its devices; not in lists.
    #[serde(default)]
    pub devices: Vec<ShownDevice>,
}

/// What an administrator sees of a device.
#[derive(Debug, Serialize, Deserialize)]
pub struct ShownDevice {
    /// Its id.
    pub device_id: String,
    /// Its name.
    pub display_name: Option<String>,
    /// When it was last seen.
    pub last_seen: Option<MilliSecondsSinceUnixEpoch>,
    /// From where.
    pub last_seen_ip: Option<String>,
}

/// A registration token to be made.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct CreateInvite {
    /// The token; a random one without.
    pub token: Option<String>,
    /// For how many accounts.
    pub uses: Option<u32>,
    /// For how many seconds.
    pub valid_seconds: Option<u64>,
}

/// A registration token.
#[derive(Debug, Serialize, Deserialize)]
pub struct Invite {
    /// The token.
    pub token: String,
    /// For how many accounts; any number without.
    pub uses_allowed: Option<u32>,
    /// How many have been made with it.
    pub used: u32,
    /// Until when; for ever without.
    pub expires: Option<MilliSecondsSinceUnixEpoch>,
}

/// A registration token to be made worthless.
#[derive(Debug, Serialize, Deserialize)]
pub struct RevokeInvite {
    /// The token.
    pub token: String,
}

/// An answer that says only that it is done.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Done {}

/// The commands, behind the prefix of the admin socket.
pub(crate) fn router() -> Router<Server> {
    Router::new()
        .route("/users", get(list_users))
        .route("/users/add", post(add_user))
        .route("/users/show", post(show_user))
        .route("/users/change", post(change_user))
        .route("/users/deactivate", post(deactivate_user))
        .route("/invites", get(list_invites))
        .route("/invites/create", post(create_invite))
        .route("/invites/revoke", post(revoke_invite))
}

async fn list_users(State(server): State<Server>) -> ApiResult<Response> {
    let accounts = server.users.accounts().await?;
    let shown: Vec<_> = accounts.iter().map(|account| show(account, &[])).collect();
    json(&shown)
}

async fn add_user(
    State(server): State<Server>,
    JsonBody(request): JsonBody<AddUser>,
) -> ApiResult<Response> {
    let users = &server.users;
    let user_id = users.check_username(&request.name).await?;
    let account = NewAccount {
        user_id: user_id.clone(),
        password: Some(users.hash_password(request.password).await?),
        admin: request.admin,
        display_name: request.display_name,
        registration_token: None,
        accepted_terms: Vec::new(),
    };
    users.create_account(account, None).await?;
    json(&UserRef {
        name: user_id.to_string(),
    })
}

async fn show_user(
    State(server): State<Server>,
    JsonBody(request): JsonBody<UserRef>,
) -> ApiResult<Response> {
    let account = find(&server.users, &request.name).await?;
    let devices = server.users.devices(account.user).await?;
    json(&show(&account, &devices))
}

async fn change_user(
    State(server): State<Server>,
    JsonBody(request): JsonBody<ChangeUser>,
) -> ApiResult<Response> {
    let account = find(&server.users, &request.name).await?;
    if account.row.deactivated {
        return Err(ApiError::forbidden("This account is closed for good."));
    }
    let user = account.user;
    if let Some(password) = request.password {
        server.users.set_password(user, password).await?;
    }
    let ChangeUser {
        locked,
        suspended,
        admin,
        ..
    } = request;
    server
        .users
        .update_account(user, move |account| {
            account.locked = locked.unwrap_or(account.locked);
            account.suspended = suspended.unwrap_or(account.suspended);
            account.admin = admin.unwrap_or(account.admin);
        })
        .await?;
    if request.logout {
        server.users.delete_devices(user, DevicesOf::All).await?;
    }
    json(&Done {})
}

async fn deactivate_user(
    State(server): State<Server>,
    JsonBody(request): JsonBody<DeactivateUser>,
) -> ApiResult<Response> {
    let user = find(&server.users, &request.name).await?.user;
    server.users.deactivate(user, request.erase).await?;
    json(&Done {})
}

async fn list_invites(State(server): State<Server>) -> ApiResult<Response> {
    let tokens = server.users.registration_tokens().await?;
    let invites: Vec<Invite> = tokens.into_iter().map(Into::into).collect();
    json(&invites)
}

async fn create_invite(
    State(server): State<Server>,
    JsonBody(request): JsonBody<CreateInvite>,
) -> ApiResult<Response> {
    let new = NewRegistrationToken {
        token: request.token,
        length: None,
        uses_allowed: request.uses,
        valid_for: request.valid_seconds.map(Duration::from_secs),
    };
    let token = server.users.create_registration_token(new).await?;
    json(&Invite::from(token))
}

async fn revoke_invite(
    State(server): State<Server>,
    JsonBody(request): JsonBody<RevokeInvite>,
) -> ApiResult<Response> {
    if server
        .users
        .revoke_registration_token(&request.token)
        .await?
    {
        return json(&Done {});
    }
    Err(ApiError::not_found("There is no such invitation."))
}

async fn find(users: &Users, name: &str) -> ApiResult<Account> {
    let account = users.account_by_name(name).await?;
    account.ok_or_else(|| ApiError::not_found("There is no such user on this server."))
}

fn show(account: &Account, devices: &[Device]) -> ShownUser {
    let devices = devices.iter().map(|device| ShownDevice {
        device_id: device.device_id.to_string(),
        display_name: device.display_name.clone(),
        last_seen: device.last_seen,
        last_seen_ip: device.last_seen_ip.clone(),
    });
    ShownUser {
        user_id: account.user_id.to_string(),
        created: account.row.created,
        admin: account.row.admin,
        locked: account.row.locked,
        suspended: account.row.suspended,
        deactivated: account.row.deactivated,
        devices: devices.collect(),
    }
}

impl From<RegistrationToken> for Invite {
    fn from(token: RegistrationToken) -> Self {
        Self {
            token: token.token,
            uses_allowed: token.uses_allowed,
            used: token.used,
            expires: token.expires,
        }
    }
}
