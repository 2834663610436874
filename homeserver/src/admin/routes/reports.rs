//! What users reported.

use axum::Router;
use http::Method;
use ruma::{OwnedEventId, OwnedRoomId, OwnedUserId};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    call::{AdminRoutes, Call},
    page::{Dir, Page},
    room_history,
};
use crate::{
    ApiError, ApiResult, Server,
    reports::{Report, ReportId, Subject, SubjectKind, Wanted},
};

pub(super) fn router() -> Router<Server> {
    let events = "/_synapse/admin/v1/event_reports";
    let one_event = "/_synapse/admin/v1/event_reports/{report_id}";
    let users = "/_synapse/admin/v1/user_reports";
    let one_user = "/_synapse/admin/v1/user_reports/{report_id}";
    let rooms = "/_synapse/admin/v1/room_reports";
    let one_room = "/_synapse/admin/v1/room_reports/{report_id}";
    Router::new()
        .admin(Method::GET, events, events_reported)
        .admin(Method::GET, one_event, one_event_reported)
        .admin(Method::DELETE, one_event, |call| {
            remove(call, SubjectKind::Event)
        })
        .admin(Method::GET, users, users_reported)
        .admin(Method::DELETE, one_user, |call| {
            remove(call, SubjectKind::User)
        })
        .admin(Method::GET, rooms, rooms_reported)
        .admin(Method::DELETE, one_room, |call| {
            remove(call, SubjectKind::Room)
        })
}

#[derive(Deserialize)]
struct Query {
    from: Option<usize>,
    limit: Option<usize>,
    dir: Option<Dir>,
    /// Who reported.
    user_id: Option<OwnedUserId>,
    room_id: Option<OwnedRoomId>,
    event_sender_user_id: Option<OwnedUserId>,
    target_user_id: Option<OwnedUserId>,
}

async fn events_reported(call: Call) -> ApiResult<Value> {
    list(&call, SubjectKind::Event, "event_reports").await
}

async fn users_reported(call: Call) -> ApiResult<Value> {
    list(&call, SubjectKind::User, "user_reports").await
}

async fn rooms_reported(call: Call) -> ApiResult<Value> {
    list(&call, SubjectKind::Room, "room_reports").await
}

async fn list(call: &Call, kind: SubjectKind, name: &str) -> ApiResult<Value> {
    let query: Query = call.query()?;
    let page = Page::new(query.from, query.limit)?;
    let wanted = Wanted {
        kind: Some(kind),
        // The newest first unless asked otherwise, unlike other lists.
        oldest_first: query.dir == Some(Dir::Forward),
        reporter: query.user_id,
        room: query.room_id,
        about: query.event_sender_user_id.or(query.target_user_id),
        limit: page.from.saturating_add(page.limit),
        after: None,
    };
    let found = call.server.reports.find(wanted).await?;
    let mut shown = Vec::new();
    for report in page.of(found.reports) {
        shown.push(show(call, &report).await?);
    }
    let mut answer = json!({ "total": found.total });
    answer[name] = shown.into();
    if let Some(next) = page.next(found.total) {
        answer["next_token"] = next.into();
    }
    Ok(answer)
}

async fn one_event_reported(call: Call) -> ApiResult<Value> {
    let report = find(&call, SubjectKind::Event).await?;
    let mut shown = show(&call, &report).await?;
    if let Subject::Event { event, .. } = &report.row.subject {
        let event: OwnedEventId = event.clone();
        if let Some(event) = room_history::event(&call, event).await? {
            shown["event_json"] = serde_json::to_value(event).map_err(ApiError::internal)?;
        }
    }
    Ok(shown)
}

async fn remove(call: Call, kind: SubjectKind) -> ApiResult<Value> {
    let report = find(&call, kind).await?;
    call.server.reports.remove(report.id).await?;
    Ok(json!({}))
}

/// The report that the path names.
async fn find(call: &Call, kind: SubjectKind) -> ApiResult<Report> {
    let id = ReportId(call.id(0, "id of a report")?);
    let report = call.server.reports.get(id).await?;
    report
        .filter(|report| report.row.subject.kind() == kind)
        .ok_or_else(|| ApiError::not_found("There is no such report."))
}

async fn show(call: &Call, report: &Report) -> ApiResult<Value> {
    let row = &report.row;
    let mut shown = json!({
        "id": report.id,
        "received_ts": row.at,
        "user_id": row.reporter,
        "reason": row.reason,
    });
    match &row.subject {
        Subject::Event { event, sender, .. } => {
            shown["event_id"] = event.as_str().into();
            shown["sender"] = sender.as_str().into();
            // Tools have a column for it, though the specification has it no longer.
            shown["score"] = json!(row.score);
        }
        Subject::User { user } => shown["target_user_id"] = user.as_str().into(),
        Subject::Room { .. } => {}
    }
    let Some(room_id) = row.room() else {
        return Ok(shown);
    };
    shown["room_id"] = room_id.as_str().into();
    // It may have been deleted meanwhile.
    let summary = match call.server.rooms.find(room_id) {
        Ok(room) => {
            let rooms = &call.server.rooms;
            rooms
                .read(move |rooms, snapshot| Ok(rooms.summary(snapshot, room)?))
                .await?
        }
        Err(_) => None,
    };
    shown["name"] = json!(summary.as_ref().and_then(|room| room.name.clone()));
    shown["canonical_alias"] = json!(summary.and_then(|room| room.alias));
    Ok(shown)
}
