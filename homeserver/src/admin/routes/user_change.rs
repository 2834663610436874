//! Making, changing and closing accounts.

use axum::Router;
use http::Method;
use ruma::{MilliSecondsSinceUnixEpoch, UserId, api::error::ErrorKind};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use super::{
    call::{AdminRoutes, Call, Reply},
    users::{millis, show},
};
use crate::{
    ApiError, ApiResult, Server,
    users::{Account, Device, DevicesOf, NewAccount, UserKind},
};

pub(super) fn router() -> Router<Server> {
    Router::new()
        .admin(Method::PUT, "/_synapse/admin/v2/users/{user_id}", put)
        .admin(
            Method::PUT,
            "/_synapse/admin/v1/users/{user_id}/admin",
            set_admin,
        )
        .admin(
            Method::POST,
            "/_synapse/admin/v1/deactivate/{user_id}",
            deactivate,
        )
        .admin(
            Method::POST,
            "/_synapse/admin/v1/reset_password/{user_id}",
            reset_password,
        )
        .admin(Method::PUT, "/_synapse/admin/v1/suspend/{user_id}", suspend)
        .admin(
            Method::POST,
            "/_synapse/admin/v1/users/{user_id}/login",
            sign_in_as,
        )
        .admin(Method::GET, "/_synapse/admin/v1/whois/{user_id}", whois)
}

/// What an account is to be. What is absent stays; third-party ids are ignored, since this server keeps none.
#[derive(Default, Deserialize)]
struct Wish {
    password: Option<String>,
    logout_devices: Option<bool>,
    displayname: Option<String>,
    avatar_url: Option<String>,
    admin: Option<bool>,
    deactivated: Option<bool>,
    locked: Option<bool>,
    suspended: Option<bool>,
    /// An ordinary user if it is null.
    #[serde(default, deserialize_with = "given")]
    user_type: Option<Option<UserKind>>,
}

/// What is there, were it null.
fn given<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

impl Wish {
    fn check(&self, call: &Call, user_id: &UserId) -> ApiResult {
        if self.admin == Some(false) && *user_id == call.session.user_id {
            return Err(refused("You may not demote yourself."));
        }
        if self.deactivated == Some(true) && self.locked == Some(true) {
            return Err(refused(
                "An account is either deactivated or locked, not both.",
            ));
        }
        if self.password.as_ref().is_some_and(String::is_empty) {
            return Err(ApiError::invalid_param("The password is empty."));
        }
        Ok(())
    }
}

fn refused(message: &'static str) -> ApiError {
    ApiError::bad_request(ErrorKind::Unknown, message)
}

async fn put(call: Call) -> ApiResult<Reply> {
    let user_id = call.user_id(0)?;
    let wish: Wish = call.body()?;
    wish.check(&call, &user_id)?;
    let users = &call.server.users;
    let Some(account) = users.account(&user_id).await? else {
        create(&call.server, &user_id, &wish).await?;
        let account = find(&call.server, &user_id).await?;
        change(&call.server, &account, wish).await?;
        let account = find(&call.server, &user_id).await?;
        return Ok(Reply::created(show(&call.server, account).await?));
    };
    if wish.deactivated == Some(false) && account.row.deactivated {
        users
            .reactivate(account.user, wish.password.clone())
            .await?;
    } else if let Some(password) = wish.password.clone() {
        if account.row.deactivated {
            return Err(refused(
                "The account is deactivated: set \"deactivated\" to false to open it again.",
            ));
        }
        let logout = wish.logout_devices.unwrap_or(true);
        set_password(&call.server, account.user, password, logout).await?;
    }
    change(&call.server, &account, wish).await?;
    let account = find(&call.server, &user_id).await?;
    Ok(show(&call.server, account).await?.into())
}

async fn find(server: &Server, user_id: &UserId) -> ApiResult<Account> {
    let account = server.users.account(user_id).await?;
    account.ok_or_else(|| ApiError::not_found("There is no such user on this server."))
}

async fn create(server: &Server, user_id: &UserId, wish: &Wish) -> ApiResult {
    let users = &server.users;
    let checked = users.check_username(user_id.localpart()).await?;
    if checked != *user_id {
        // Small letters would be another user than the one that was asked for.
        let message = "New accounts have no capital letters in their names.";
        return Err(ApiError::bad_request(ErrorKind::InvalidUsername, message));
    }
    let password = match wish.password.clone() {
        Some(password) => Some(users.hash_password(password).await?),
        None => None,
    };
    let new = NewAccount {
        user_id: checked,
        password,
        admin: wish.admin.unwrap_or(false),
        display_name: wish.displayname.clone(),
        registration_token: None,
        accepted_terms: Vec::new(),
    };
    users.create_account(new, None).await?;
    Ok(())
}

/// Changes everything but the password.
async fn change(server: &Server, account: &Account, wish: Wish) -> ApiResult {
    let (users, user) = (&server.users, account.user);
    for (field, value) in [
        ("displayname", wish.displayname),
        ("avatar_url", wish.avatar_url),
    ] {
        if let Some(value) = value {
            users.set_profile_field(user, field, value.into()).await?;
        }
    }
    users
        .update_account(user, move |row| {
            row.admin = wish.admin.unwrap_or(row.admin);
            row.locked = wish.locked.unwrap_or(row.locked);
            row.suspended = wish.suspended.unwrap_or(row.suspended);
            row.kind = wish.user_type.unwrap_or(row.kind);
        })
        .await?;
    if wish.deactivated == Some(true) {
        users.deactivate(user, false).await?;
    }
    Ok(())
}

async fn set_password(
    server: &Server,
    user: crate::ids::UserNid,
    password: String,
    logout: bool,
) -> ApiResult {
    server.users.set_password(user, password).await?;
    if logout {
        server.users.delete_devices(user, DevicesOf::All).await?;
    }
    Ok(())
}

async fn set_admin(call: Call) -> ApiResult<Value> {
    #[derive(Deserialize)]
    struct Body {
        admin: bool,
    }
    let user_id = call.user_id(0)?;
    let Body { admin } = call.body()?;
    if !admin && user_id == call.session.user_id {
        return Err(refused("You may not demote yourself."));
    }
    let account = call.account(0).await?;
    call.server
        .users
        .update_account(account.user, move |row| row.admin = admin)
        .await?;
    Ok(json!({}))
}

async fn deactivate(call: Call) -> ApiResult<Value> {
    #[derive(Deserialize)]
    struct Body {
        #[serde(default)]
        erase: bool,
    }
    let Body { erase } = call.body()?;
    let account = call.account(0).await?;
    call.server.users.deactivate(account.user, erase).await?;
    Ok(json!({ "id_server_unbind_result": "success" }))
}

async fn reset_password(call: Call) -> ApiResult<Value> {
    #[derive(Deserialize)]
    struct Body {
        new_password: String,
        #[serde(default = "yes")]
        logout_devices: bool,
    }
    fn yes() -> bool {
        true
    }
    let body: Body = call.body()?;
    let account = call.account(0).await?;
    if account.row.deactivated {
        return Err(refused("The account is deactivated."));
    }
    let (password, logout) = (body.new_password, body.logout_devices);
    set_password(&call.server, account.user, password, logout).await?;
    Ok(json!({}))
}

async fn suspend(call: Call) -> ApiResult<Value> {
    #[derive(Deserialize)]
    struct Body {
        suspend: bool,
    }
    let Body { suspend } = call.body()?;
    let account = call.account(0).await?;
    call.server
        .users
        .update_account(account.user, move |row| row.suspended = suspend)
        .await?;
    let mut answer = json!({});
    answer[format!("user_{}_suspended", account.user_id)] = suspend.into();
    Ok(answer)
}

async fn sign_in_as(call: Call) -> ApiResult<Value> {
    call.account(0).await?;
    Err(ApiError::forbidden(
        "Nobody can sign in as another user on this server, administrators included: reset the password instead.",
    ))
}

/// Where a user is signed in.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3adminwhoisuserid)
async fn whois(call: Call) -> ApiResult<Value> {
    let account = call.account(0).await?;
    let mut devices = json!({});
    for device in call.server.users.devices(account.user).await? {
        devices[device.device_id.as_str()] = json!({
            "sessions": [{ "connections": [connection(&device)] }],
        });
    }
    Ok(json!({ "user_id": account.user_id, "devices": devices }))
}

fn connection(device: &Device) -> Value {
    let last_seen: Option<MilliSecondsSinceUnixEpoch> = device.last_seen;
    json!({
        "ip": device.last_seen_ip,
        "last_seen": millis(last_seen),
        "user_agent": null,
    })
}
