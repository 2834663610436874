//! Rooms this server is not in: invitations to them and knocks at them.
//! [spec](https://spec.matrix.org/v1.19/server-server-api/#inviting-to-a-room)

use ruma::{OwnedUserId, RoomVersionId, UserId};

use super::{
    Rooms,
    rows::{EventRow, Membership, Place, RoomSummary, Standing, UserRoomRow},
    state::tree::StateRoot,
};
use crate::{
    error::{ApiError, ApiResult},
    events::Pdu,
    ids::{EventNid, RoomNid, StreamPos},
    storage::{Change, Commit, Snapshot, tables},
};

/// What somebody outside is to a room that this server is not in.
pub struct Outside {
    /// The user, of this server.
    pub user: OwnedUserId,
    /// The membership.
    pub membership: Membership,
    /// The event that says so, if there is one.
    pub event: Option<Pdu>,
    /// What the user is shown of the room, as stripped events in JSON.
    pub stripped_state: Vec<String>,
}

impl Rooms {
    /// Whether users of this server are in a room.
    pub fn is_resident(&self, snapshot: &Snapshot<'_>, room: RoomNid) -> ApiResult<bool> {
        let summary: Option<RoomSummary> = self.summary(snapshot, room)?;
        Ok(summary.is_some_and(|summary| summary.joined > summary.remote))
    }

    /// Whether this server knows a room well, and nobody is in it any more.
    pub fn is_empty(&self, room: RoomNid) -> ApiResult<bool> {
        let summary: Option<RoomSummary> = self.summary(&self.storage().snapshot(), room)?;
        Ok(summary.is_some_and(|summary| summary.joined == 0 && !summary.version.is_empty()))
    }

    /// Notes what a user is to a room that this server is not in.
    pub async fn note_outside(&self, room: RoomNid, outside: Outside) -> ApiResult<()> {
        let user = self.storage().interner().user(&outside.user)?;
        // One change of a room at a time, as for rooms that this server is in.
        let _turn = self.lock(room).await;
        let rooms = self.clone();
        let prepare = self
            .storage()
            .read(move |snapshot| -> ApiResult<Option<Commit>> {
                if rooms.is_resident(snapshot, room)? {
                    return Ok(None);
                }
                let before = tables::USER_ROOM.get(snapshot, (user, room))?;
                let mut stored = None;
                let nid = match &outside.event {
                    Some(pdu) => match tables::EVENT_NID.get(snapshot, pdu.event_id())? {
                        Some(nid) => nid,
                        None => {
                            let nid = rooms.storage().interner().next_event();
                            stored = Some(outlier(room, pdu));
                            nid
                        }
                    },
                    None => before.as_ref().map_or(EventNid(0), |row| row.event),
                };
                let row = UserRoomRow {
                    membership: outside.membership,
                    event: nid,
                    pos: StreamPos::ZERO,
                    joined_at: StreamPos::ZERO,
                    left: before.as_ref().map_or(EventNid(0), |row| row.left),
                    left_at: before.as_ref().map_or(StreamPos::ZERO, |row| row.left_at),
                    was_joined: before.is_some_and(|row| row.was_joined),
                    forgotten: false,
                    stripped_state: outside.stripped_state,
                };
                let joined = matches!(row.membership, Membership::Invite | Membership::Knock);
                let commit = Commit::new(move |batch, pos| {
                    if let Some((id, event)) = &stored {
                        tables::EVENT_NID.put(batch, id, &nid);
                        tables::EVENT.put(batch, nid, event);
                    }
                    tables::USER_ROOM.put(batch, (user, room), &UserRoomRow { pos, ..row });
                });
                let change = Change::Membership { room, user, joined };
                Ok(Some(commit.changing(change)))
            });
        if let Some(commit) = prepare.await? {
            self.storage().commit(commit).await?;
        }
        Ok(())
    }

    /// The version of a room that this server is not in, as an invitation or an answer to a knock told it, and the event
    /// that made the user's membership.
    pub fn outside_of(
        &self,
        snapshot: &Snapshot<'_>,
        room: RoomNid,
        user: &UserId,
    ) -> ApiResult<Option<(RoomVersionId, Pdu)>> {
        let Some(user) = self.storage().interner().find_user(user)? else {
            return Ok(None);
        };
        let row = tables::USER_ROOM.get(snapshot, (user, room))?;
        let row =
            row.filter(|row| matches!(row.membership, Membership::Invite | Membership::Knock));
        let Some(row) = row else {
            return Ok(None);
        };
        let Some(last) = self.event(snapshot, row.event)? else {
            return Ok(None);
        };
        let known = self.summary(snapshot, room)?;
        let version = match known.filter(|summary| !summary.version.is_empty()) {
            Some(summary) => Some(summary.version),
            None => row
                .stripped_state
                .iter()
                .find_map(|event| told_version(event)),
        };
        let version = version.and_then(|version| version.try_into().ok());
        Ok(version.map(|version| (version, last.pdu.clone())))
    }

    /// Who can lead a user into a room, as the invitation or knock tells: the servers of those who take part in it.
    pub fn inviters(
        &self,
        snapshot: &Snapshot<'_>,
        room: RoomNid,
        user: &UserId,
    ) -> ApiResult<Vec<ruma::OwnedServerName>> {
        let Some(nid) = self.storage().interner().find_user(user)? else {
            return Ok(Vec::new());
        };
        let Some(row) = tables::USER_ROOM.get(snapshot, (nid, room))? else {
            return Ok(Vec::new());
        };
        let mut servers = Vec::new();
        if let Some(event) = self.event(snapshot, row.event)? {
            servers.push(event.pdu.sender().server_name().to_owned());
        }
        for event in &row.stripped_state {
            #[derive(serde::Deserialize)]
            struct Sender {
                sender: OwnedUserId,
            }
            if let Ok(event) = serde_json::from_str::<Sender>(event) {
                servers.push(event.sender.server_name().to_owned());
            }
        }
        servers.retain(|server| server != self.server_name());
        let mut seen = std::collections::HashSet::new();
        servers.retain(|server| seen.insert(server.clone()));
        Ok(servers)
    }
}

/// The room version that a stripped create event names.
fn told_version(event: &str) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Create {
        #[serde(rename = "type")]
        kind: String,
        content: CreateContent,
    }
    #[derive(serde::Deserialize)]
    struct CreateContent {
        room_version: Option<String>,
    }
    let event: Create = serde_json::from_str(event).ok()?;
    let version = event.content.room_version.unwrap_or_else(|| "1".to_owned());
    (event.kind == "m.room.create").then_some(version)
}

fn outlier(room: RoomNid, pdu: &Pdu) -> (ruma::OwnedEventId, EventRow) {
    let row = EventRow {
        standing: Standing::Accepted,
        room,
        place: Place::default(),
        state_before: StateRoot::EMPTY,
        state_after: StateRoot::EMPTY,
        redacted_by: EventNid(0),
        replaces: EventNid(0),
        pdu: pdu.to_stored(),
    };
    (pdu.event_id().clone(), row)
}

/// Refuses a membership event that is not one of the user it should be about.
pub fn require_member_event(
    pdu: &Pdu,
    user: Option<&UserId>,
    membership: Membership,
) -> ApiResult<()> {
    let about = pdu
        .state_key()
        .and_then(|key| <&UserId>::try_from(key).ok());
    let is_right = super::project::membership_in(pdu) == Some(membership)
        && about.is_some()
        && user.is_none_or(|user| about == Some(user));
    if is_right {
        return Ok(());
    }
    Err(ApiError::invalid_param(format!(
        "The event has to be a m.room.member event with the membership {}.",
        membership.as_str()
    )))
}
