//! Tags: names a user gives their rooms.

use ruma::{RoomId, events::tag::TagInfo};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as JsonValue};

use super::AccountData;
use crate::{ApiError, ApiResult, ids::UserNid};

/// The type under which tags are stored.
const TAG: &str = "m.tag";
/// Bytes of the longest tag.
const MAX_TAG_LENGTH: usize = 255;

/// The content of `m.tag`. What a client put in a tag stays as it is.
#[derive(Default, Serialize, Deserialize)]
struct Tags {
    #[serde(default)]
    tags: Map<String, JsonValue>,
}

impl AccountData {
    /// The tags of a room, as JSON.
    pub async fn tags(&self, user: UserNid, room_id: &RoomId) -> ApiResult<JsonValue> {
        Ok(JsonValue::Object(self.read_tags(user, room_id).await?.tags))
    }

    /// Adds a tag, or changes its order.
    /// [spec](https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3useruseridroomsroomidtagstag)
    pub async fn set_tag(
        &self,
        user: UserNid,
        room_id: &RoomId,
        tag: String,
        info: JsonValue,
    ) -> ApiResult {
        if tag.len() > MAX_TAG_LENGTH {
            return Err(ApiError::invalid_param("A tag may have 255 bytes."));
        }
        check_order(&info)?;
        self.change_tags(user, room_id, |tags| {
            tags.insert(tag, info);
        })
        .await
    }

    /// Removes a tag, if it is there.
    pub async fn delete_tag(&self, user: UserNid, room_id: &RoomId, tag: &str) -> ApiResult {
        self.change_tags(user, room_id, |tags| {
            tags.remove(tag);
        })
        .await
    }

    async fn change_tags(
        &self,
        user: UserNid,
        room_id: &RoomId,
        change: impl FnOnce(&mut Map<String, JsonValue>) + Send,
    ) -> ApiResult {
        let _turn = self.users.lock(user).await;
        let mut tags = self.read_tags(user, room_id).await?;
        let before = tags.tags.clone();
        change(&mut tags.tags);
        if tags.tags == before {
            return Ok(());
        }
        let content = serde_json::to_string(&tags).map_err(ApiError::internal)?;
        self.write(user, Some(room_id), TAG, content).await
    }

    /// A client may have stored anything as `m.tag` by the general endpoint; what is no set of tags counts as none.
    async fn read_tags(&self, user: UserNid, room_id: &RoomId) -> ApiResult<Tags> {
        let row = self.row(user, Some(room_id), TAG).await?;
        Ok(row
            .and_then(|(_, row)| serde_json::from_str(&row.content).ok())
            .unwrap_or_default())
    }
}

fn check_order(info: &JsonValue) -> ApiResult {
    let is_valid = info.is_object()
        && serde_json::from_value::<TagInfo>(info.clone())
            .is_ok_and(|info| info.order.is_none_or(|order| (0.0..=1.0).contains(&order)));
    if is_valid {
        return Ok(());
    }
    Err(ApiError::invalid_param(
        "A tag is an object whose \"order\", if any, is a number between 0 and 1.",
    ))
}
