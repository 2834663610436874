//! What members of a room that goes find instead of it.

use ruma::{
    OwnedRoomId, OwnedUserId, RoomId,
    api::client::room::create_room::v3::{Request, RoomPreset},
    events::TimelineEventType,
    serde::Raw,
};
use serde_json::{Value, json};

use super::{
    Admin,
    store::{TaskRow, TaskStatus},
};
use crate::{
    ApiError, ApiResult,
    ids::RoomNid,
    rooms::{
        draft,
        membership::{MembershipChange, Step},
        rows::Membership,
    },
    storage::tables,
};

/// The name of the new room if nothing is said.
const NAME: &str = "This room was closed";
/// What is said in it if nothing else is.
const MESSAGE: &str = "The administrators of this server have closed the room that you were in.";
/// The power of its members: they may read.
const POWER_OF_READERS: i64 = -10;

/// A room that members of another one are moved to.
#[derive(Clone, Debug)]
pub struct NewRoom {
    /// Who makes it.
    pub creator: OwnedUserId,
    /// Its name.
    pub name: Option<String>,
    /// What is said in it.
    pub message: Option<String>,
}

impl Admin {
    /// Makes a room and takes this server's members of another one into it.
    pub async fn move_members(&self, from: RoomNid, new: NewRoom) -> ApiResult<OwnedRoomId> {
        let rooms = &self.inner.rooms;
        let members = rooms
            .read(move |rooms, snapshot| {
                let mut members = Vec::new();
                for row in tables::MEMBER.scan(snapshot, (from, Membership::Join))? {
                    let ((_, _, user), _) = row?;
                    if tables::ACCOUNT.contains(snapshot, user)? {
                        members.push(rooms.storage().interner().user_id(user)?);
                    }
                }
                Ok(members)
            })
            .await?;
        let mut request = Request::new();
        request.preset = Some(RoomPreset::PublicChat);
        request.name = Some(new.name.unwrap_or_else(|| NAME.to_owned()));
        let levels = json!({ "users_default": POWER_OF_READERS });
        let levels = Raw::new(&levels).map_err(ApiError::internal)?;
        request.power_level_content_override = Some(levels.cast_unchecked());
        let version = self.inner.room_version.clone();
        let room_id = rooms.create(new.creator.clone(), request, version).await?;
        let room = rooms.find(&room_id)?;
        let message = new.message.unwrap_or_else(|| MESSAGE.to_owned());
        let content = json!({ "msgtype": "m.text", "body": message });
        let (kind, now) = (TimelineEventType::RoomMessage, rooms.clock().now());
        let draft = draft::message(&new.creator, kind, &content, now)?;
        rooms.send(room, draft, None).await?;
        for member in members {
            let join = MembershipChange::own(&member, Step::Join, None);
            if let Err(error) = rooms.change_membership(room, join).await {
                tracing::warn!(user = %member, %error, "a member could not be moved to the new room");
            }
        }
        Ok(room_id)
    }

    /// Remembers which room the members of a deleted one were moved to.
    pub async fn remember_new_room(&self, delete_id: &str, new_room: Option<&RoomId>) -> ApiResult {
        let Some(new_room) = new_room else {
            return Ok(());
        };
        let row = TaskRow {
            action: "delete_room".to_owned(),
            subject: delete_id.to_owned(),
            wanted_by: String::new(),
            request: "{}".to_owned(),
            // The deletion itself has a row of its own, and goes on by that.
            status: TaskStatus::Complete,
            result: json!({ "new_room_id": new_room }).to_string(),
            error: None,
            started: self.inner.rooms.clock().now(),
        };
        self.inner.tasks.put(delete_id, row).await
    }

    /// Which room the members of a deleted one were moved to.
    pub async fn new_room_of(&self, delete_id: &str) -> ApiResult<Option<String>> {
        let row = self.inner.tasks.get(delete_id).await?;
        let result = row.and_then(|row| serde_json::from_str::<Value>(&row.result).ok());
        Ok(result.and_then(|result| Some(result["new_room_id"].as_str()?.to_owned())))
    }
}
