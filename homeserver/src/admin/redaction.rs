//! Redacting everything that a user said.

use ruma::{OwnedEventId, OwnedRoomId, OwnedUserId, UserId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::Admin;
use crate::{
    ApiResult,
    ids::{RoomNid, UserNid},
    rooms::{
        redact::Redaction,
        rows::Place,
        send::Transaction,
        timeline::{self, Direction},
    },
    storage::tables,
};

/// Events redacted in each room if nothing is said.
const DEFAULT_LIMIT: usize = 1_000;

/// Which events of a user are to be redacted.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct RedactUser {
    /// In these rooms; in all the user has been in if empty.
    #[serde(default)]
    pub rooms: Vec<OwnedRoomId>,
    /// Why.
    #[serde(default)]
    pub reason: Option<String>,
    /// How many in each room at most, the newest ones.
    #[serde(default)]
    pub limit: Option<usize>,
    /// Whether the administrator redacts, who must be in the room and may redact there; otherwise the user seems to.
    #[serde(default)]
    pub use_admin: bool,
}

impl Admin {
    /// Redacts what a user said. What came of it: the events that could not be redacted, each with the reason.
    pub async fn redact_user(
        &self,
        user_id: OwnedUserId,
        admin: OwnedUserId,
        wish: RedactUser,
    ) -> ApiResult<Value> {
        let Some(user) = self.inner.rooms.storage().interner().find_user(&user_id)? else {
            return Ok(json!({ "failed_redactions": {} }));
        };
        let mut failed = Map::new();
        for room in self.rooms_to_redact(user, &wish.rooms).await? {
            let limit = wish.limit.unwrap_or(DEFAULT_LIMIT);
            for event in self.said_in(room, user, limit).await? {
                if let Err(error) = self.redact_one(room, &event, &user_id, &admin, &wish).await {
                    failed.insert(event.to_string(), error.message().into());
                }
            }
        }
        Ok(json!({ "failed_redactions": failed }))
    }

    async fn rooms_to_redact(
        &self,
        user: UserNid,
        wanted: &[OwnedRoomId],
    ) -> ApiResult<Vec<RoomNid>> {
        let interner = self.inner.rooms.storage().interner();
        let mut named = Vec::new();
        for room in wanted {
            named.extend(interner.find_room(room)?);
        }
        if !wanted.is_empty() {
            return Ok(named);
        }
        self.inner
            .rooms
            .read(move |_, snapshot| {
                let mut rooms = Vec::new();
                for row in tables::USER_ROOM.scan(snapshot, (user,))? {
                    let ((_, room), row) = row?;
                    if row.was_joined {
                        rooms.push(room);
                    }
                }
                Ok(rooms)
            })
            .await
    }

    /// What a user said in a room and was not redacted, newest first. State stays, except that of joining: it has the
    /// user's name and picture.
    async fn said_in(
        &self,
        room: RoomNid,
        user: UserNid,
        limit: usize,
    ) -> ApiResult<Vec<OwnedEventId>> {
        self.inner
            .rooms
            .read(move |rooms, snapshot| {
                let mut said = Vec::new();
                let rows = timeline::rows(
                    snapshot,
                    room,
                    Place::FIRST,
                    Place::END,
                    Direction::Backward,
                )?;
                for row in rows {
                    let (_, row) = row?;
                    if row.sender != user {
                        continue;
                    }
                    let event = rooms.known_event(snapshot, row.event)?;
                    let kind = event.pdu.event_type().to_string();
                    let is_wanted = match event.pdu.state_key() {
                        None => kind != "m.room.redaction",
                        Some(_) => kind == "m.room.member",
                    };
                    if is_wanted && event.is_accepted() && !event.is_redacted() {
                        said.push(event.id().to_owned());
                    }
                    if said.len() >= limit {
                        break;
                    }
                }
                Ok(said)
            })
            .await
    }

    async fn redact_one(
        &self,
        room: RoomNid,
        event: &OwnedEventId,
        user: &UserId,
        admin: &UserId,
        wish: &RedactUser,
    ) -> ApiResult {
        let is_local = user.server_name() == self.inner.rooms.server_name();
        // Of other servers' users only the administrator can redact; and a user who was removed can redact nothing.
        if is_local && !wish.use_admin && self.redact_as(room, event, user, wish).await.is_ok() {
            return Ok(());
        }
        self.redact_as(room, event, admin, wish).await
    }

    async fn redact_as(
        &self,
        room: RoomNid,
        event: &OwnedEventId,
        sender: &UserId,
        wish: &RedactUser,
    ) -> ApiResult {
        let redaction = Redaction {
            sender: sender.to_owned(),
            target: event.clone(),
            reason: wish.reason.clone(),
            is_suspended: false,
        };
        // Begun again after a restart, this makes no second redaction.
        let transaction = Transaction {
            user: self.inner.rooms.storage().interner().user(sender)?,
            device: "administration".to_owned(),
            scope: format!("redact {room}"),
            id: event.to_string(),
        };
        self.inner
            .rooms
            .redact(room, redaction, transaction)
            .await?;
        Ok(())
    }
}
