//! Files: what is known of them, deleting them, hiding them.

use axum::Router;
use http::Method;
use ruma::{MilliSecondsSinceUnixEpoch, OwnedServerName, OwnedUserId, UInt};
use serde::Deserialize;
use serde_json::{Value, json};

use super::call::{AdminRoutes, Call};
use crate::{
    ApiError, ApiResult, Server,
    media::{MediaInfo, Unused},
};

pub(super) fn router() -> Router<Server> {
    let one = "/_synapse/admin/v1/media/{server_name}/{media_id}";
    Router::new()
        .admin(Method::GET, one, details)
        .admin(Method::DELETE, one, delete)
        .admin(
            Method::POST,
            "/_synapse/admin/v1/media/quarantine/{server_name}/{media_id}",
            quarantine,
        )
        .admin(
            Method::POST,
            "/_synapse/admin/v1/media/unquarantine/{server_name}/{media_id}",
            unquarantine,
        )
        .admin(
            Method::POST,
            "/_synapse/admin/v1/media/protect/{media_id}",
            protect,
        )
        .admin(
            Method::POST,
            "/_synapse/admin/v1/media/unprotect/{media_id}",
            unprotect,
        )
        .admin(
            Method::POST,
            "/_synapse/admin/v1/media/delete",
            delete_unused,
        )
        .admin(
            Method::POST,
            "/_synapse/admin/v1/media/{server_name}/delete",
            delete_unused,
        )
        .admin(
            Method::POST,
            "/_synapse/admin/v1/purge_media_cache",
            purge_remote,
        )
}

/// A file in a list.
pub(super) fn show(info: &MediaInfo) -> Value {
    json!({
        "media_id": info.media_id,
        "created_ts": info.row.created,
        "last_access_ts": info.last_access,
        "media_length": info.row.size,
        "media_type": info.row.content_type,
        "upload_name": info.row.filename,
        "quarantined_by": info.quarantined_by,
        "safe_from_quarantine": info.protected,
    })
}

struct Named {
    server_name: OwnedServerName,
    media_id: String,
}

fn named(call: &Call) -> ApiResult<Named> {
    Ok(Named {
        server_name: call.id(0, "server name")?,
        media_id: call.text(1).to_owned(),
    })
}

fn unknown() -> ApiError {
    ApiError::not_found("There is no such file.")
}

async fn details(call: Call) -> ApiResult<Value> {
    let Named {
        server_name,
        media_id,
    } = named(&call)?;
    let info = call.server.media.info(&server_name, &media_id).await?;
    let info = info.ok_or_else(unknown)?;
    let mut shown = show(&info);
    shown["media_origin"] = json!(server_name);
    let uploader = call.server.storage.interner().user_id(info.row.uploader);
    shown["user_id"] = json!(uploader.ok() as Option<OwnedUserId>);
    Ok(json!({ "media_info": shown }))
}

async fn delete(call: Call) -> ApiResult<Value> {
    let Named {
        server_name,
        media_id,
    } = named(&call)?;
    if server_name != call.server.config.server_name {
        return Err(ApiError::invalid_param(
            "Only files of this server can be deleted.",
        ));
    }
    if call.server.media.delete(&server_name, &media_id).await? {
        return Ok(json!({ "deleted_media": [media_id], "total": 1 }));
    }
    Err(unknown())
}

async fn quarantine(call: Call) -> ApiResult<Value> {
    let Named {
        server_name,
        media_id,
    } = named(&call)?;
    let admin = call.session.user_id.clone();
    let media = vec![(server_name, media_id)];
    call.server.media.quarantine(media, &admin).await?;
    Ok(json!({}))
}

async fn unquarantine(call: Call) -> ApiResult<Value> {
    let Named {
        server_name,
        media_id,
    } = named(&call)?;
    call.server
        .media
        .unquarantine(&server_name, &media_id)
        .await?;
    Ok(json!({}))
}

async fn protect(call: Call) -> ApiResult<Value> {
    call.server.media.protect(call.text(0), true).await?;
    Ok(json!({}))
}

async fn unprotect(call: Call) -> ApiResult<Value> {
    call.server.media.protect(call.text(0), false).await?;
    Ok(json!({}))
}

/// Deletes files of this server that nobody has fetched for long.
async fn delete_unused(call: Call) -> ApiResult<Value> {
    #[derive(Deserialize)]
    struct Query {
        before_ts: UInt,
        #[serde(default)]
        size_gt: u64,
        #[serde(default = "yes")]
        keep_profiles: bool,
    }
    fn yes() -> bool {
        true
    }
    if !call.text(0).is_empty() {
        let server_name: OwnedServerName = call.id(0, "server name")?;
        if server_name != call.server.config.server_name {
            return Err(ApiError::invalid_param(
                "Only files of this server can be deleted.",
            ));
        }
    }
    let query: Query = call.query()?;
    let kept = match query.keep_profiles {
        true => pictures_in_use(&call.server).await?,
        false => Vec::new(),
    };
    let unused = Unused {
        before: MilliSecondsSinceUnixEpoch(query.before_ts),
        larger_than: query.size_gt,
        remote: false,
        kept,
    };
    let deleted = call.server.media.delete_unused(unused).await?;
    Ok(json!({ "total": deleted.len(), "deleted_media": deleted }))
}

/// The pictures of users and rooms.
async fn pictures_in_use(server: &Server) -> ApiResult<Vec<String>> {
    let users = server.users.list(|listed| listed.avatar_url.is_some());
    let mut pictures: Vec<_> = users
        .await?
        .into_iter()
        .filter_map(|listed| listed.avatar_url)
        .collect();
    let of_rooms = server
        .rooms
        .read(|rooms, snapshot| {
            let found =
                crate::admin::Admin::rooms(rooms, snapshot, |room| room.summary.avatar.is_some())?;
            Ok(found
                .into_iter()
                .filter_map(|room| room.summary.avatar)
                .collect::<Vec<_>>())
        })
        .await?;
    pictures.extend(of_rooms);
    Ok(pictures)
}

/// Deletes copies of other servers' files that nobody has fetched for long.
async fn purge_remote(call: Call) -> ApiResult<Value> {
    #[derive(Deserialize)]
    struct Query {
        before_ts: UInt,
    }
    let Query { before_ts } = call.query()?;
    let unused = Unused {
        before: MilliSecondsSinceUnixEpoch(before_ts),
        larger_than: 0,
        remote: true,
        kept: Vec::new(),
    };
    let deleted = call.server.media.delete_unused(unused).await?;
    Ok(json!({ "deleted": deleted.len() }))
}
