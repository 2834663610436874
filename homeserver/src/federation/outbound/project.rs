//! Which events other servers wait for.

use std::sync::Arc;

use ruma::UserId;

use super::rows::LoggedEvent;
use crate::{
    error::ApiResult,
    rooms::{
        project::Projection,
        servers,
        txn::{NewEvent, Txn},
    },
    storage::tables,
};

/// Logs the events that other servers wait for, in the events' own commits.
pub struct Log;

impl Projection for Log {
    fn project(&self, txn: &Txn<'_>, new: &mut NewEvent) -> ApiResult<bool> {
        if txn.is_told {
            return Ok(false);
        }
        let pdu = &new.event.pdu;
        let here = txn.rooms.server_name();
        if pdu.sender().server_name() != here && txn.relayed_from.is_none() {
            return Ok(false);
        }
        // Somebody who is removed learns of it, also when they were the last of their server.
        let target = pdu
            .state_key()
            .and_then(|key| <&UserId>::try_from(key).ok());
        let mut also: Vec<_> = target
            .filter(|user| new.state.is_some() && user.server_name() != here)
            .map(|user| user.server_name().to_owned())
            .into_iter()
            .collect();
        if txn.head.summary().remote == 0 && also.is_empty() {
            return Ok(false);
        }
        // Of a room that is being deleted nothing is left when a server that is away comes back.
        let closes = txn.rooms.is_closing(txn.room);
        if closes {
            also.extend(servers::servers_in(txn.snapshot, txn.room)?);
        }
        let row = LoggedEvent {
            room: txn.room,
            event: Arc::clone(&new.event).nid,
            also,
            except: txn.relayed_from.clone(),
            pdu: closes.then(|| pdu.json().to_owned()),
        };
        new.write(move |batch, pos| tables::FEDERATION_LOG.put(batch, pos, &row));
        Ok(false)
    }
}
