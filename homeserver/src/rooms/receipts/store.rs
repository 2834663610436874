//! The rows of receipts, and reading them.

use std::collections::BTreeMap;

use ruma::{MilliSecondsSinceUnixEpoch, OwnedEventId, OwnedUserId};
use serde::{Deserialize, Serialize};
use serde_json::{
    Value, json,
    value::{RawValue, to_raw_value},
};

use crate::{
    error::{ApiError, ApiResult},
    ids::{RoomNid, StreamPos, UserNid},
    records,
    rooms::{Rooms, rows::Place},
    storage::{Error, Key, KeyOf, Result, Snapshot, tables},
};

/// Whether others may know of a receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[repr(u8)]
pub enum ReceiptKind {
    /// `m.read`: everybody in the room is told.
    Public = 1,
    /// `m.read.private`: only the user's own devices are told.
    Private = 2,
}

impl ReceiptKind {
    /// The name in `m.receipt` events.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => "m.read",
            Self::Private => "m.read.private",
        }
    }
}

impl Key for ReceiptKind {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(*self as u8);
    }
    fn decode(input: &mut &[u8]) -> Result<Self> {
        match u8::decode(input)? {
            1 => Ok(Self::Public),
            2 => Ok(Self::Private),
            _ => Err(Error::Corrupt("a kind of receipt is unknown")),
        }
    }
}

impl KeyOf<Self> for ReceiptKind {
    fn encode(&self, out: &mut Vec<u8>) {
        Key::encode(self, out);
    }
}

/// A stored receipt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptRow {
    /// Who has read.
    pub user: UserNid,
    /// The kind.
    pub kind: ReceiptKind,
    /// In which part of the room: empty for all of it, `main`, or the event a thread begins with.
    pub thread: String,
    /// Up to which event.
    pub event: OwnedEventId,
    /// When.
    pub ts: MilliSecondsSinceUnixEpoch,
}

records!(ReceiptRow = 1);

/// A receipt as clients are told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Who has read.
    pub user: OwnedUserId,
    /// The kind.
    pub kind: ReceiptKind,
    /// The thread, unless it is for the whole room.
    pub thread: Option<String>,
    /// Up to which event.
    pub event: OwnedEventId,
    /// When.
    pub ts: MilliSecondsSinceUnixEpoch,
}

/// The content of an `m.receipt` event that tells of some receipts. It has room for one receipt of a kind of each user
/// for an event: where two are for the same event, the one for the whole room says more than that for a thread.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#mreceipt)
pub fn receipts_event(receipts: &[Receipt]) -> ApiResult<Box<RawValue>> {
    let mut content: BTreeMap<&str, BTreeMap<&str, BTreeMap<&str, Value>>> = BTreeMap::new();
    for receipt in receipts {
        let mut data = json!({ "ts": receipt.ts });
        if let Some(thread) = &receipt.thread {
            data["thread_id"] = thread.as_str().into();
        }
        let of_kind = content
            .entry(receipt.event.as_str())
            .or_default()
            .entry(receipt.kind.as_str())
            .or_default();
        let is_unthreaded = |data: &Value| data.get("thread_id").is_none();
        if receipt.thread.is_some()
            && of_kind
                .get(receipt.user.as_str())
                .is_some_and(is_unthreaded)
        {
            continue;
        }
        of_kind.insert(receipt.user.as_str(), data);
    }
    let event = json!({ "type": "m.receipt", "content": content });
    to_raw_value(&event).map_err(ApiError::internal)
}

/// Up to where a user has read a room, by public and private receipts together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadPositions {
    /// By receipts for the whole room.
    pub unthreaded: Option<Place>,
    /// By receipts for a thread or for `main`.
    pub threads: BTreeMap<String, Place>,
}

impl ReadPositions {
    /// Up to where a thread or `main` is read.
    pub fn in_thread(&self, thread: &str) -> Option<Place> {
        self.unthreaded.max(self.threads.get(thread).copied())
    }
}

impl Rooms {
    /// The receipts of a room with `since < position <= upto` that a user may know of, oldest first.
    pub fn receipts_since(
        &self,
        snapshot: &Snapshot<'_>,
        room: RoomNid,
        viewer: UserNid,
        since: StreamPos,
        upto: StreamPos,
    ) -> Result<Vec<Receipt>> {
        let mut receipts = Vec::new();
        for row in tables::RECEIPT.range(snapshot, (room, since.plus(1)), (room, upto.plus(1)))? {
            let (_, row) = row?;
            if row.kind == ReceiptKind::Private && row.user != viewer {
                continue;
            }
            receipts.push(Receipt {
                user: self.storage().interner().user_id(row.user)?,
                kind: row.kind,
                thread: Some(row.thread).filter(|thread| !thread.is_empty()),
                event: row.event,
                ts: row.ts,
            });
        }
        Ok(receipts)
    }

    /// Up to where a user has read a room.
    pub fn read_positions(
        &self,
        snapshot: &Snapshot<'_>,
        user: UserNid,
        room: RoomNid,
    ) -> Result<ReadPositions> {
        let mut read = ReadPositions::default();
        for row in tables::LATEST_RECEIPT.scan(snapshot, (room, user))? {
            let ((_, _, thread, _), (_, pos, sub)) = row?;
            let place = Place { pos, sub };
            if thread.is_empty() {
                read.unthreaded = read.unthreaded.max(Some(place));
            } else {
                let known = read.threads.entry(thread).or_insert(place);
                *known = place.max(*known);
            }
        }
        Ok(read)
    }

    /// Up to where a user has read a thread (or `main`) of a room.
    pub fn read_position(
        &self,
        snapshot: &Snapshot<'_>,
        user: UserNid,
        room: RoomNid,
        thread: &str,
    ) -> Result<Option<Place>> {
        let mut read = None;
        for thread in ["", thread] {
            for kind in [ReceiptKind::Public, ReceiptKind::Private] {
                let row = tables::LATEST_RECEIPT.get(snapshot, (room, user, &thread, kind))?;
                read = read.max(row.map(|(_, pos, sub)| Place { pos, sub }));
            }
        }
        Ok(read)
    }
}
