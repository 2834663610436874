//! What somebody may know of a room before they enter it.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1room_summaryroomidoralias)

use ruma::{
    OwnedRoomId, RoomId, RoomVersionId, ServerName, room_version_rules::AuthorizationRules,
};
use serde::{Deserialize, Serialize};

use super::{
    Rooms, restricted,
    rows::{Membership, RoomSummary},
    servers,
};
use crate::{
    error::ApiResult,
    events::versions,
    ids::{RoomNid, UserNid},
    storage::{Result, Snapshot, tables},
};

/// A room in a few words, which another server may have told.
#[derive(Clone, Debug, Serialize, Deserialize)]
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
    #[serde(default)]
    num_joined_members: u64,
    #[serde(default = "public")]
    join_rule: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    allowed_room_ids: Vec<String>,
    #[serde(default)]
    world_readable: bool,
    #[serde(default)]
    guest_can_join: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    encryption: Option<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    room_version: String,
}

/// What a room is whose join rule is not told.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1roomsroomidhierarchy)
fn public() -> String {
    "public".to_owned()
}

impl RoomPreview {
    /// Whether it is a space.
    pub fn is_space(&self) -> bool {
        self.room_type.as_deref() == Some("m.space")
    }

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

    /// What another server tells of a room, for a user who may know of it.
    pub fn preview_from_elsewhere(
        &self,
        snapshot: &Snapshot<'_>,
        room: RoomPreview,
        user: UserNid,
    ) -> Result<Option<Previewed>> {
        let membership = match self.storage().interner().find_room(&room.room_id)? {
            Some(nid) => self.membership_in(snapshot, nid, user)?,
            None => None,
        };
        if !self.may_know_elsewhere(snapshot, &room, user, membership)? {
            return Ok(None);
        }
        let membership = membership.unwrap_or(Membership::Leave);
        Ok(Some(Previewed {
            room,
            membership: Some(membership.as_str()),
        }))
    }

    /// Whether somebody may know of a room that another server tells of.
    fn may_know_elsewhere(
        &self,
        snapshot: &Snapshot<'_>,
        room: &RoomPreview,
        user: UserNid,
        membership: Option<Membership>,
    ) -> Result<bool> {
        use Membership::{Invite, Join, Knock};
        if matches!(membership, Some(Join | Invite | Knock)) || room.world_readable {
            return Ok(true);
        }
        if room.join_rule != "restricted" {
            let rule = room.join_rule.as_str();
            return Ok(matches!(rule, "public" | "knock" | "knock_restricted"));
        }
        for allowed in self.known(&room.allowed_room_ids)? {
            if self.membership_in(snapshot, allowed, user)? == Some(Join) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether users of another server might enter a room or read it, as far as this server can tell.
    /// [spec](https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1hierarchyroomid)
    pub(super) fn may_be_known_to(
        &self,
        snapshot: &Snapshot<'_>,
        (room, summary): (RoomNid, &RoomSummary),
        server: &ServerName,
    ) -> Result<bool> {
        if servers::is_in(snapshot, room, server)?
            || self.may_know(snapshot, summary, None, None)?
        {
            return Ok(true);
        }
        if summary.join_rule.as_deref() == Some("restricted") {
            for allowed in self.known(&summary.allowed_rooms)? {
                if servers::is_in(snapshot, allowed, server)? {
                    return Ok(true);
                }
            }
        }
        for row in tables::MEMBER.scan(snapshot, (room, Membership::Invite))? {
            let ((_, _, user), _) = row?;
            if self.storage().interner().user_id(user)?.server_name() == server {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn known(&self, ids: &[String]) -> Result<Vec<RoomNid>> {
        let mut rooms = Vec::new();
        for id in ids {
            if let Ok(id) = <&RoomId>::try_from(id.as_str()) {
                rooms.extend(self.storage().interner().find_room(id)?);
            }
        }
        Ok(rooms)
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
