//! Receipts: up to where each user has read.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#receipts)
//!
//! A user has one receipt for each kind and thread. It stands in two tables: by room and stream position, from which
//! `/sync` reads what is new, and by user, from which a new one is compared with the one it replaces.

mod store;
mod thread;

use ruma::{EventId, MilliSecondsSinceUnixEpoch, OwnedEventId, OwnedUserId, UserId};

pub use self::store::{ReadPositions, Receipt, ReceiptKind, ReceiptRow, receipts_event};
use super::{Rooms, event::RoomEvent, news::News, refusal, rows::Membership, viewer::Viewer};
use crate::{
    error::{ApiError, ApiResult},
    ids::{RoomNid, UserNid},
    storage::{Change, Commit, Snapshot, tables},
};

/// Which part of a room a receipt is for.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#threaded-read-receipts)
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReceiptThread {
    /// The whole room, for clients that know no threads.
    #[default]
    Unthreaded,
    /// What is in no thread.
    Main,
    /// The thread that begins with an event.
    Thread(OwnedEventId),
}

/// A receipt a user sends.
#[derive(Clone, Debug)]
pub struct NewReceipt {
    /// Who has read.
    pub user: OwnedUserId,
    /// The kind.
    pub kind: ReceiptKind,
    /// Up to which event.
    pub event: OwnedEventId,
    /// In which part of the room.
    pub thread: ReceiptThread,
}

impl Rooms {
    /// Takes a receipt. One that lies behind the present one changes nothing.
    /// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidreceiptreceipttypeeventid)
    pub async fn set_receipt(&self, room: RoomNid, receipt: NewReceipt) -> ApiResult<()> {
        let user = self.storage().interner().user(&receipt.user)?;
        // A receipt is compared with the one before it, so a user's are taken one by one.
        let _turn = self.turn_of(user).await;
        let now = self.clock().now();
        let asked = receipt.clone();
        let commit = self
            .read(move |rooms, snapshot| rooms.receipt_commit(snapshot, room, user, &asked, now))
            .await?;
        if let Some(commit) = commit {
            self.storage().commit(commit).await?;
            if receipt.kind == ReceiptKind::Public {
                self.tell(News::Read {
                    room,
                    user: receipt.user,
                    event: receipt.event,
                    thread: receipt.thread,
                    ts: now,
                });
            }
        }
        Ok(())
    }

    fn receipt_commit(
        &self,
        snapshot: &Snapshot<'_>,
        room: RoomNid,
        user: UserNid,
        receipt: &NewReceipt,
        now: MilliSecondsSinceUnixEpoch,
    ) -> ApiResult<Option<Commit>> {
        let event = self.event_to_mark(snapshot, room, &receipt.user, &receipt.event)?;
        thread::require_in_thread(self, snapshot, &event, &receipt.thread)?;
        let kind = receipt.kind;
        let thread = receipt.thread.as_key().to_owned();
        let place = event.row.place;
        let before = tables::LATEST_RECEIPT.get(snapshot, (room, user, &thread, kind))?;
        if before.is_some_and(|(_, pos, sub)| (pos, sub) >= (place.pos, place.sub)) {
            return Ok(None);
        }
        let row = ReceiptRow {
            user,
            kind,
            thread: thread.clone(),
            event: receipt.event.clone(),
            ts: now,
        };
        let commit = Commit::new(move |batch, pos| {
            if let Some((before, ..)) = before {
                tables::RECEIPT.delete(batch, (room, before));
            }
            tables::RECEIPT.put(batch, (room, pos), &row);
            let latest = (pos, place.pos, place.sub);
            tables::LATEST_RECEIPT.put(batch, (room, user, &thread, kind), &latest);
        });
        let commit = commit.ephemeral().changing(Change::Ephemeral(room));
        // The user's other devices learn at once that there is less to read.
        Ok(Some(commit.changing(Change::User(user))))
    }

    /// The event of a room that a member wants to mark as read.
    pub fn event_to_mark(
        &self,
        snapshot: &Snapshot<'_>,
        room: RoomNid,
        user: &UserId,
        event: &EventId,
    ) -> ApiResult<std::sync::Arc<RoomEvent>> {
        let viewer = Viewer::new(self, snapshot, room, user)?;
        if viewer.membership() != Some(Membership::Join) {
            return Err(refusal::not_joined());
        }
        match self.event_by_id(snapshot, event)? {
            Some(event) if event.row.room == room && event.is_accepted() => Ok(event),
            _ => Err(ApiError::not_found("There is no such event in this room.")),
        }
    }
}

impl ReceiptThread {
    /// From what a client or another server names it.
    pub fn parse(name: Option<&str>) -> ApiResult<Self> {
        let Some(name) = name else {
            return Ok(Self::Unthreaded);
        };
        if name == "main" {
            return Ok(Self::Main);
        }
        match EventId::parse(name) {
            Ok(root) => Ok(Self::Thread(root)),
            Err(_) => Err(ApiError::invalid_param(
                "thread_id is \"main\" or the id of the event that a thread begins with.",
            )),
        }
    }

    /// The name in keys; empty for the whole room.
    pub fn as_key(&self) -> &str {
        match self {
            Self::Unthreaded => "",
            Self::Main => "main",
            Self::Thread(root) => root.as_str(),
        }
    }
}

#[cfg(test)]
mod tests;
