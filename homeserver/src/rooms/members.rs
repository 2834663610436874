//! Listing members.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#room-membership)

use std::{collections::BTreeMap, sync::Arc};

use ruma::{OwnedMxcUri, OwnedUserId};
use serde::Deserialize;

use super::{
    event::RoomEvent,
    look::{Access, Look},
    project::membership_of,
    rows::{Membership, Place},
    state::tree::StateRoot,
    timeline::{self, Direction},
};
use crate::{error::ApiResult, storage::tables};

/// How a member wants to be shown in a room.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemberProfile {
    /// The name.
    pub display_name: Option<String>,
    /// The picture.
    pub avatar_url: Option<OwnedMxcUri>,
}

/// The events that make a room and bring its creator into it.
const CREATION: usize = 2;

const ALL: [Membership; 5] = [
    Membership::Join,
    Membership::Invite,
    Membership::Knock,
    Membership::Leave,
    Membership::Ban,
];

impl Look<'_> {
    /// The member events with the memberships that are wanted, now or (up to when the user left) at a place.
    pub fn members(
        &self,
        at: Option<Place>,
        wanted: impl Fn(Membership) -> bool,
    ) -> ApiResult<Vec<Arc<RoomEvent>>> {
        let state = match (at, self.access()?) {
            (None, Access::Now) => return self.current_members(wanted),
            (None, Access::Until(left)) => left.row.state_after,
            (Some(at), _) => match self.state_before(at.min(self.end()?))? {
                StateRoot::EMPTY => self.first_state()?,
                state => state,
            },
        };
        let mut members = self.state_in(state)?;
        members.retain(|event| membership_of(event).is_some_and(&wanted));
        Ok(members)
    }

    /// The state once there is somebody in the room: a token of a whole history stands before its first event, when there
    /// are no members to speak of.
    fn first_state(&self) -> ApiResult<StateRoot> {
        let end = self.end()?;
        let rows = timeline::rows(
            self.snapshot,
            self.room,
            Place::FIRST,
            end,
            Direction::Forward,
        )?;
        let mut state = StateRoot::EMPTY;
        for row in rows.take(CREATION) {
            let (_, row) = row?;
            state = self
                .rooms
                .known_event(self.snapshot, row.event)?
                .row
                .state_after;
        }
        Ok(state)
    }

    fn current_members(
        &self,
        wanted: impl Fn(Membership) -> bool,
    ) -> ApiResult<Vec<Arc<RoomEvent>>> {
        let mut members = Vec::new();
        for membership in ALL.into_iter().filter(|membership| wanted(*membership)) {
            for row in tables::MEMBER.scan(self.snapshot, (self.room, membership))? {
                let (_, (event, _)) = row?;
                members.push(self.rooms.known_event(self.snapshot, event)?);
            }
        }
        Ok(members)
    }

    /// Who is in the room, and how they are shown.
    /// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidjoined_members)
    pub fn joined_members(&self) -> ApiResult<BTreeMap<OwnedUserId, MemberProfile>> {
        self.require_joined()?;
        let interner = self.rooms.storage().interner();
        let mut members = BTreeMap::new();
        for row in tables::MEMBER.scan(self.snapshot, (self.room, Membership::Join))? {
            let ((_, _, user), (event, _)) = row?;
            let event = self.rooms.known_event(self.snapshot, event)?;
            members.insert(interner.user_id(user)?, profile_of(&event));
        }
        Ok(members)
    }
}

/// The profile in a member event; what is malformed there counts as absent.
pub fn profile_of(event: &RoomEvent) -> MemberProfile {
    #[derive(Deserialize)]
    struct Content {
        #[serde(default)]
        displayname: serde_json::Value,
        #[serde(default)]
        avatar_url: serde_json::Value,
    }
    let Ok(content) = event.pdu.content_as::<Content>() else {
        return MemberProfile::default();
    };
    let text = |value: serde_json::Value| match value {
        serde_json::Value::String(text) => Some(text),
        _ => None,
    };
    MemberProfile {
        display_name: text(content.displayname),
        avatar_url: text(content.avatar_url).map(OwnedMxcUri::from),
    }
}
