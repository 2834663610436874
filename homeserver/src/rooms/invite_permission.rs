//! Refuses invitations that the invited do not want.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#invite-permission)

use http::StatusCode;
use ruma::{UserId, events::TimelineEventType};

use super::{Rooms, blocking, project::membership_in, rows::Membership};
use crate::{
    account_data::{IgnoredUsers, InvitePermission, InviteVerdict},
    error::{ApiError, ApiResult},
    events::Pdu,
    ids::UserNid,
    storage::{Result, Snapshot},
};

impl Rooms {
    /// Refuses an invitation of another server to a user of this one who does not want it, or to a blocked room.
    pub async fn check_invitation(&self, invitation: &Pdu) -> ApiResult<()> {
        let pdu = invitation.clone();
        self.read(move |rooms, snapshot| {
            blocking::require_open(rooms, snapshot, pdu.room_id(), pdu.sender())?;
            check(rooms, snapshot, &pdu)
        })
        .await
    }
}

/// Refuses an event that invites a user of this server who does not want that.
pub(super) fn check(rooms: &Rooms, snapshot: &Snapshot<'_>, pdu: &Pdu) -> ApiResult<()> {
    let Some(Ok(invited)) = pdu.state_key().map(<&UserId>::try_from) else {
        return Ok(());
    };
    if *pdu.event_type() != TimelineEventType::RoomMember
        || invited.server_name() != rooms.server_name()
        || membership_in(pdu) != Some(Membership::Invite)
    {
        return Ok(());
    }
    let Some(user) = rooms.storage().interner().find_user(invited)? else {
        return Ok(());
    };
    match InvitePermission::of(snapshot, user)?.judge(pdu.sender()) {
        InviteVerdict::Allow | InviteVerdict::Ignore => Ok(()),
        InviteVerdict::Block { errcode } => Err(ApiError::with_code(
            StatusCode::FORBIDDEN,
            errcode,
            "This user does not want to be invited.",
        )),
    }
}

/// Which invitations a user is shown by a sync.
pub struct ShownInvites {
    permission: InvitePermission,
    ignored: IgnoredUsers,
}

impl ShownInvites {
    /// The wishes of a user as of a snapshot.
    pub fn of(snapshot: &Snapshot<'_>, user: UserNid, user_id: &UserId) -> Result<Self> {
        Ok(Self {
            permission: InvitePermission::of(snapshot, user)?,
            ignored: IgnoredUsers::of(snapshot, user, user_id)?,
        })
    }

    /// Whether an invitation by somebody is shown.
    pub fn takes(&self, inviter: &UserId) -> bool {
        !self.ignored.has(inviter) && self.permission.judge(inviter) == InviteVerdict::Allow
    }
}
