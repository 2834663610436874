//! The files of a user or a room.

use std::cmp::Ordering;

use axum::Router;
use http::Method;
use ruma::{OwnedMxcUri, OwnedServerName};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    call::{AdminRoutes, Call},
    media::show,
    page::{Dir, Page},
    rooms::read,
};
use crate::{ApiResult, Server, admin::Admin, media::MediaInfo};

pub(super) fn router() -> Router<Server> {
    let of_user = "/_synapse/admin/v1/users/{user_id}/media";
    Router::new()
        .admin(Method::GET, of_user, list_of_user)
        .admin(Method::DELETE, of_user, delete_of_user)
        .admin(
            Method::POST,
            "/_synapse/admin/v1/user/{user_id}/media/quarantine",
            quarantine_of_user,
        )
        .admin(
            Method::GET,
            "/_synapse/admin/v1/room/{room_id}/media",
            list_of_room,
        )
        .admin(
            Method::POST,
            "/_synapse/admin/v1/room/{room_id}/media/quarantine",
            quarantine_of_room,
        )
        .admin(
            Method::POST,
            "/_synapse/admin/v1/quarantine_media/{room_id}",
            quarantine_of_room,
        )
}

#[derive(Clone, Debug, Deserialize)]
struct Query {
    from: Option<usize>,
    limit: Option<usize>,
    order_by: Option<OrderBy>,
    dir: Option<Dir>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum OrderBy {
    MediaId,
    UploadName,
    CreatedTs,
    LastAccessTs,
    MediaLength,
    MediaType,
    QuarantinedBy,
    SafeFromQuarantine,
}

impl OrderBy {
    fn compare(self, a: &MediaInfo, b: &MediaInfo) -> Ordering {
        match self {
            Self::MediaId => a.media_id.cmp(&b.media_id),
            Self::UploadName => a.row.filename.cmp(&b.row.filename),
            Self::CreatedTs => a.row.created.cmp(&b.row.created),
            Self::LastAccessTs => a.last_access.cmp(&b.last_access),
            Self::MediaLength => a.row.size.cmp(&b.row.size),
            Self::MediaType => a.row.content_type.cmp(&b.row.content_type),
            Self::QuarantinedBy => a.quarantined_by.cmp(&b.quarantined_by),
            Self::SafeFromQuarantine => a.protected.cmp(&b.protected),
        }
    }
}

/// The files of the user that the path names, in the order that the query wants: the newest first if it says nothing.
async fn sorted(call: &Call, query: &Query) -> ApiResult<Vec<MediaInfo>> {
    let account = call.account(0).await?;
    let mut files = call.server.media.of_user(account.user).await?;
    let order_by = query.order_by.unwrap_or(OrderBy::CreatedTs);
    let dir = match (query.dir, query.order_by) {
        (Some(dir), _) => dir,
        (None, None) => Dir::Backward,
        (None, Some(_)) => Dir::Forward,
    };
    files.sort_by(|a, b| {
        dir.turn(order_by.compare(a, b))
            .then_with(|| a.media_id.cmp(&b.media_id))
    });
    Ok(files)
}

async fn list_of_user(call: Call) -> ApiResult<Value> {
    let query: Query = call.query()?;
    let page = Page::new(query.from, query.limit)?;
    let files = sorted(&call, &query).await?;
    let total = files.len();
    let shown: Vec<_> = page.of(&files).into_iter().map(show).collect();
    let mut answer = json!({ "media": shown, "total": total });
    if let Some(next) = page.next(total) {
        answer["next_token"] = next.into();
    }
    Ok(answer)
}

async fn delete_of_user(call: Call) -> ApiResult<Value> {
    let query: Query = call.query()?;
    let page = Page::new(query.from, query.limit)?;
    let files = page.of(sorted(&call, &query).await?);
    let mut deleted = Vec::new();
    for file in files {
        let media = &call.server.media;
        if media.delete(&file.server_name, &file.media_id).await? {
            deleted.push(file.media_id);
        }
    }
    Ok(json!({ "total": deleted.len(), "deleted_media": deleted }))
}

async fn quarantine_of_user(call: Call) -> ApiResult<Value> {
    let account = call.account(0).await?;
    let files = call.server.media.of_user(account.user).await?;
    let media = files
        .into_iter()
        .map(|file| (file.server_name, file.media_id))
        .collect();
    let admin = call.session.user_id.clone();
    let hidden = call.server.media.quarantine(media, &admin).await?;
    Ok(json!({ "num_quarantined": hidden }))
}

async fn in_room(call: &Call) -> ApiResult<Vec<OwnedMxcUri>> {
    read(call, |rooms, snapshot, room| {
        Ok(Admin::media_in_room(rooms, snapshot, room)?)
    })
    .await
}

async fn list_of_room(call: Call) -> ApiResult<Value> {
    let found = in_room(&call).await?;
    let is_local = |uri: &OwnedMxcUri| {
        uri.server_name()
            .is_ok_and(|name| name == call.server.config.server_name)
    };
    let (local, remote): (Vec<_>, Vec<_>) = found.into_iter().partition(is_local);
    Ok(json!({ "local": local, "remote": remote }))
}

async fn quarantine_of_room(call: Call) -> ApiResult<Value> {
    let found = in_room(&call).await?;
    let media: Vec<(OwnedServerName, String)> = found
        .iter()
        .filter_map(|uri| uri.parts().ok())
        .map(|(server_name, media_id)| (server_name.to_owned(), media_id.to_owned()))
        .collect();
    let admin = call.session.user_id.clone();
    let hidden = call.server.media.quarantine(media, &admin).await?;
    Ok(json!({ "num_quarantined": hidden }))
}
