//! What rooms are told of a user's account: their profile, and that it is closed.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#events-on-change-of-profile-information)

use futures::{StreamExt, stream};
use ruma::{UserId, events::TimelineEventType};
use serde_json::Value;

use super::{
    Rooms,
    membership::{MembershipChange, Step},
    rows::Membership,
    txn::Txn,
};
use crate::{
    error::{ApiError, ApiResult},
    ids::{RoomNid, UserNid},
    users::{Profile, profile_of},
};

/// Rooms that are told at once, so that their commits share an fsync and others still get their turn.
const ROOMS_AT_ONCE: usize = 16;

/// Puts a profile into the content of a member event.
pub(super) fn show_in(content: &mut Value, profile: &Profile) {
    let avatar_url = profile.avatar_url().map(|url| url.as_str());
    for (field, value) in [
        ("displayname", profile.display_name()),
        ("avatar_url", avatar_url),
    ] {
        match (value, content.as_object_mut()) {
            (Some(value), Some(content)) => {
                content.insert(field.to_owned(), value.into());
            }
            (None, Some(content)) => {
                content.remove(field);
            }
            (_, None) => {}
        }
    }
}

impl Rooms {
    /// Shows a user's present profile in every room they are in. A room that cannot be told keeps the old one, which the
    /// log says; the profile itself is changed all the same.
    pub async fn spread_profile(&self, user: UserNid) {
        self.in_rooms_of(user, &[Membership::Join], |rooms, room, user| async move {
            rooms
                .write_own(room, move |txn| txn.update_profile(&user))
                .await
        })
        .await;
    }

    /// Takes a user out of every room, and declines their invitations.
    pub async fn leave_all(&self, user: UserNid) {
        const MEMBERSHIPS: &[Membership] =
            &[Membership::Join, Membership::Invite, Membership::Knock];
        self.in_rooms_of(user, MEMBERSHIPS, |rooms, room, user| async move {
            let leave = MembershipChange::own(&user, Step::Leave, None);
            rooms.change_membership(room, leave).await
        })
        .await;
    }

    async fn in_rooms_of<Done>(
        &self,
        user: UserNid,
        memberships: &'static [Membership],
        act: impl Fn(Self, RoomNid, ruma::OwnedUserId) -> Done,
    ) where
        Done: Future<Output = ApiResult<()>>,
    {
        let found = self.read(move |rooms, snapshot| {
            let user_id = rooms.storage().interner().user_id(user)?;
            Ok((user_id, rooms.rooms_of(snapshot, user, memberships)?))
        });
        let (user_id, rooms) = match found.await {
            Ok(found) => found,
            Err(error) => {
                tracing::error!(%error, "the rooms of a user could not be found");
                return;
            }
        };
        let acts = rooms
            .into_iter()
            .map(|room| act(self.clone(), room, user_id.clone()));
        let mut acts = stream::iter(acts).buffer_unordered(ROOMS_AT_ONCE);
        while let Some(done) = acts.next().await {
            if let Err(error) = done {
                tracing::warn!(%error, user = %user_id, "a room could not be told of a change of an account");
            }
        }
    }
}

impl Txn<'_> {
    /// Shows a member's present profile.
    fn update_profile(&mut self, user_id: &UserId) -> ApiResult<()> {
        let Some(member) = self.state("m.room.member", user_id.as_str())? else {
            return Ok(());
        };
        // They may have left since the rooms were listed.
        if self.membership(user_id)? != Some(Membership::Join) {
            return Ok(());
        }
        let user = self.rooms.storage().interner().user(user_id)?;
        let before: Value = member.pdu.content_as().map_err(ApiError::internal)?;
        let mut content = before.clone();
        show_in(&mut content, &profile_of(self.snapshot, user)?);
        // The reason was for coming, and whoever authorised that need not do so again.
        if let Some(content) = content.as_object_mut() {
            content.remove("reason");
            content.remove("is_direct");
        }
        if content == before {
            return Ok(());
        }
        let kind = TimelineEventType::RoomMember;
        self.set_state(user_id, kind, user_id.as_str(), &content)?;
        Ok(())
    }
}
