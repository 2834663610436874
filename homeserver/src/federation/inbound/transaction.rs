//! Transactions of other servers: what is in order is on disk before the answer, and taken into its room after it.
//! [spec](https://spec.matrix.org/v1.19/server-server-api/#transactions)

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use futures::future::try_join_all;
use ruma::{
    OwnedEventId, OwnedServerName, RoomId, ServerName,
    api::federation::transactions::{edu::Edu, send_transaction_message},
    serde::Raw,
};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::timeout;

use super::{acl, edus, outside, rows::StagedEvent, verify};
use crate::{
    Server,
    error::{ApiError, ApiResult},
    events::{Pdu, build::MAX_PDU_BYTES, versions},
    ids::RoomNid,
    storage::{Commit, tables},
};

/// [spec](https://spec.matrix.org/v1.19/server-server-api/#transactions)
const MOST_PDUS: usize = 50;
const MOST_EDUS: usize = 100;

/// Transactions of up to so many events are answered when their rooms have taken them in, so that each event needs one
/// fsync only: that of its own commit.
const FEW_PDUS: usize = 5;
/// How long such a transaction waits for its rooms. After that its events are made durable where they wait.
const TAKEN_IN_SOON: Duration = Duration::from_millis(50);

type Verdicts = BTreeMap<OwnedEventId, Result<(), String>>;

/// Takes in a transaction.
pub async fn receive(
    server: &Server,
    origin: OwnedServerName,
    request: send_transaction_message::v1::Request,
) -> ApiResult<send_transaction_message::v1::Response> {
    if request.origin != origin {
        return Err(ApiError::forbidden(
            "The transaction's origin is not the server that signed the request.",
        ));
    }
    if request.pdus.len() > MOST_PDUS || request.edus.len() > MOST_EDUS {
        return Err(ApiError::invalid_param(
            "A transaction has at most 50 PDUs and 100 EDUs.",
        ));
    }
    let mut verdicts = Verdicts::new();
    let mut by_room: HashMap<RoomNid, Vec<String>> = HashMap::new();
    for pdu in request.pdus {
        match room_of(server, &pdu) {
            Ok(room) => by_room.entry(room).or_default().push(pdu.get().to_owned()),
            Err(reason) => tracing::debug!(%origin, reason, "an event is dropped"),
        }
    }
    let mut good = Vec::new();
    let rooms = by_room.into_iter();
    let checked = rooms.map(|(room, events)| check_room(server, &origin, room, events));
    for (verdicts_of_room, good_of_room) in try_join_all(checked).await? {
        verdicts.extend(verdicts_of_room);
        good.extend(good_of_room);
    }
    stage(server, &origin, good).await?;
    take_edus(server, &origin, request.edus).await;
    Ok(send_transaction_message::v1::Response::new(verdicts))
}

/// The room of an event, if this server is in it.
fn room_of(server: &Server, pdu: &RawValue) -> Result<RoomNid, &'static str> {
    #[derive(Deserialize)]
    struct Header<'a> {
        #[serde(borrow)]
        room_id: std::borrow::Cow<'a, str>,
    }
    if pdu.get().len() > MAX_PDU_BYTES + 1_024 {
        return Err("it is too large");
    }
    // A create event, which since version 12 names no room, is never sent by itself.
    let header: Header<'_> = serde_json::from_str(pdu.get()).map_err(|_| "it names no room")?;
    let room_id = <&RoomId>::try_from(&*header.room_id).map_err(|_| "its room id is none")?;
    let room = server.storage.interner().find_room(room_id);
    room.ok().flatten().ok_or("its room is not known here")
}

async fn check_room(
    server: &Server,
    origin: &ServerName,
    room: RoomNid,
    events: Vec<String>,
) -> ApiResult<(Verdicts, Vec<(RoomNid, Pdu)>)> {
    let asked = origin.to_owned();
    let read = server.rooms.read(move |rooms, snapshot| {
        let summary = rooms.summary(snapshot, room)?;
        let summary = summary.filter(|summary| summary.joined > summary.remote);
        let version = summary.and_then(|summary| summary.version.as_str().try_into().ok());
        let rules = version.and_then(|version| versions::rules(&version));
        Ok((rules, acl::allows(rooms, snapshot, room, &asked)?))
    });
    let (rules, is_allowed) = read.await?;
    let Some(rules) = rules else {
        outside::take(server, origin, room, events).await?;
        return Ok(Default::default());
    };
    let (mut verdicts, mut good) = (Verdicts::new(), Vec::new());
    for checked in verify::verify(server, rules, events).await? {
        let verdict = match checked.pdu {
            Ok(_) if !is_allowed => {
                Err("The room's access control list denies your server.".to_owned())
            }
            Ok(pdu) => {
                good.push((room, pdu));
                Ok(())
            }
            Err(error) => Err(error.to_string()),
        };
        if let Some(id) = checked.event_id {
            verdicts.insert(id, verdict);
        }
    }
    Ok((verdicts, good))
}

/// Puts events on disk and has their rooms take them in.
async fn stage(server: &Server, origin: &ServerName, events: Vec<(RoomNid, Pdu)>) -> ApiResult<()> {
    if events.is_empty() {
        return Ok(());
    }
    let mut rooms: Vec<RoomNid> = events.iter().map(|(room, _)| *room).collect();
    rooms.sort_unstable();
    rooms.dedup();
    let rows: Vec<_> = events
        .into_iter()
        .map(|(room, pdu)| {
            let (origin, pdu) = (origin.to_owned(), pdu.to_stored());
            (
                room,
                StagedEvent {
                    origin,
                    pdu,
                    tries: 0,
                },
            )
        })
        .collect();
    let are_few = rows.len() <= FEW_PDUS;
    let commit = Commit {
        positions: rows.len() as u32,
        durable: !are_few,
        fill: Box::new(move |batch, first| {
            for (offset, (room, row)) in rows.iter().enumerate() {
                tables::STAGED_EVENT.put(batch, (*room, first.plus(offset as u64)), row);
            }
        }),
        changes: Vec::new(),
    };
    server.storage.commit(commit).await?;
    let taken_in = rooms
        .into_iter()
        .map(|room| server.inbound.wake_and_watch(server, room));
    let taken_in = try_join_all(taken_in);
    if !are_few || matches!(timeout(TAKEN_IN_SOON, taken_in).await, Ok(Ok(_))) {
        return Ok(());
    }
    // What is in the log before this is on disk with it.
    server.storage.commit(Commit::silent(|_| {})).await?;
    Ok(())
}

async fn take_edus(server: &Server, origin: &ServerName, edus: Vec<Raw<Edu>>) {
    for edu in edus {
        let kind = edu.get_field::<String>("edu_type").ok().flatten();
        let taken = match (kind.as_deref(), edu.deserialize()) {
            (Some("m.presence"), _) => edus::presence(server, origin, &edu).await,
            (_, Ok(edu)) => edus::take(server, origin, edu).await,
            (_, Err(error)) => Err(ApiError::bad_json("The EDU is malformed.").because(error)),
        };
        if let Err(error) = taken {
            tracing::debug!(%origin, %error, "an EDU is dropped");
        }
    }
}
