//! Sending events.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#sending-events-to-a-room)

use std::sync::Arc;

use ruma::OwnedEventId;

use super::{Rooms, event::RoomEvent, relations, txn::Txn};
use crate::{
    error::ApiResult,
    events::Draft,
    ids::{RoomNid, UserNid},
    storage::tables,
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
        let append = move |txn: &mut Txn<'_>| {
            relations::check(txn, &draft)?;
            match draft.state_key {
                Some(_) => txn.append_state(&draft),
                None => txn.append(&draft),
            }
        };
        self.write(room, move |txn| match transaction {
            Some(transaction) => txn.once(transaction, append),
            None => Ok(append(txn)?.id().to_owned()),
        })
        .await
    }
}

impl Txn<'_> {
    /// Carries out a transaction, unless it was carried out before. Returns the id of the event it made.
    pub(super) fn once(
        &mut self,
        transaction: Transaction,
        append: impl FnOnce(&mut Self) -> ApiResult<Arc<RoomEvent>>,
    ) -> ApiResult<OwnedEventId> {
        let Transaction {
            user,
            device,
            scope,
            id,
        } = transaction;
        let key = format!("{scope} {id}");
        let pending = format!("{user} {device} {key}");
        // The row of a message just sent may still be on its way to the disk. The empty write waits for it.
        if let Some(event) = self.head.pending(&pending).cloned() {
            self.write(|_, _| {});
            return Ok(event);
        }
        if let Some(event) = tables::TRANSACTION.get(self.snapshot, (user, &device, &key))? {
            return Ok(event);
        }
        let event = append(self)?;
        let (nid, event) = (event.nid, event.id().to_owned());
        self.head.remember(pending, event.clone());
        let made = event.clone();
        self.write(move |batch, _| {
            tables::TRANSACTION.put(batch, (user, &device, &key), &made);
            tables::EVENT_TRANSACTION.put(batch, nid, &(device, id));
        });
        Ok(event)
    }
}
