//! Receipts and typing as both kinds of sync tell them.

use ruma::serde::Raw;

use crate::{
    Server,
    account_data::IgnoredUsers,
    error::{ApiError, ApiResult},
    ids::{RoomNid, StreamPos, UserNid},
    rooms::receipts::receipts_event,
    storage::Snapshot,
};

/// Who is told.
#[derive(Clone, Copy)]
pub struct Told<'a> {
    /// The user.
    pub user: UserNid,
    /// Those whom the user ignores: nothing is told of them.
    pub ignored: &'a IgnoredUsers,
}

/// The receipts of a room after `since` as one event, if there are any.
pub fn receipts<T>(
    server: &Server,
    snapshot: &Snapshot<'_>,
    room: RoomNid,
    told: Told<'_>,
    since: StreamPos,
    upto: StreamPos,
) -> ApiResult<Option<Raw<T>>> {
    if !server.hub.ephemeral_changed(room, since) {
        return Ok(None);
    }
    let mut receipts = server
        .rooms
        .receipts_since(snapshot, room, told.user, since, upto)?;
    receipts.retain(|receipt| !told.ignored.has(&receipt.user));
    if receipts.is_empty() {
        return Ok(None);
    }
    receipts_event(&receipts).map(Raw::from_json).map(Some)
}

/// Who is typing in a room, if that changed after `since`. To a client that starts nobody typing is no news.
pub fn typing<T>(
    server: &Server,
    room: RoomNid,
    told: Told<'_>,
    since: Option<StreamPos>,
) -> ApiResult<Option<Raw<T>>> {
    let typing = server.rooms.typing(room);
    let is_news = match since {
        Some(since) => typing.changed > since,
        None => !typing.users.is_empty(),
    };
    if !is_news {
        return Ok(None);
    }
    let interner = server.storage.interner();
    let mut users = typing
        .users
        .iter()
        .map(|user| interner.user_id(*user))
        .collect::<Result<Vec<_>, _>>()?;
    users.retain(|user| !told.ignored.has(user));
    let event = serde_json::json!({ "type": "m.typing", "content": { "user_ids": users } });
    serde_json::value::to_raw_value(&event)
        .map(Raw::from_json)
        .map(Some)
        .map_err(ApiError::internal)
}
