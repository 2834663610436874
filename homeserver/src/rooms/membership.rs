//! Joining, leaving, inviting, knocking, kicking and banning.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#room-membership)

use ruma::{OwnedUserId, RoomId, UserId, events::TimelineEventType};
use serde_json::{Value, json};

use super::{
    Rooms,
    rows::{Membership, UserRoomRow},
    txn::Txn,
};
use crate::{
    error::{ApiError, ApiResult},
    events::power::{self, Action},
    ids::{RoomNid, UserNid},
    storage::{Change, Commit, tables},
};

/// How a user's membership is to change.
pub struct MembershipChange {
    /// Who changes it.
    pub sender: OwnedUserId,
    /// Whose membership it is.
    pub user: OwnedUserId,
    /// What it is to become.
    pub membership: Membership,
    /// The reason given.
    pub reason: Option<String>,
    /// Whether an invitation is to a direct chat.
    pub is_direct: bool,
}

impl MembershipChange {
    /// A change somebody makes of their own membership.
    pub fn own(user: &UserId, membership: Membership, reason: Option<String>) -> Self {
        Self {
            sender: user.to_owned(),
            user: user.to_owned(),
            membership,
            reason,
            is_direct: false,
        }
    }

    /// A change somebody makes of another user's membership.
    pub fn of(
        sender: &UserId,
        user: &UserId,
        membership: Membership,
        reason: Option<String>,
    ) -> Self {
        Self {
            sender: sender.to_owned(),
            user: user.to_owned(),
            membership,
            reason,
            is_direct: false,
        }
    }
}

impl Rooms {
    /// Changes a membership in a room of this server. Changing it to what it is already does nothing.
    pub async fn change_membership(
        &self,
        room: RoomNid,
        change: MembershipChange,
    ) -> ApiResult<()> {
        self.write(room, move |txn| change.apply(txn)).await
    }

    /// A user's relation to a room.
    pub fn user_room(&self, user: &UserId, room: RoomNid) -> ApiResult<Option<UserRoomRow>> {
        let Some(user) = self.storage().interner().find_user(user)? else {
            return Ok(None);
        };
        Ok(tables::USER_ROOM.get(&self.storage().snapshot(), (user, room))?)
    }

    /// Refuses users who are not in a room.
    pub fn require_joined(&self, user: &UserId, room: RoomNid) -> ApiResult<()> {
        match self.user_room(user, room)? {
            Some(row) if row.membership == Membership::Join => Ok(()),
            _ => Err(ApiError::forbidden("You are not in this room.")),
        }
    }

    /// Hides a room that the user has left.
    /// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidforget)
    pub async fn forget(&self, user: &UserId, room_id: &RoomId) -> ApiResult<()> {
        let room = self.find(room_id)?;
        let Some(mut row) = self.user_room(user, room)? else {
            return Err(ApiError::not_found("You have never been in this room."));
        };
        if !matches!(row.membership, Membership::Leave | Membership::Ban) {
            let kind = ruma::api::error::ErrorKind::Unknown;
            return Err(ApiError::bad_request(
                kind,
                "Leave the room before forgetting it.",
            ));
        }
        row.forgotten = true;
        let user = self.storage().interner().user(user)?;
        let commit = Commit::new(move |batch, _| tables::USER_ROOM.put(batch, (user, room), &row));
        self.storage()
            .commit(commit.changing(Change::User(user)))
            .await?;
        Ok(())
    }
}

impl MembershipChange {
    fn apply(self, txn: &mut Txn<'_>) -> ApiResult<()> {
        let old = txn.membership(&self.user)?;
        self.check(old)?;
        if old == Some(self.membership)
            && self.sender == self.user
            && self.membership != Membership::Leave
        {
            return Ok(());
        }
        if old == Some(Membership::Leave)
            && self.membership == Membership::Leave
            && self.sender == self.user
        {
            return Ok(());
        }
        let mut content = match self.membership {
            Membership::Join | Membership::Invite | Membership::Knock => {
                txn.member_content(&self.user, self.membership.as_str())?
            }
            Membership::Leave | Membership::Ban => {
                json!({ "membership": self.membership.as_str() })
            }
        };
        if let Some(reason) = &self.reason {
            content["reason"] = reason.as_str().into();
        }
        if self.is_direct {
            content["is_direct"] = true.into();
        }
        if self.membership == Membership::Join {
            self.authorise_restricted(txn, old, &mut content)?;
        }
        txn.set_state(
            &self.sender,
            TimelineEventType::RoomMember,
            self.user.as_str(),
            &content,
        )?;
        Ok(())
    }

    /// Refusals whose reason the authorisation rules would not tell.
    fn check(&self, old: Option<Membership>) -> ApiResult<()> {
        let own = self.sender == self.user;
        let refusal = match (self.membership, old) {
            (Membership::Join | Membership::Knock, Some(Membership::Ban)) if own => {
                "You are banned from this room."
            }
            (Membership::Invite, Some(Membership::Join)) => "The user is already in the room.",
            (Membership::Invite, Some(Membership::Ban)) => {
                "The user is banned from the room: unban them first."
            }
            (Membership::Knock, Some(Membership::Join)) => "You are already in this room.",
            (Membership::Knock, Some(Membership::Invite)) => {
                "You are invited to this room: join it."
            }
            (Membership::Leave, None) if own => "You are not in this room.",
            _ => return Ok(()),
        };
        Err(ApiError::forbidden(refusal))
    }

    /// Names a member who could invite, where being in another room allows to join.
    /// [spec](https://spec.matrix.org/v1.19/client-server-api/#restricted-rooms)
    fn authorise_restricted(
        &self,
        txn: &Txn<'_>,
        old: Option<Membership>,
        content: &mut Value,
    ) -> ApiResult<()> {
        let summary = txn.head.summary();
        let restricted = matches!(
            summary.join_rule.as_deref(),
            Some("restricted" | "knock_restricted")
        );
        if !restricted || matches!(old, Some(Membership::Join | Membership::Invite)) {
            return Ok(());
        }
        let interner = txn.rooms.storage().interner();
        let Some(user) = interner.find_user(&self.user)? else {
            return Ok(());
        };
        for room in &summary.allowed_rooms {
            let Ok(room) = <&RoomId>::try_from(room.as_str()) else {
                continue;
            };
            let Some(room) = interner.find_room(room)? else {
                continue;
            };
            let row = tables::USER_ROOM.get(txn.snapshot, (user, room))?;
            if row.is_some_and(|row| row.membership == Membership::Join) {
                if let Some(inviter) = txn.local_inviter()? {
                    content["join_authorised_via_users_server"] = inviter.as_str().into();
                }
                return Ok(());
            }
        }
        Err(ApiError::forbidden(
            "To join this room you have to be in one of the rooms that it is open to.",
        ))
    }
}

impl Txn<'_> {
    /// The membership of a user as this change leaves it.
    pub fn membership(&self, user: &UserId) -> ApiResult<Option<Membership>> {
        let event = self.state("m.room.member", user.as_str())?;
        Ok(event.and_then(|event| super::project::membership_of(&event)))
    }

    /// The content of a member event with the profile of a local user.
    pub fn member_content(&self, _user: &UserId, membership: &str) -> ApiResult<Value> {
        let content = json!({ "membership": membership });
        Ok(content)
    }

    /// A member of this server who may invite.
    fn local_inviter(&self) -> ApiResult<Option<OwnedUserId>> {
        let levels = self.power_levels()?;
        let interner = self.rooms.storage().interner();
        for row in tables::MEMBER.scan(self.snapshot, (self.room, Membership::Join))? {
            let ((_, _, user), _) = row?;
            let user = interner.user_id(user)?;
            if user.server_name() == self.rooms.server_name()
                && power::check(&levels, &user, &Action::Invite).is_ok()
            {
                return Ok(Some(user));
            }
        }
        Ok(None)
    }
}

/// Users who share a joined room with a user, the user not among them.
pub fn sharing_a_room(
    snapshot: &crate::storage::Snapshot<'_>,
    user: UserNid,
) -> crate::storage::Result<roaring::RoaringBitmap> {
    let mut sharing = roaring::RoaringBitmap::new();
    for row in tables::USER_ROOM.scan(snapshot, (user,))? {
        let ((_, room), row) = row?;
        if row.membership != Membership::Join {
            continue;
        }
        for member in tables::MEMBER.scan(snapshot, (room, Membership::Join))? {
            sharing.insert(member?.0.2.0);
        }
    }
    sharing.remove(user.0);
    Ok(sharing)
}
