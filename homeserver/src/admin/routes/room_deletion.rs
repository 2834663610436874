//! Deleting rooms and history.

use std::time::Duration;

use axum::Router;
use http::Method;
use ruma::{MilliSecondsSinceUnixEpoch, OwnedEventId, OwnedUserId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::call::{AdminRoutes, Call};
use crate::{
    ApiError, ApiResult, Server,
    admin::shutdown::NewRoom,
    rooms::deletion::{Before, DeletionOptions, Job, Stage, Task},
};

/// How often somebody who waits for a deletion looks whether it is done.
const LOOK: Duration = Duration::from_millis(100);

pub(super) fn router() -> Router<Server> {
    Router::new()
        .admin(
            Method::DELETE,
            "/_synapse/admin/v1/rooms/{room_id}",
            delete_and_wait,
        )
        .admin(Method::DELETE, "/_synapse/admin/v2/rooms/{room_id}", delete)
        .admin(
            Method::GET,
            "/_synapse/admin/v2/rooms/{room_id}/delete_status",
            status_of_room,
        )
        .admin(
            Method::GET,
            "/_synapse/admin/v2/rooms/delete_status/{delete_id}",
            status,
        )
        .admin(
            Method::POST,
            "/_synapse/admin/v1/purge_history/{room_id}",
            purge_history,
        )
        .admin(
            Method::POST,
            "/_synapse/admin/v1/purge_history/{room_id}/{event_id}",
            purge_history,
        )
        .admin(
            Method::GET,
            "/_synapse/admin/v1/purge_history_status/{purge_id}",
            purge_status,
        )
}

/// How a room is to be deleted.
#[derive(Debug, Deserialize, Serialize)]
struct Body {
    /// Who makes the room that its members find themselves in instead.
    new_room_user_id: Option<OwnedUserId>,
    /// The name of that room.
    room_name: Option<String>,
    /// What is said in it.
    message: Option<String>,
    /// Whether nobody may enter the room again.
    #[serde(default)]
    block: bool,
    #[serde(default = "yes")]
    purge: bool,
    #[serde(default)]
    force_purge: bool,
}

fn yes() -> bool {
    true
}

/// Begins to delete a room. Nothing if there is none, but nobody may enter it from now on.
async fn begin(call: &Call) -> ApiResult<Option<String>> {
    let room_id = call.room_id(0)?;
    let body: Body = call.body()?;
    let server = &call.server;
    if body.block {
        let by = Some(&*call.session.user_id);
        server.rooms.set_blocked(&room_id, by).await?;
    }
    let room = match server.rooms.find(&room_id) {
        Err(_) if body.block => return Ok(None),
        found => found?,
    };
    let new_room = match &body.new_room_user_id {
        Some(user_id) => {
            call.require_local(user_id)?;
            let account = server.users.account(user_id).await?;
            if account.is_none_or(|account| account.row.deactivated) {
                return Err(ApiError::not_found("There is no such user on this server."));
            }
            let new_room = NewRoom {
                creator: user_id.clone(),
                name: body.room_name.clone(),
                message: body.message.clone(),
            };
            Some(server.admin.move_members(room, new_room).await?)
        }
        None => None,
    };
    let options = DeletionOptions {
        purge: body.purge,
        force: body.force_purge,
    };
    let id = server.rooms.delete_room(room, options).await?;
    let admin = &server.admin;
    admin.remember_new_room(&id, new_room.as_deref()).await?;
    Ok(Some(id))
}

async fn delete(call: Call) -> ApiResult<Value> {
    let Some(id) = begin(&call).await? else {
        let message = "There is no such room here, but nobody can enter it any more.";
        return Err(ApiError::not_found(message));
    };
    Ok(json!({ "delete_id": id }))
}

/// Deletes a room and answers when it is done.
async fn delete_and_wait(call: Call) -> ApiResult<Value> {
    let Some(id) = begin(&call).await? else {
        return Ok(json!({
            "kicked_users": [],
            "failed_to_kick_users": [],
            "local_aliases": [],
            "new_room_id": null,
        }));
    };
    loop {
        let job = find(&call, &id).await?;
        if job.row.stage == Stage::Failed {
            let reason = job.row.error.unwrap_or_default();
            return Err(ApiError::internal(anyhow::anyhow!("{reason}")));
        }
        if job.row.is_over() {
            return concerned(&call, &job).await;
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            // The deletion goes on after the next start.
            () = call.server.jobs.stopping() => return concerned(&call, &job).await,
        }
    }
}

async fn find(call: &Call, id: &str) -> ApiResult<Job> {
    let job = call.server.rooms.deletion_job(id).await?;
    job.ok_or_else(|| ApiError::not_found("There is no such deletion, or it ended some days ago."))
}

/// Whom a deletion concerned.
async fn concerned(call: &Call, job: &Job) -> ApiResult<Value> {
    let members = call.server.rooms.deletion_members(&job.id).await?;
    Ok(json!({
        "kicked_users": members.removed,
        "failed_to_kick_users": members.failed,
        "local_aliases": job.row.aliases,
        "new_room_id": call.server.admin.new_room_of(&job.id).await?,
    }))
}

async fn show(call: &Call, job: &Job) -> ApiResult<Value> {
    let status = match job.row.stage {
        Stage::Waiting | Stage::Leaving => "shutting_down",
        Stage::Erasing => "purging",
        Stage::Done => "complete",
        Stage::Failed => "failed",
    };
    let mut shown = json!({
        "delete_id": job.id,
        "room_id": job.room_id,
        "status": status,
        "shutdown_room": concerned(call, job).await?,
    });
    if let Some(error) = &job.row.error {
        shown["error"] = error.as_str().into();
    }
    Ok(shown)
}

async fn status(call: Call) -> ApiResult<Value> {
    let job = find(&call, call.text(0)).await?;
    if !matches!(job.row.task, Task::DeleteRoom { .. }) {
        return Err(ApiError::not_found("This is no deletion of a room."));
    }
    show(&call, &job).await
}

async fn status_of_room(call: Call) -> ApiResult<Value> {
    let room = call.server.rooms.find(&call.room_id(0)?)?;
    let mut results = Vec::new();
    for job in call.server.rooms.jobs_of(room).await? {
        if matches!(job.row.task, Task::DeleteRoom { .. }) {
            results.push(show(&call, &job).await?);
        }
    }
    if results.is_empty() {
        return Err(ApiError::not_found("The room was not deleted."));
    }
    Ok(json!({ "results": results }))
}

async fn purge_history(call: Call) -> ApiResult<Value> {
    #[derive(Deserialize)]
    struct Purge {
        #[serde(default)]
        delete_local_events: bool,
        purge_up_to_event_id: Option<OwnedEventId>,
        purge_up_to_ts: Option<MilliSecondsSinceUnixEpoch>,
    }
    let room = call.server.rooms.find(&call.room_id(0)?)?;
    let body: Purge = call.body()?;
    let in_path = match call.text(1) {
        "" => None,
        _ => Some(call.id(1, "event id")?),
    };
    let before = match (in_path.or(body.purge_up_to_event_id), body.purge_up_to_ts) {
        (Some(event), _) => Before::Event(event),
        (None, Some(time)) => Before::Time(time),
        (None, None) => {
            return Err(ApiError::missing_param(
                "purge_up_to_event_id or purge_up_to_ts is missing.",
            ));
        }
    };
    let rooms = &call.server.rooms;
    let id = rooms
        .purge_history(room, before, body.delete_local_events)
        .await?;
    Ok(json!({ "purge_id": id }))
}

async fn purge_status(call: Call) -> ApiResult<Value> {
    let job = find(&call, call.text(0)).await?;
    if !matches!(job.row.task, Task::PurgeHistory { .. }) {
        return Err(ApiError::not_found("This is no removal of history."));
    }
    let status = match job.row.stage {
        Stage::Waiting | Stage::Leaving | Stage::Erasing => "active",
        Stage::Done => "complete",
        Stage::Failed => "failed",
    };
    let mut shown = json!({ "status": status });
    if let Some(error) = job.row.error {
        shown["error"] = error.into();
    }
    Ok(shown)
}
