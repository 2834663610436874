//! Joining, leaving, inviting, knocking, kicking and banning.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#room-membership)

use ruma::{
    OwnedRoomId, OwnedUserId, RoomId, UserId, api::error::ErrorKind, events::TimelineEventType,
    serde::JsonObject,
};
use serde_json::{Value, json};

use super::{
    Rooms, draft, profile, refusal, restricted,
    rows::{Membership, UserRoomRow},
    txn::Txn,
};
use crate::{
    error::{ApiError, ApiResult},
    ids::{RoomNid, UserNid},
    storage::{self, Change, Commit, Snapshot, tables},
    users::profile_of,
};

/// A step in somebody's membership.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Enter.
    Join,
    /// Leave, decline an invitation, or take back a knock.
    Leave,
    /// Ask to be let in.
    Knock,
    /// Invite somebody.
    Invite {
        /// Whether it is to a direct chat.
        is_direct: bool,
    },
    /// Remove somebody.
    Kick,
    /// Remove somebody for good.
    Ban,
    /// Lift a ban.
    Unban,
}

impl Step {
    pub(super) fn membership(self) -> Membership {
        match self {
            Self::Join => Membership::Join,
            Self::Leave | Self::Kick | Self::Unban => Membership::Leave,
            Self::Knock => Membership::Knock,
            Self::Invite { .. } => Membership::Invite,
            Self::Ban => Membership::Ban,
        }
    }

    /// Refusals whose reason the authorisation rules would not tell.
    pub(super) fn check(self, old: Option<Membership>) -> ApiResult<()> {
        use Membership::{Ban, Invite, Join, Knock};
        let refusal = match (self, old) {
            (Self::Join | Self::Knock | Self::Leave, Some(Ban)) => "You are banned from this room.",
            (Self::Knock, Some(Join)) => "You are already in this room.",
            (Self::Knock, Some(Invite)) => "You are invited to this room: join it.",
            (Self::Leave, None) => "You are not in this room.",
            (Self::Invite { .. }, Some(Join)) => "The user is already in the room.",
            (Self::Invite { .. }, Some(Ban)) => {
                "The user is banned from the room: unban them first."
            }
            (Self::Kick, Some(Join | Invite | Knock)) => return Ok(()),
            (Self::Kick, _) => "The user is not in the room.",
            (Self::Unban, old) if old != Some(Ban) => {
                let message = "The user is not banned from the room.";
                return Err(ApiError::new(
                    http::StatusCode::FORBIDDEN,
                    ErrorKind::BadState,
                    message,
                ));
            }
            _ => return Ok(()),
        };
        Err(ApiError::forbidden(refusal))
    }

    /// Whether nothing is left to do.
    fn is_done(self, old: Option<Membership>) -> bool {
        matches!(self, Self::Join | Self::Leave | Self::Knock) && old == Some(self.membership())
    }
}

/// How a user's membership is to change.
pub struct MembershipChange {
    /// Who changes it.
    pub sender: OwnedUserId,
    /// Whose membership it is.
    pub user: OwnedUserId,
    /// What is to be done.
    pub step: Step,
    /// The reason given.
    pub reason: Option<String>,
    /// What the user's client adds to the event.
    pub more: JsonObject,
}

impl MembershipChange {
    /// A change somebody makes of their own membership.
    pub fn own(user: &UserId, step: Step, reason: Option<String>) -> Self {
        Self::of(user, user, step, reason)
    }

    /// A change somebody makes of another user's membership.
    pub fn of(sender: &UserId, user: &UserId, step: Step, reason: Option<String>) -> Self {
        Self {
            sender: sender.to_owned(),
            user: user.to_owned(),
            step,
            reason,
            more: JsonObject::new(),
        }
    }

    pub(super) fn apply(&self, txn: &mut Txn<'_>) -> ApiResult<()> {
        let old = txn.membership(&self.user)?;
        if self.step.is_done(old) {
            return Ok(());
        }
        if self.sender != self.user && txn.membership(&self.sender)? != Some(Membership::Join) {
            return Err(refusal::not_joined());
        }
        if self.step == Step::Leave && old == Some(Membership::Invite) {
            check_rejection(txn, &self.user)?;
        }
        self.step.check(old)?;
        let content = self.content(txn, old)?;
        // Whoever is invited or banned once more in the same words is so already.
        txn.append_state(&draft::state(
            &self.sender,
            TimelineEventType::RoomMember,
            self.user.as_str(),
            &content,
            txn.rooms.clock().now(),
        )?)?;
        Ok(())
    }

    fn content(&self, txn: &Txn<'_>, old: Option<Membership>) -> ApiResult<Value> {
        let membership = self.step.membership();
        let mut content = match membership {
            Membership::Leave | Membership::Ban => json!({ "membership": membership.as_str() }),
            _ => txn.member_content(&self.user, membership.as_str())?,
        };
        if let Value::Object(content) = &mut content {
            add(content, &self.more);
        }
        if let Some(reason) = &self.reason {
            content["reason"] = reason.as_str().into();
        }
        if self.step == (Step::Invite { is_direct: true }) {
            content["is_direct"] = true.into();
        }
        if self.step == Step::Join
            && let Some(member) = restricted::authorising_member(txn, &self.user, old)?
        {
            content["join_authorised_via_users_server"] = member.as_str().into();
        }
        Ok(content)
    }
}

/// Adds what a client says to the content of a member event. What is there already, and what this server decides, stays.
pub fn add(content: &mut JsonObject, more: &JsonObject) {
    const DECIDED: [&str; 7] = [
        "avatar_url",
        "displayname",
        "is_direct",
        "join_authorised_via_users_server",
        "membership",
        "third_party_invite",
        "third_party_signed",
    ];
    for (name, value) in more {
        if !DECIDED.contains(&name.as_str()) {
            content.entry(name).or_insert_with(|| value.clone());
        }
    }
}

/// Nobody can reject the invitation to the room in which the server talks to them.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#server-notices)
fn check_rejection(txn: &Txn<'_>, user: &UserId) -> ApiResult {
    // Administrators take everybody out of a room that they delete.
    if txn.rooms.is_closing(txn.room) {
        return Ok(());
    }
    let Some(user) = txn.rooms.storage().interner().find_user(user)? else {
        return Ok(());
    };
    if tables::NOTICE_ROOM.get(txn.snapshot, user)? != Some(txn.room) {
        return Ok(());
    }
    let account = tables::ACCOUNT.get(txn.snapshot, user)?;
    if account.is_some_and(|account| account.deactivated) {
        return Ok(());
    }
    Err(ApiError::new(
        http::StatusCode::FORBIDDEN,
        ErrorKind::CannotLeaveServerNoticeRoom,
        "This is the room in which the server talks to you: its invitation cannot be rejected.",
    ))
}

impl Rooms {
    /// Changes a membership in a room of this server. What is done already is not done again.
    pub async fn change_membership(
        &self,
        room: RoomNid,
        change: MembershipChange,
    ) -> ApiResult<()> {
        self.write_own(room, move |txn| change.apply(txn)).await
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
            _ => Err(refusal::not_joined()),
        }
    }

    /// The rooms in which a user has one of some memberships.
    pub fn rooms_of(
        &self,
        snapshot: &Snapshot<'_>,
        user: UserNid,
        memberships: &[Membership],
    ) -> storage::Result<Vec<RoomNid>> {
        let mut rooms = Vec::new();
        for row in tables::USER_ROOM.scan(snapshot, (user,))? {
            let ((_, room), row) = row?;
            if memberships.contains(&row.membership) {
                rooms.push(room);
            }
        }
        Ok(rooms)
    }

    /// The rooms a user is in.
    pub async fn joined_rooms(&self, user: UserNid) -> ApiResult<Vec<OwnedRoomId>> {
        self.read(move |rooms, snapshot| {
            let joined = rooms.rooms_of(snapshot, user, &[Membership::Join])?;
            let ids = joined.into_iter().map(|room| rooms.room_id(room));
            Ok(ids.collect::<storage::Result<_>>()?)
        })
        .await
    }

    /// Hides a room that the user has left.
    /// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidforget)
    pub async fn forget(&self, user: &UserId, room_id: &RoomId) -> ApiResult<()> {
        let user_id = user.to_owned();
        let user = self.storage().interner().user(user)?;
        let room = self.find(room_id)?;
        if self.forget_deleted(user, room).await? {
            return Ok(());
        }
        // Under the room's lock, so that an invitation that comes at the same time is not hidden.
        self.write(room, move |txn| {
            let room = txn.room;
            let Some(mut row) = tables::USER_ROOM.get(txn.snapshot, (user, room))? else {
                return Err(ApiError::not_found("You have never been in this room."));
            };
            if !matches!(
                txn.membership(&user_id)?,
                Some(Membership::Leave | Membership::Ban)
            ) {
                return Err(ApiError::bad_request(
                    ErrorKind::Unknown,
                    "Leave the room before forgetting it.",
                ));
            }
            row.forgotten = true;
            txn.head.waits = true;
            txn.write(move |batch, _| tables::USER_ROOM.put(batch, (user, room), &row));
            Ok(())
        })
        .await?;
        // Wakes the user's other devices.
        let commit = Commit::new(|_, _| {}).ephemeral();
        self.storage()
            .commit(commit.changing(Change::User(user)))
            .await?;
        Ok(())
    }
}

impl Txn<'_> {
    /// The membership of a user as this change leaves it.
    pub fn membership(&self, user: &UserId) -> ApiResult<Option<Membership>> {
        let event = self.state("m.room.member", user.as_str())?;
        Ok(event.and_then(|event| super::project::membership_of(&event)))
    }

    /// The content of a member event with the profile of a local user.
    pub fn member_content(&self, user: &UserId, membership: &str) -> ApiResult<Value> {
        let mut content = json!({ "membership": membership });
        if let Some(user) = self.rooms.storage().interner().find_user(user)? {
            profile::show_in(&mut content, &profile_of(self.snapshot, user)?);
        }
        Ok(content)
    }
}

/// Users who share a joined room with a user, the user not among them.
pub fn sharing_a_room(
    snapshot: &Snapshot<'_>,
    user: UserNid,
) -> storage::Result<roaring::RoaringBitmap> {
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
