//! Inviting users of other servers.
//! [spec](https://spec.matrix.org/v1.19/server-server-api/#inviting-to-a-room)

use ruma::{
    OwnedUserId, UserId,
    api::federation::membership::{RawStrippedState, create_invite},
};
use serde_json::{Value, json, value::RawValue};

use super::{join::ask, raw, rules_of};
use crate::{
    Server,
    error::{ApiError, ApiResult},
    federation::{Limits, inbound::verify},
    ids::RoomNid,
    rooms::receive::Outcome,
};

/// The state that tells the invited what the room is.
const SHOWN: [&str; 9] = [
    "m.room.create",
    "m.room.name",
    "m.room.avatar",
    "m.room.topic",
    "m.room.join_rules",
    "m.room.canonical_alias",
    "m.room.encryption",
    "m.room.history_visibility",
    "m.room.power_levels",
];

/// An invitation of a user of another server.
pub struct Invitation {
    /// The room.
    pub room: RoomNid,
    /// Who invites.
    pub sender: OwnedUserId,
    /// Who is invited.
    pub user: OwnedUserId,
    /// Whether it is to a direct chat.
    pub is_direct: bool,
    /// Why, in the words of who invites.
    pub reason: Option<String>,
}

/// Invites a user of another server: their server signs the event before it becomes part of the room.
pub async fn invite(server: &Server, invitation: Invitation) -> ApiResult<()> {
    let Invitation {
        room,
        sender,
        user,
        is_direct,
        reason,
    } = invitation;
    let mut content = json!({ "membership": "invite" });
    if is_direct {
        content["is_direct"] = true.into();
    }
    if let Some(reason) = reason {
        content["reason"] = reason.into();
    }
    send(server, room, (sender, user), content).await
}

/// The same for the content of an invitation.
pub(super) async fn send(
    server: &Server,
    room: RoomNid,
    (sender, user): (OwnedUserId, OwnedUserId),
    content: Value,
) -> ApiResult<()> {
    let name = user.server_name().to_owned();
    let (version, pdu) = server
        .rooms
        .propose_invite(room, sender.clone(), user, content)
        .await?;
    let request = create_invite::v2::Request::new(
        server.rooms.room_id(room)?,
        pdu.event_id().clone(),
        version.clone(),
        raw(&pdu)?,
        shown_state(server, room, Some(&sender)).await?,
    );
    let answer = ask(server, &name, request, Limits::QUERY).await?;
    let rules = rules_of(&version)?;
    let signed = verify::verified_one(server, rules, answer.event.get().to_owned()).await?;
    if signed.event_id() != pdu.event_id() {
        return Err(ApiError::forbidden(format!(
            "{name} signed another event than the invitation."
        )));
    }
    let received = server
        .rooms
        .write_received(room, move |txn| txn.receive(signed, None));
    match received.await? {
        Outcome::Accepted(_) | Outcome::Known => Ok(()),
        Outcome::SoftFailed(reason) | Outcome::Rejected(reason) => Err(ApiError::forbidden(
            format!("The room does not allow the invitation: {reason}"),
        )),
        other => Err(ApiError::internal(anyhow::anyhow!(
            "an invitation was not taken in: {other:?}"
        ))),
    }
}

/// What somebody outside is told of a room, with the member who invites them.
pub async fn shown_state(
    server: &Server,
    room: RoomNid,
    sender: Option<&UserId>,
) -> ApiResult<Vec<RawStrippedState>> {
    let sender = sender.map(ToOwned::to_owned);
    let read = server.rooms.read(move |rooms, snapshot| {
        let mut events = Vec::new();
        for kind in SHOWN {
            events.extend(rooms.state_event(snapshot, room, kind, "")?);
        }
        if let Some(sender) = sender {
            events.extend(rooms.state_event(snapshot, room, "m.room.member", sender.as_str())?);
        }
        let json = events
            .iter()
            .map(|event| RawValue::from_string(event.pdu.json().to_owned()));
        let json = json
            .collect::<Result<Vec<_>, _>>()
            .map_err(ApiError::internal)?;
        Ok(json.into_iter().map(RawStrippedState::Pdu).collect())
    });
    read.await
}
