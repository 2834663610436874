//! Sending events.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#sending-events-to-a-room)

use ruma::OwnedEventId;

use super::Rooms;
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

impl Rooms {
    /// Sends an event of a local user. A transaction that was carried out before returns its event.
    pub async fn send(
        &self,
        room: RoomNid,
        draft: Draft,
        transaction: Option<Transaction>,
    ) -> ApiResult<OwnedEventId> {
        self.write(room, move |txn| {
            let Some(Transaction {
                user,
                device,
                scope,
                id,
            }) = transaction
            else {
                return Ok(txn.append(&draft)?.id().to_owned());
            };
            let key = format!("{scope} {id}");
            let pending = format!("{user} {device} {key}");
            // The row of a message just sent may still be on its way to the disk.
            if let Some(event) = txn.head.pending(&pending) {
                return Ok(event.clone());
            }
            if let Some(event) = tables::TRANSACTION.get(txn.snapshot, (user, &device, &key))? {
                return Ok(event);
            }
            let event = txn.append(&draft)?;
            let (nid, event) = (event.nid, event.id().to_owned());
            txn.head.remember(pending, event.clone());
            let made = event.clone();
            txn.write(move |batch, _| {
                tables::TRANSACTION.put(batch, (user, &device, &key), &made);
                tables::EVENT_TRANSACTION.put(batch, nid, &(device, id));
            });
            Ok(event)
        })
        .await
    }
}
