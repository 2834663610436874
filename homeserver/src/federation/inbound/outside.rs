//! Events of rooms that nobody here is in: an invitation is taken back, a knock declined.

use ruma::{RoomVersionId, ServerName, UserId};
use serde::Deserialize;

use super::verify;
use crate::{
    Server,
    error::ApiResult,
    events::{Pdu, versions},
    ids::RoomNid,
    rooms::{outside::Outside, project::membership_in, rows::Membership},
};

/// Takes in what ends an invitation or a knock of somebody here. All other events of such a room are dropped.
pub(super) async fn take(
    server: &Server,
    origin: &ServerName,
    room: RoomNid,
    events: Vec<String>,
) -> ApiResult<()> {
    for event in events {
        if !end(server, origin, room, event).await? {
            tracing::debug!(%origin, "an event of a room that nobody here is in is dropped");
        }
    }
    Ok(())
}

/// Whether an event ended a membership.
async fn end(
    server: &Server,
    origin: &ServerName,
    room: RoomNid,
    event: String,
) -> ApiResult<bool> {
    #[derive(Deserialize)]
    struct Header {
        #[serde(rename = "type")]
        kind: String,
        state_key: Option<String>,
    }
    let Ok(header) = serde_json::from_str::<Header>(&event) else {
        return Ok(false);
    };
    let user = header.state_key.and_then(|key| UserId::parse(key).ok());
    let user = user.filter(|user| user.server_name() == server.rooms.server_name());
    let Some(user) = user.filter(|_| header.kind == "m.room.member") else {
        return Ok(false);
    };
    let asked = user.clone();
    let read = server.rooms.read(move |rooms, snapshot| {
        let inviters = rooms.inviters(snapshot, room, &asked)?;
        Ok(rooms
            .outside_of(snapshot, room, &asked)?
            .map(|found| (found, inviters)))
    });
    let Some(((version, last), servers)) = read.await? else {
        return Ok(false);
    };
    let Some(pdu) = checked(server, &version, event).await else {
        return Ok(false);
    };
    let membership = membership_in(&pdu);
    let ends = matches!(membership, Some(Membership::Leave | Membership::Ban));
    // The rules of the room are not known here. Whoever invited may take that back; a knock is answered by those at whose
    // door it was.
    let may = match membership_in(&last) {
        Some(Membership::Invite) => pdu.sender() == last.sender(),
        _ => servers
            .iter()
            .any(|name| name == pdu.sender().server_name()),
    };
    if !ends || !may || *pdu.room_id() != *server.rooms.room_id(room)? {
        return Ok(false);
    }
    tracing::info!(%origin, %user, "an invitation is taken back or a knock declined");
    let outside = Outside {
        user,
        membership: membership.unwrap_or(Membership::Leave),
        event: Some(pdu),
        stripped_state: Vec::new(),
    };
    server.rooms.note_outside(room, outside).await?;
    Ok(true)
}

async fn checked(server: &Server, version: &RoomVersionId, event: String) -> Option<Pdu> {
    let rules = versions::rules(version)?;
    verify::verified_one(server, rules, event).await.ok()
}
