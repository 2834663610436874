//! One chat per person.
//!
//! What makes a room somebody's direct chat is account data, which comes back with a later sync. Until then the SDK
//! would make a second one, and it forgets to note one at all when a sync is faster than the answer to the join.

use std::{sync::Arc, time::Duration};

use matrix_sdk::{
    Client, Room,
    ruma::{OwnedUserId, UserId, events::direct::DirectEventContent},
};
use tokio::sync::Mutex;

use crate::bridge::trouble::Trouble;

/// How long to wait until a new chat has come back with a sync.
const SYNC: Duration = Duration::from_secs(10);

/// Finds, makes and enters direct chats, one at a time.
#[derive(Clone)]
pub(super) struct DirectChats {
    client: Client,
    turn: Arc<Mutex<()>>,
}

impl DirectChats {
    pub(super) fn new(client: Client) -> Self {
        Self {
            client,
            turn: Arc::default(),
        }
    }

    /// The chat with somebody: the existing one, the one they invite to, otherwise a new one.
    pub(super) async fn with(&self, user: &UserId) -> Result<Room, Trouble> {
        let _turn = self.turn.lock().await;
        if let Some(room) = self.client.get_dm_room(user) {
            return Ok(room);
        }
        let room = match self.invitation_from(user).await {
            Some(room) => {
                room.join().await?;
                room
            }
            None => self.client.create_dm(user).await?,
        };
        self.note(&room, user).await?;
        Ok(room)
    }

    /// Accepts an invitation, and remembers whose chat it is.
    pub(super) async fn accept(&self, room: &Room) -> Result<(), Trouble> {
        let _turn = self.turn.lock().await;
        // Only an invitation says so.
        let inviter = match room.compute_is_dm().await {
            Ok(true) => inviter(room).await,
            _ => None,
        };
        room.join().await?;
        if let Some(inviter) = inviter
            && let Err(trouble) = self.note(room, &inviter).await
        {
            tracing::warn!(?trouble, "a direct chat is shown as a group");
        }
        Ok(())
    }

    async fn invitation_from(&self, user: &UserId) -> Option<Room> {
        for room in self.client.invited_rooms() {
            if inviter(&room).await.as_deref() == Some(user)
                && room.compute_is_dm().await.unwrap_or(false)
            {
                return Some(room);
            }
        }
        None
    }

    /// Makes sure that the server knows whose chat this is, and that the SDK has heard of it.
    async fn note(&self, room: &Room, user: &UserId) -> Result<(), Trouble> {
        let account = self.client.account();
        let known = account
            .fetch_account_data_static::<DirectEventContent>()
            .await?;
        let known = match known {
            Some(known) => known.deserialize().map_err(matrix_sdk::Error::from)?,
            None => DirectEventContent::default(),
        };
        let is_known = known.iter().any(|(known, rooms)| {
            known.as_str() == user && rooms.iter().any(|id| id == room.room_id())
        });
        if !is_known {
            account
                .mark_as_dm(room.room_id(), &[user.to_owned()])
                .await?;
        }
        let mut changes = room.subscribe_info();
        let heard =
            async { while room.direct_targets().is_empty() && changes.next().await.is_some() {} };
        if tokio::time::timeout(SYNC, heard).await.is_err() {
            tracing::info!("a direct chat has not come back with a sync yet");
        }
        Ok(())
    }
}

async fn inviter(room: &Room) -> Option<OwnedUserId> {
    let details = room.invite_details().await.ok()?;
    Some(details.inviter?.user_id().to_owned())
}
