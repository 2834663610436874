//! What another server is sent next.

use std::collections::{HashMap, HashSet};

use ruma::{OwnedServerName, ServerName};

use super::rows::{DestinationRow, LoggedEvent};
use crate::{
    error::ApiResult,
    ids::{RoomNid, StreamPos},
    rooms::{
        Rooms,
        rows::{LIVE, Place},
        servers, timeline,
    },
    storage::{Snapshot, tables},
};

/// Events of one transaction.
/// [spec](https://spec.matrix.org/v1.19/server-server-api/#transactions)
const MOST_PDUS: usize = 50;
/// Messages to devices and the like of one transaction; the rest of the hundred is for what is passing.
const MOST_KEPT_EDUS: usize = 50;
/// Rows of the log that are looked at at once.
const SCAN_LIMIT: usize = 5_000;
/// Events of a room that are looked at for one of this server.
const LOOK_BACK: usize = 200;

/// A transaction about to be sent.
#[derive(Debug, Default)]
pub(super) struct Next {
    /// The events, as they are exchanged.
    pub pdus: Vec<String>,
    /// Other messages, in JSON, with the positions of their rows.
    pub edus: Vec<(StreamPos, String)>,
    /// How far the server is once the transaction is taken.
    pub after: DestinationRow,
    /// Whether it is told the newest event of each room.
    pub catches_up: bool,
}

impl Next {
    /// Whether there is nothing to send.
    pub(super) fn is_empty(&self) -> bool {
        self.pdus.is_empty() && self.edus.is_empty()
    }
}

/// Collects what a server is sent next. `position` is the newest that can be read completely.
pub(super) fn next(
    rooms: &Rooms,
    snapshot: &Snapshot<'_>,
    server: &ServerName,
    position: StreamPos,
) -> ApiResult<Next> {
    let row = tables::DESTINATION
        .get(snapshot, server)?
        .unwrap_or_default();
    let mut next = if row.is_behind {
        newest_of_each_room(rooms, snapshot, server, &row, position)?
    } else {
        from_log(rooms, snapshot, server, &row, position)?
    };
    for edu in tables::OUTBOUND_EDU
        .scan(snapshot, (server,))?
        .take(MOST_KEPT_EDUS)
    {
        let ((_, pos), edu) = edu?;
        next.edus.push((pos, edu));
    }
    Ok(next)
}

fn from_log(
    rooms: &Rooms,
    snapshot: &Snapshot<'_>,
    server: &ServerName,
    row: &DestinationRow,
    position: StreamPos,
) -> ApiResult<Next> {
    let mut next = Next {
        after: DestinationRow::up_to(row.sent),
        ..Next::default()
    };
    let mut is_in: HashMap<RoomNid, bool> = HashMap::new();
    let range = tables::FEDERATION_LOG.range(snapshot, row.sent.plus(1), position.plus(1))?;
    for (seen, logged) in range.enumerate() {
        if next.pdus.len() == MOST_PDUS || seen == SCAN_LIMIT {
            return Ok(next);
        }
        let (pos, logged) = logged?;
        // What was removed meanwhile is not sent any more.
        if concerns(snapshot, server, &logged, &mut is_in)? {
            let pdu = match logged.pdu {
                Some(pdu) => Some(pdu),
                None => rooms
                    .event(snapshot, logged.event)?
                    .map(|event| event.pdu.json().to_owned()),
            };
            next.pdus.extend(pdu);
        }
        next.after.sent = pos;
    }
    next.after.sent = next.after.sent.max(position);
    Ok(next)
}

fn concerns(
    snapshot: &Snapshot<'_>,
    server: &ServerName,
    logged: &LoggedEvent,
    is_in: &mut HashMap<RoomNid, bool>,
) -> ApiResult<bool> {
    if logged.except.as_deref() == Some(server) {
        return Ok(false);
    }
    if logged.also.iter().any(|also| also == server) {
        return Ok(true);
    }
    if let Some(known) = is_in.get(&logged.room) {
        return Ok(*known);
    }
    let found = servers::is_in(snapshot, logged.room, server)?;
    is_in.insert(logged.room, found);
    Ok(found)
}

/// For a server that was away for long: it is told the newest event of each room, and asks for what lies before.
/// [spec](https://spec.matrix.org/v1.19/server-server-api/#transactions)
fn newest_of_each_room(
    rooms: &Rooms,
    snapshot: &Snapshot<'_>,
    server: &ServerName,
    row: &DestinationRow,
    position: StreamPos,
) -> ApiResult<Next> {
    let upto = match row.catching_up_to {
        StreamPos::ZERO => position,
        upto => upto,
    };
    let mut newest = Vec::new();
    for room in servers::rooms_with(snapshot, server)? {
        let (from, to) = (
            Place {
                pos: row.sent,
                sub: LIVE,
            },
            Rooms::end_at(upto),
        );
        let stretch = timeline::rows(snapshot, room, from, to, timeline::Direction::Backward)?;
        for found in stretch.take(LOOK_BACK) {
            let (place, found) = found?;
            let event = rooms.known_event(snapshot, found.event)?;
            if event.pdu.sender().server_name() == rooms.server_name() && event.is_accepted() {
                newest.push((place.pos, event));
                break;
            }
        }
    }
    if row.told_from != StreamPos::ZERO {
        newest.retain(|(pos, _)| *pos < row.told_from);
    }
    // The rooms that are talked in come first.
    newest.sort_by_key(|(pos, _)| std::cmp::Reverse(*pos));
    let is_last = newest.len() <= MOST_PDUS;
    newest.truncate(MOST_PDUS);
    let after = match newest.last() {
        Some((pos, _)) if !is_last => DestinationRow {
            is_behind: true,
            catching_up_to: upto,
            told_from: *pos,
            ..DestinationRow::up_to(row.sent)
        },
        _ => DestinationRow::up_to(upto),
    };
    let pdus = newest.iter().map(|(_, event)| event.pdu.json().to_owned());
    Ok(Next {
        pdus: pdus.collect(),
        after,
        catches_up: true,
        ..Next::default()
    })
}

/// The servers that an event of the log is for.
pub(super) fn recipients(
    snapshot: &Snapshot<'_>,
    logged: &LoggedEvent,
) -> ApiResult<HashSet<OwnedServerName>> {
    let mut servers: HashSet<_> = servers::servers_in(snapshot, logged.room)?
        .into_iter()
        .collect();
    servers.extend(logged.also.iter().cloned());
    if let Some(except) = &logged.except {
        servers.remove(except);
    }
    Ok(servers)
}
