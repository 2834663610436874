//! Sending events.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#sending-events-to-a-room)

use std::sync::Arc;

use ruma::OwnedEventId;

use super::{Rooms, event::RoomEvent, relations, txn::Txn};
use crate::{
    error::ApiResult,
    events::Draft,
    ids::{RoomNid, UserNid},
    storage::{Result, Snapshot, tables},
};

/// A request that has to be carried out once however often it is sent.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#transaction-identifiers)
#[derive(Clone, Debug)]
pub struct Transaction {
    /// Whose device sends it.
    pub user: UserNid,
    /// The device.
    pub device: String,
    /// What is sent where; the same id for another endpoint is another transaction.
    pub scope: String,
    /// The id the client gave.
    pub id: String,
}

/// The device of a [`Transaction`] that carries out a delayed event: none of a user's devices has such an id.
pub const DELAYED: &str = "\0delayed";

impl Rooms {
    /// Sends an event of a local user. A transaction that was carried out before returns its event.
    pub async fn send(
        &self,
        room: RoomNid,
        draft: Draft,
        transaction: Option<Transaction>,
    ) -> ApiResult<OwnedEventId> {
        self.write_own(room, move |txn| {
            txn.once(transaction.clone(), |txn| {
                relations::check(txn, &draft)?;
                match draft.state_key {
                    Some(_) => txn.append_state(&draft),
                    None => txn.append(&draft),
                }
            })
        })
        .await
    }

    /// Where it may be noted that a transaction made an event: user, device and key of the rows.
    pub(super) fn transactions_of(
        &self,
        snapshot: &Snapshot<'_>,
        event: &RoomEvent,
    ) -> Result<Vec<(UserNid, String, String)>> {
        let Some((device, id)) = tables::EVENT_TRANSACTION.get(snapshot, event.nid)? else {
            return Ok(Vec::new());
        };
        if let Some((user, key)) = tables::UNUSUAL_TRANSACTION.get(snapshot, event.nid)? {
            return Ok(vec![(user, device, key)]);
        }
        let sender = self.storage().interner().find_user(event.pdu.sender())?;
        let keys = usual_keys(event, &id);
        let rows = |user| keys.map(|key| (user, device.clone(), key)).into();
        Ok(sender.map(rows).unwrap_or_default())
    }
}

impl Transaction {
    fn key(&self) -> String {
        format!("{} {}", self.scope, self.id)
    }

    /// By what a room remembers it until it is on disk.
    fn pending(&self) -> String {
        format!("{} {} {}", self.user, self.device, self.key())
    }
}

impl Txn<'_> {
    /// Carries out a transaction, unless it was carried out before. Returns the id of the event it made.
    pub(super) fn once(
        &mut self,
        transaction: Option<Transaction>,
        append: impl FnOnce(&mut Self) -> ApiResult<Arc<RoomEvent>>,
    ) -> ApiResult<OwnedEventId> {
        if let Some(event) = self.carried_out(transaction.as_ref())? {
            return Ok(event);
        }
        let event = append(self)?;
        self.note(transaction, &event)?;
        Ok(event.id().to_owned())
    }

    /// The event that a transaction made, if it was carried out before.
    fn carried_out(
        &mut self,
        transaction: Option<&Transaction>,
    ) -> ApiResult<Option<OwnedEventId>> {
        let Some(transaction) = transaction else {
            return Ok(None);
        };
        // The row of a message just sent may still be on its way to the disk. The empty write waits for it.
        if let Some(event) = self.head.pending(&transaction.pending()).cloned() {
            self.write(|_, _| {});
            return Ok(Some(event));
        }
        let Transaction { user, device, .. } = transaction;
        let key = transaction.key();
        Ok(tables::TRANSACTION.get(self.snapshot, (*user, device, &key))?)
    }

    /// Notes which event a transaction made.
    fn note(&mut self, transaction: Option<Transaction>, event: &RoomEvent) -> Result<()> {
        let Some(transaction) = transaction else {
            return Ok(());
        };
        let key = transaction.key();
        self.head
            .remember(transaction.pending(), event.id().to_owned());
        let Transaction {
            user, device, id, ..
        } = transaction;
        let sender = self
            .rooms
            .storage()
            .interner()
            .find_user(event.pdu.sender())?;
        let is_usual = sender == Some(user) && usual_keys(event, &id).contains(&key);
        let (nid, event) = (event.nid, event.id().to_owned());
        self.write(move |batch, _| {
            tables::TRANSACTION.put(batch, (user, &device, &key), &event);
            tables::EVENT_TRANSACTION.put(batch, nid, &(device, id));
            if !is_usual {
                tables::UNUSUAL_TRANSACTION.put(batch, nid, &(user, key));
            }
        });
        Ok(())
    }
}

/// The keys under which a client's requests may have made an event.
fn usual_keys(event: &RoomEvent, id: &str) -> [String; 2] {
    let room = event.pdu.room_id();
    let target = event.pdu.redacts().map(ToString::to_string);
    [
        format!("send {room} {} {id}", event.pdu.event_type()),
        format!("redact {room} {} {id}", target.unwrap_or_default()),
    ]
}
