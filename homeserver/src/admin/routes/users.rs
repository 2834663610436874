//! Looking through accounts.

use std::cmp::Ordering;

use axum::Router;
use http::Method;
use ruma::{MilliSecondsSinceUnixEpoch, OwnedUserId};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    call::{AdminRoutes, Call},
    page::{Dir, Page},
};
use crate::{
    ApiError, ApiResult, Server,
    ids::RoomNid,
    storage::{Snapshot, tables},
    users::{Account, Listed},
};

pub(super) fn router() -> Router<Server> {
    Router::new()
        .admin(Method::GET, "/_synapse/admin/v2/users", list_v2)
        .admin(Method::GET, "/_synapse/admin/v3/users", list_v3)
        .admin(Method::GET, "/_synapse/admin/v2/users/{user_id}", details)
        .admin(
            Method::GET,
            "/_synapse/admin/v1/users/{user_id}/admin",
            is_admin,
        )
        .admin(
            Method::GET,
            "/_synapse/admin/v1/users/{user_id}/joined_rooms",
            joined_rooms,
        )
        .admin(
            Method::GET,
            "/_synapse/admin/v1/users/{user_id}/memberships",
            memberships,
        )
        .admin(
            Method::GET,
            "/_synapse/admin/v1/users/{user_id}/accountdata",
            account_data,
        )
        .admin(
            Method::GET,
            "/_synapse/admin/v1/users/{user_id}/pushers",
            pushers,
        )
        .admin(
            Method::GET,
            "/_synapse/admin/v1/username_available",
            username_available,
        )
        .admin(
            Method::GET,
            "/_synapse/admin/v1/threepid/{medium}/users/{address}",
            known_elsewhere,
        )
        .admin(
            Method::GET,
            "/_synapse/admin/v1/auth_providers/{provider}/users/{external_id}",
            known_elsewhere,
        )
}

#[derive(Clone, Debug, Deserialize)]
struct Filter {
    from: Option<usize>,
    limit: Option<usize>,
    #[serde(default)]
    dir: Dir,
    #[serde(default)]
    order_by: OrderBy,
    /// A part of the user id.
    user_id: Option<String>,
    /// A part of the local part or the display name.
    name: Option<String>,
    /// In the older version: whether to list closed accounts too. In the newer: whether to list only those, or none.
    deactivated: Option<bool>,
    admins: Option<bool>,
    locked: Option<bool>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum OrderBy {
    #[default]
    Name,
    IsGuest,
    Admin,
    UserType,
    Deactivated,
    ShadowBanned,
    #[serde(rename = "displayname")]
    DisplayName,
    AvatarUrl,
    CreationTs,
    LastSeenTs,
    Erased,
    Locked,
}

impl OrderBy {
    fn compare(self, a: &Listed, b: &Listed) -> Ordering {
        let (row_a, row_b) = (&a.account.row, &b.account.row);
        match self {
            // All accounts are alike in these.
            Self::Name | Self::IsGuest | Self::ShadowBanned => Ordering::Equal,
            Self::UserType => row_a.kind.cmp(&row_b.kind),
            Self::Admin => row_a.admin.cmp(&row_b.admin),
            Self::Deactivated => row_a.deactivated.cmp(&row_b.deactivated),
            Self::DisplayName => a.display_name.cmp(&b.display_name),
            Self::AvatarUrl => a.avatar_url.cmp(&b.avatar_url),
            Self::CreationTs => row_a.created.cmp(&row_b.created),
            Self::LastSeenTs => a.last_seen.cmp(&b.last_seen),
            Self::Erased => row_a.erased.cmp(&row_b.erased),
            Self::Locked => row_a.locked.cmp(&row_b.locked),
        }
    }
}

impl Filter {
    fn takes(&self, listed: &Listed) -> bool {
        let row = &listed.account.row;
        let user_id = &listed.account.user_id;
        let has = |text: &str, part: &str| text.to_lowercase().contains(&part.to_lowercase());
        let by_id = self
            .user_id
            .as_ref()
            .is_none_or(|part| has(user_id.as_str(), part));
        let by_name = self.name.as_ref().is_none_or(|part| {
            let name = listed.display_name.as_deref().unwrap_or_default();
            has(user_id.localpart(), part) || has(name, part)
        });
        by_id
            && by_name
            && self.admins.is_none_or(|admins| row.admin == admins)
            && self.deactivated.is_none_or(|only| row.deactivated == only)
            // Locked accounts are listed only when they are asked for.
            && (self.locked.unwrap_or(false) || !row.locked)
    }
}

async fn list_v2(call: Call) -> ApiResult<Value> {
    let mut filter: Filter = call.query()?;
    filter.deactivated = (!filter.deactivated.unwrap_or(false)).then_some(false);
    list(call, filter).await
}

async fn list_v3(call: Call) -> ApiResult<Value> {
    let filter = call.query()?;
    list(call, filter).await
}

async fn list(call: Call, filter: Filter) -> ApiResult<Value> {
    let page = Page::new(filter.from, filter.limit)?;
    let (order_by, dir) = (filter.order_by, filter.dir);
    let mut found = call
        .server
        .users
        .list(move |listed| filter.takes(listed))
        .await?;
    found.sort_by(|a, b| {
        // Where the wanted order says nothing, names decide, always upwards.
        let by_name = a.account.user_id.cmp(&b.account.user_id);
        match order_by {
            OrderBy::Name => dir.turn(by_name),
            _ => dir.turn(order_by.compare(a, b)).then(by_name),
        }
    });
    let total = found.len();
    let users: Vec<_> = page.of(&found).into_iter().map(row).collect();
    let mut answer = json!({ "users": users, "total": total });
    page.add_next_token(&mut answer, total);
    Ok(answer)
}

/// An account in a list.
fn row(listed: &Listed) -> Value {
    let row = &listed.account.row;
    json!({
        "name": listed.account.user_id,
        "user_type": row.kind,
        "is_guest": false,
        "admin": row.admin,
        "deactivated": row.deactivated,
        "erased": row.erased,
        "locked": row.locked,
        "suspended": row.suspended,
        "shadow_banned": false,
        "approved": true,
        "displayname": listed.display_name,
        "avatar_url": listed.avatar_url,
        "creation_ts": row.created,
        "last_seen_ts": listed.last_seen,
    })
}

async fn details(call: Call) -> ApiResult<Value> {
    let account = call.account(0).await?;
    show(&call.server, account).await
}

/// Everything about one account.
pub(super) async fn show(server: &Server, account: Account) -> ApiResult<Value> {
    let listed = server.users.listed(account).await?;
    let mut shown = row(&listed);
    // Synapse tells seconds here and milliseconds in lists, and tools rely on it.
    let created = u64::from(listed.account.row.created.get()) / 1000;
    shown["creation_ts"] = created.into();
    for (key, value) in [
        ("threepids", json!([])),
        ("external_ids", json!([])),
        ("appservice_id", Value::Null),
        ("consent_server_notice_sent", Value::Null),
        ("consent_version", Value::Null),
        ("consent_ts", Value::Null),
    ] {
        shown[key] = value;
    }
    Ok(shown)
}

async fn is_admin(call: Call) -> ApiResult<Value> {
    let account = call.account(0).await?;
    Ok(json!({ "admin": account.row.admin }))
}

async fn joined_rooms(call: Call) -> ApiResult<Value> {
    let account = call.account(0).await?;
    let rooms = call.server.rooms.joined_rooms(account.user).await?;
    Ok(json!({ "joined_rooms": rooms, "total": rooms.len() }))
}

async fn memberships(call: Call) -> ApiResult<Value> {
    let user = call.account(0).await?.user;
    let memberships = call
        .server
        .rooms
        .read(move |rooms, snapshot| {
            let mut memberships = Map::new();
            for row in tables::USER_ROOM.scan(snapshot, (user,))? {
                let ((_, room), row) = row?;
                let room_id = rooms.room_id(room)?.to_string();
                memberships.insert(room_id, row.membership.as_str().into());
            }
            Ok(memberships)
        })
        .await?;
    Ok(json!({ "memberships": memberships }))
}

/// Where the user's notifications go.
async fn pushers(call: Call) -> ApiResult<Value> {
    let user = call.account(0).await?.user;
    let pushers = call.server.push.pushers(user).await?;
    Ok(json!({ "total": pushers.len(), "pushers": pushers }))
}

/// What clients keep here for the user.
async fn account_data(call: Call) -> ApiResult<Value> {
    let user = call.account(0).await?.user;
    let server = call.server.clone();
    let read = move |snapshot: &Snapshot<'_>| {
        let (mut global, mut rooms) = (Map::new(), Map::new());
        for row in tables::ACCOUNT_DATA.scan(snapshot, (user,))? {
            let ((_, room, kind), row) = row?;
            let content: Value = serde_json::from_str(&row.content).map_err(ApiError::internal)?;
            if room == RoomNid(0) {
                global.insert(kind, content);
            } else {
                rooms
                    .entry(server.rooms.room_id(room)?.to_string())
                    .or_insert_with(|| json!({}))[kind] = content;
            }
        }
        Ok(json!({ "account_data": { "global": global, "rooms": rooms } }))
    };
    call.server.storage.read(read).await
}

async fn username_available(call: Call) -> ApiResult<Value> {
    #[derive(Deserialize)]
    struct Query {
        username: String,
    }
    let Query { username } = call.query()?;
    let _: OwnedUserId = call.server.users.check_username(&username).await?;
    Ok(json!({ "available": true }))
}

/// Who has an address or a name at another service: nobody, since this server keeps neither.
async fn known_elsewhere(_: Call) -> ApiResult<Value> {
    Err(ApiError::not_found("Nobody is known here by that."))
}

/// A time as administrators' tools read it.
pub(super) fn millis(time: Option<MilliSecondsSinceUnixEpoch>) -> Option<u64> {
    time.map(|time| time.get().into())
}
