//! Which events other servers wait for.

use std::sync::Arc;

use ruma::UserId;

use super::rows::LoggedEvent;
use crate::{
    error::ApiResult,
    rooms::{
        event::RoomEvent,
        news::News,
        project::{Projection, membership_of},
        rows::Membership,
        servers,
        txn::{NewEvent, Txn},
    },
    storage::tables,
};

/// Logs the events that other servers wait for, in the events' own commits.
pub struct Log;

impl Projection for Log {
    fn project(&self, txn: &Txn<'_>, new: &mut NewEvent) -> ApiResult<bool> {
        note_who_enters(txn, new)?;
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

/// Notes the users of this server whom an event lets into a room that other servers are in: those may not follow the
/// users' devices yet, and do not know who is there. Nor do servers that enter.
/// [spec](https://spec.matrix.org/v1.19/server-server-api/#device-management)
fn note_who_enters(txn: &Txn<'_>, new: &mut NewEvent) -> ApiResult<()> {
    if txn.head.summary().remote == 0 {
        return Ok(());
    }
    let mut entered = Vec::new();
    for change in new.changes_of_state() {
        if !joins(change.event.as_deref()) || joins(change.replaces.as_deref()) {
            continue;
        }
        let Some((_, state_key)) = change.entry() else {
            continue;
        };
        let Ok(user) = <&UserId>::try_from(state_key) else {
            continue;
        };
        let (room, server) = (txn.room, user.server_name());
        if server == txn.rooms.server_name() {
            let user = txn.rooms.storage().interner().user(user)?;
            txn.rooms.tell(News::Entered { room, user });
            entered.push(user);
        } else if !txn.is_told && txn.joined_from(server)? == 1 {
            let server = server.to_owned();
            txn.rooms.tell(News::EnteredFrom { room, server });
        }
    }
    if entered.is_empty() {
        return Ok(());
    }
    let room = txn.room;
    new.write(move |batch, pos| {
        for user in entered {
            tables::DEVICES_ENTERED.put(batch, (pos, user), &room);
        }
    });
    Ok(())
}

fn joins(event: Option<&RoomEvent>) -> bool {
    event.and_then(membership_of) == Some(Membership::Join)
}
