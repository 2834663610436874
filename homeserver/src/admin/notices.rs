//! Messages of the server to its users.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#server-notices)
//!
//! An account of the server's own writes them, into one room for each user. The user is invited, cannot reject the
//! invitation, and may leave afterwards; the next notice invites them again.

use http::StatusCode;
use ruma::{
    OwnedEventId, OwnedRoomId, OwnedUserId, UserId,
    api::{
        client::room::create_room::v3::{Request, RoomPreset},
        error::ErrorKind,
    },
    events::TimelineEventType,
    serde::Raw,
};
use serde_json::{Value, json};

use super::Admin;
use crate::{
    ApiError, ApiResult,
    ids::{RoomNid, UserNid},
    rooms::{
        draft,
        membership::{MembershipChange, Step},
        rows::Membership,
        send::Transaction,
    },
    storage::{Commit, tables},
    users::{Account, NewAccount},
};

/// The tag by which clients know the room.
const TAG: &str = "m.server_notice";
/// The power of the user in it: they may read.
const POWER_OF_READERS: i64 = -10;

/// One notice is sent at a time, so that nobody gets two rooms.
#[derive(Default)]
pub(super) struct Notices {
    turn: tokio::sync::Mutex<()>,
}

/// A message of the server.
#[derive(Clone, Debug)]
pub struct Notice {
    /// Its type, usually `m.room.message`.
    pub event_type: TimelineEventType,
    /// The state key, for an event of state.
    pub state_key: Option<String>,
    /// What it says.
    pub content: Value,
}

impl Admin {
    /// Sends a notice to a user of this server.
    pub async fn send_notice(
        &self,
        user: &Account,
        notice: Notice,
        transaction: Option<Transaction>,
    ) -> ApiResult<OwnedEventId> {
        let _turn = self.inner.notices.turn.lock().await;
        let sender = self.notices_user().await?;
        if sender == user.user_id {
            return Err(ApiError::invalid_param(
                "The user who sends the notices gets none.",
            ));
        }
        let room = self.notice_room(&sender, user).await?;
        self.invite_to_notices(&sender, room, user).await?;
        let now = self.inner.rooms.clock().now();
        let Notice {
            event_type,
            state_key,
            content,
        } = notice;
        let draft = match &state_key {
            Some(key) => draft::state(&sender, event_type, key, &content, now)?,
            None => draft::message(&sender, event_type, &content, now)?,
        };
        self.inner.rooms.send(room, draft, transaction).await
    }

    /// Refuses if no account is configured to send notices.
    pub fn check_notices_enabled(&self) -> ApiResult {
        match self.inner.config.localpart {
            Some(_) => Ok(()),
            None => Err(not_enabled()),
        }
    }

    /// The account that sends the notices, made when it is first needed.
    async fn notices_user(&self) -> ApiResult<OwnedUserId> {
        let config = &self.inner.config;
        let Some(localpart) = &config.localpart else {
            return Err(not_enabled());
        };
        let server_name = self.inner.users.server_name();
        let user_id =
            UserId::parse(format!("@{localpart}:{server_name}")).map_err(ApiError::internal)?;
        let account = self.inner.users.account(&user_id).await?;
        if account
            .as_ref()
            .is_some_and(|account| account.row.password.is_some())
        {
            return Err(ApiError::forbidden(format!(
                "{user_id} belongs to somebody, so it cannot send the notices of the server: set server_notices.localpart in the configuration."
            )));
        }
        if account.is_none() {
            let new = NewAccount {
                user_id: user_id.clone(),
                password: None,
                admin: false,
                display_name: Some(config.display_name.clone()),
                registration_token: None,
                accepted_terms: Vec::new(),
            };
            self.inner.users.create_account(new, None).await?;
        }
        if let (Some(avatar), Some(account)) =
            (&config.avatar, self.inner.users.account(&user_id).await?)
        {
            let (user, avatar) = (account.user, avatar.as_str().into());
            let users = &self.inner.users;
            users.set_profile_field(user, "avatar_url", avatar).await?;
        }
        Ok(user_id)
    }

    /// The room of a user, made when it is first needed.
    async fn notice_room(&self, sender: &UserId, user: &Account) -> ApiResult<RoomNid> {
        let nid: UserNid = user.user;
        let rooms = &self.inner.rooms;
        let known = rooms
            .read(move |_, snapshot| Ok(tables::NOTICE_ROOM.get(snapshot, nid)?))
            .await?;
        // An administrator may have deleted it, or taken the sender out of it.
        if let Some(room) = known {
            let row = rooms.user_room(sender, room)?;
            if row.is_some_and(|row| row.membership == Membership::Join) {
                return Ok(room);
            }
        }
        let version = self.inner.room_version.clone();
        let request = self.room_request()?;
        let room_id: OwnedRoomId = rooms.create(sender.to_owned(), request, version).await?;
        let room = rooms.find(&room_id)?;
        let commit = Commit::silent(move |batch| tables::NOTICE_ROOM.put(batch, nid, &room));
        rooms.storage().commit(commit).await?;
        Ok(room)
    }

    fn room_request(&self) -> ApiResult<Request> {
        let config = &self.inner.config;
        let mut request = Request::new();
        request.preset = Some(RoomPreset::PrivateChat);
        request.name = Some(config.room_name.clone());
        let levels = json!({ "users_default": POWER_OF_READERS });
        let levels = Raw::new(&levels).map_err(ApiError::internal)?;
        request.power_level_content_override = Some(levels.cast_unchecked());
        if let Some(avatar) = &config.avatar {
            let event = json!({ "type": "m.room.avatar", "content": { "url": avatar } });
            let event = Raw::new(&event).map_err(ApiError::internal)?;
            request.initial_state.push(event.cast_unchecked());
        }
        Ok(request)
    }

    async fn invite_to_notices(&self, sender: &UserId, room: RoomNid, user: &Account) -> ApiResult {
        let rooms = &self.inner.rooms;
        let row = rooms.user_room(&user.user_id, room)?;
        match row.map(|row| row.membership) {
            Some(Membership::Join | Membership::Invite) => return Ok(()),
            Some(Membership::Ban) => {
                return Err(ApiError::new(
                    StatusCode::CONFLICT,
                    ErrorKind::Unknown,
                    "The user is banned from their room of notices.",
                ));
            }
            _ => {}
        }
        let room_id = rooms.room_id(room)?;
        let tags = &self.inner.account_data;
        // Before the invitation, so that no client ever shows it as an ordinary one.
        tags.set_tag(user.user, &room_id, TAG.to_owned(), json!({}))
            .await?;
        let step = Step::Invite { is_direct: false };
        let invitation = MembershipChange::of(sender, &user.user_id, step, None);
        rooms.change_membership(room, invitation).await
    }
}

fn not_enabled() -> ApiError {
    ApiError::bad_request(
        ErrorKind::Unknown,
        "Server notices are not enabled: set server_notices.localpart in the configuration.",
    )
}
