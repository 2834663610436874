//! Rows of account data.
//!
//! A row is found by user, room and type, and once more by the position of its last change, so that a sync reads what
//! changed since its token and nothing else. A change moves the second row.

use ruma::{OwnedDeviceId, RoomId, serde::Raw};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    ids::{RoomNid, StreamPos, UserNid},
    records,
    storage::{Batch, Error, Fill, Result, Snapshot, Storage, tables},
};

/// What is stored under a type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountDataRow {
    /// When it was changed last.
    pub pos: StreamPos,
    /// The content: a JSON object.
    pub content: String,
}

records!(AccountDataRow = 1);

/// Stands for no room in keys; the interner begins at 1.
const NO_ROOM: RoomNid = RoomNid(0);

/// Where account data belongs: to the user as a whole, or to one of their rooms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// To the user.
    Global,
    /// To the user in a room.
    Room(RoomNid),
}

impl Scope {
    fn key(self) -> RoomNid {
        match self {
            Self::Global => NO_ROOM,
            Self::Room(room) => room,
        }
    }

    fn from_key(room: RoomNid) -> Self {
        if room == NO_ROOM {
            Self::Global
        } else {
            Self::Room(room)
        }
    }

    /// The scope of a room, which is given a number if it has none.
    pub(super) fn room(storage: &Storage, room_id: &RoomId) -> Result<Self> {
        Ok(Self::Room(storage.interner().room(room_id)?))
    }
}

/// One piece of account data.
#[derive(Clone, Debug)]
pub struct AccountDatum {
    /// Where it belongs.
    pub scope: Scope,
    /// Its type, such as `m.direct`.
    pub event_type: String,
    /// Its content.
    pub content: Box<RawValue>,
}

impl AccountDatum {
    fn new(scope: Scope, event_type: String, row: AccountDataRow) -> Result<Self> {
        let content = RawValue::from_string(row.content)
            .map_err(|_| Error::Corrupt("stored account data is malformed"))?;
        Ok(Self {
            scope,
            event_type,
            content,
        })
    }

    /// The event as a sync shows it, with its type.
    pub fn event<T>(&self) -> serde_json::Result<Raw<T>> {
        #[derive(Serialize)]
        struct Event<'a> {
            r#type: &'a str,
            content: &'a RawValue,
        }
        let event = Event {
            r#type: &self.event_type,
            content: &self.content,
        };
        Ok(Raw::from_json(serde_json::value::to_raw_value(&event)?))
    }
}

pub(super) fn get(
    snapshot: &Snapshot<'_>,
    user: UserNid,
    scope: Scope,
    event_type: &str,
) -> Result<Option<AccountDataRow>> {
    tables::ACCOUNT_DATA.get(snapshot, (user, scope.key(), event_type))
}

/// Writes a row. `before` is the position of the one it replaces.
pub(super) fn put(
    batch: &mut Batch<'_>,
    (user, scope, event_type): (UserNid, Scope, &str),
    content: String,
    before: Option<StreamPos>,
    pos: StreamPos,
) {
    if let Some(before) = before {
        tables::ACCOUNT_DATA_CHANGE.delete(batch, (user, before));
    }
    let row = AccountDataRow { pos, content };
    tables::ACCOUNT_DATA.put(batch, (user, scope.key(), event_type), &row);
    let change = (scope.key(), event_type.to_owned());
    tables::ACCOUNT_DATA_CHANGE.put(batch, (user, pos), &change);
}

/// What removes a user's account data of a room, if there is any.
pub(super) fn erase_room_of(
    snapshot: &Snapshot<'_>,
    room: RoomNid,
    user: UserNid,
) -> Result<Option<Fill>> {
    let mut rows = Vec::new();
    for row in tables::ACCOUNT_DATA.scan(snapshot, (user, room))? {
        let ((_, _, event_type), row) = row?;
        rows.push((event_type, row.pos));
    }
    if rows.is_empty() {
        return Ok(None);
    }
    Ok(Some(Box::new(move |batch, _| {
        for (event_type, pos) in rows {
            tables::ACCOUNT_DATA.delete(batch, (user, room, &event_type));
            tables::ACCOUNT_DATA_CHANGE.delete(batch, (user, pos));
        }
    })))
}

/// What removes the settings that clients keep for single devices, when the devices go.
/// [MSC3890](https://github.com/matrix-org/matrix-spec-proposals/pull/3890)
pub(super) fn erase_settings_of(
    snapshot: &Snapshot<'_>,
    user: UserNid,
    devices: &[OwnedDeviceId],
) -> Result<Option<Fill>> {
    let mut rows = Vec::new();
    for device in devices {
        for prefix in ["m.", "org.matrix.msc3890."] {
            let event_type = format!("{prefix}local_notification_settings.{device}");
            if let Some(row) = get(snapshot, user, Scope::Global, &event_type)? {
                rows.push((event_type, row.pos));
            }
        }
    }
    if rows.is_empty() {
        return Ok(None);
    }
    Ok(Some(Box::new(move |batch, _| {
        for (event_type, pos) in rows {
            tables::ACCOUNT_DATA.delete(batch, (user, NO_ROOM, &event_type));
            tables::ACCOUNT_DATA_CHANGE.delete(batch, (user, pos));
        }
    })))
}

/// All account data of a user.
pub(super) fn all(snapshot: &Snapshot<'_>, user: UserNid) -> Result<Vec<AccountDatum>> {
    let rows = tables::ACCOUNT_DATA.scan(snapshot, (user,))?;
    rows.map(|row| {
        let ((_, room, event_type), row) = row?;
        AccountDatum::new(Scope::from_key(room), event_type, row)
    })
    .collect()
}

/// How many bytes all account data of a user has.
pub(super) fn length(snapshot: &Snapshot<'_>, user: UserNid) -> Result<usize> {
    let mut length = 0;
    for row in tables::ACCOUNT_DATA.scan(snapshot, (user,))? {
        let ((_, _, event_type), row) = row?;
        length += event_type.len() + row.content.len();
    }
    Ok(length)
}

/// All account data of a user in one scope.
pub(super) fn all_in(
    snapshot: &Snapshot<'_>,
    user: UserNid,
    scope: Scope,
) -> Result<Vec<AccountDatum>> {
    let rows = tables::ACCOUNT_DATA.scan(snapshot, (user, scope.key()))?;
    rows.map(|row| {
        let ((_, _, event_type), row) = row?;
        AccountDatum::new(scope, event_type, row)
    })
    .collect()
}

/// Account data of a user whose last change is in `since < position <= until`.
pub(super) fn changed(
    snapshot: &Snapshot<'_>,
    user: UserNid,
    since: StreamPos,
    until: StreamPos,
) -> Result<Vec<AccountDatum>> {
    let from = (user, since.plus(1));
    let to = (user, until.plus(1));
    let mut changed = Vec::new();
    for row in tables::ACCOUNT_DATA_CHANGE.range(snapshot, from, to)? {
        let (_, (room, event_type)) = row?;
        let scope = Scope::from_key(room);
        let row = get(snapshot, user, scope, &event_type)?
            .ok_or(Error::Corrupt("changed account data is missing"))?;
        changed.push(AccountDatum::new(scope, event_type, row)?);
    }
    Ok(changed)
}
