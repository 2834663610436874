//! Account data as both kinds of sync tell it.

use std::collections::HashMap;

use ruma::serde::Raw;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::{
    Server,
    account_data::{AccountDatum, Scope},
    error::{ApiError, ApiResult},
    ids::{RoomNid, StreamPos, UserNid},
    storage::Snapshot,
};

/// A piece of account data as an event.
pub fn datum_event<T>(datum: &AccountDatum) -> ApiResult<Raw<T>> {
    #[derive(Serialize)]
    struct Event<'a> {
        r#type: &'a str,
        content: &'a RawValue,
    }
    let event = Event {
        r#type: &datum.event_type,
        content: &datum.content,
    };
    serde_json::value::to_raw_value(&event)
        .map(Raw::from_json)
        .map_err(ApiError::internal)
}

/// Account data by where it belongs.
#[derive(Default)]
pub struct AccountDataBy {
    /// The user's.
    pub global: Vec<AccountDatum>,
    /// The user's in rooms.
    pub rooms: HashMap<RoomNid, Vec<AccountDatum>>,
}

/// The account data that changed after `since`, or all of it.
pub fn account_data(
    server: &Server,
    snapshot: &Snapshot<'_>,
    user: UserNid,
    since: Option<StreamPos>,
    upto: StreamPos,
) -> ApiResult<AccountDataBy> {
    let data = match since {
        Some(since) if !server.hub.user_changed(user, since) => Vec::new(),
        Some(since) => server
            .account_data
            .changed_since(snapshot, user, since, upto)?,
        None => server.account_data.all(snapshot, user)?,
    };
    let mut by = AccountDataBy::default();
    for datum in data {
        match datum.scope {
            Scope::Global => by.global.push(datum),
            Scope::Room(room) => by.rooms.entry(room).or_default().push(datum),
        }
    }
    Ok(by)
}
