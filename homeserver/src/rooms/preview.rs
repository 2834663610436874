//! What somebody may know of a room before they enter it.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1room_summaryroomidoralias)

use ruma::{OwnedRoomId, RoomVersionId, room_version_rules::AuthorizationRules};
use serde::Serialize;

use super::{
    Rooms, restricted,
    rows::{Membership, RoomSummary},
};
use crate::{
    error::ApiResult,
    events::versions,
    ids::{RoomNid, UserNid},
    storage::{Result, Snapshot, tables},
};

/// A room in a few words.
#[derive(Clone, Debug, Serialize)]
pub struct RoomPreview {
    /// The room.
    pub room_id: OwnedRoomId,
    #[serde(skip_serializing_if = "Option::is_none")]
    canonical_alias: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    topic: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    avatar_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    room_type: Option<String>,
    num_joined_members: u64,
    join_rule: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    allowed_room_ids: Vec<String>,
    world_readable: bool,
    guest_can_join: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    encryption: Option<String>,
    room_version: String,
}

impl RoomPreview {
    /// What a room's summary tells to strangers.
    pub fn new(room_id: OwnedRoomId, summary: RoomSummary) -> Self {
        let join_rule = summary.join_rule.as_deref().unwrap_or("invite").to_owned();
        let is_restricted = matches!(&*join_rule, "restricted" | "knock_restricted");
        Self {
            room_id,
            canonical_alias: summary.alias,
            name: summary.name,
            topic: summary.topic,
            avatar_url: summary.avatar,
            room_type: summary.room_type,
            num_joined_members: summary.joined,
            allowed_room_ids: match is_restricted {
                true => summary.allowed_rooms,
                false => Vec::new(),
            },
            join_rule,
            world_readable: summary.history_visibility.as_deref() == Some("world_readable"),
            guest_can_join: summary.guest_access.as_deref() == Some("can_join"),
            encryption: summary.encryption,
            room_version: summary.version,
        }
    }
}

/// A preview, with what the user who asks is to the room.
#[derive(Clone, Debug, Serialize)]
pub struct Previewed {
    /// The room.
    #[serde(flatten)]
    pub room: RoomPreview,
    /// The user's membership; absent for a stranger.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub membership: Option<&'static str>,
}

impl Rooms {
    /// A room in a few words, for somebody who may know of it. Without a user that is anybody.
    pub fn preview(
        &self,
        snapshot: &Snapshot<'_>,
        room: RoomNid,
        user: Option<UserNid>,
    ) -> ApiResult<Option<Previewed>> {
        let Some(summary) = self.summary(snapshot, room)? else {
            return Ok(None);
        };
        let membership = match user {
            Some(user) => self.membership_in(snapshot, room, user)?,
            None => None,
        };
        if !self.may_know(snapshot, &summary, user, membership)? {
            return Ok(None);
        }
        let left = Membership::Leave;
        Ok(Some(Previewed {
            room: RoomPreview::new(self.room_id(room)?, summary),
            membership: user.map(|_| membership.unwrap_or(left).as_str()),
        }))
    }

    pub(super) fn membership_in(
        &self,
        snapshot: &Snapshot<'_>,
        room: RoomNid,
        user: UserNid,
    ) -> Result<Option<Membership>> {
        let row = tables::USER_ROOM.get(snapshot, (user, room))?;
        Ok(row.map(|row| row.membership))
    }

    /// Whether somebody may know of a room: they are in it, may enter it or ask to, or anybody may read it.
    /// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1roomsroomidhierarchy)
    pub(super) fn may_know(
        &self,
        snapshot: &Snapshot<'_>,
        summary: &RoomSummary,
        user: Option<UserNid>,
        membership: Option<Membership>,
    ) -> Result<bool> {
        use Membership::{Invite, Join, Knock};
        if matches!(membership, Some(Join | Invite | Knock))
            || summary.history_visibility.as_deref() == Some("world_readable")
        {
            return Ok(true);
        }
        let Some(rules) = rules_of(summary) else {
            return Ok(false);
        };
        Ok(match summary.join_rule.as_deref() {
            Some("public") => true,
            Some("knock") => rules.knocking,
            Some("knock_restricted") => rules.knock_restricted_join_rule,
            Some("restricted") if rules.restricted_join_rule => match user {
                Some(user) => restricted::is_in_allowed_room(self, snapshot, user, summary)?,
                None => false,
            },
            _ => false,
        })
    }
}

/// The authorisation rules of a room's version.
pub(super) fn rules_of(summary: &RoomSummary) -> Option<&'static AuthorizationRules> {
    let version = RoomVersionId::try_from(summary.version.as_str()).ok()?;
    versions::rules(&version).map(|rules| &rules.authorization)
}
