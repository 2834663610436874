//! When the list of people of an open room is made and sent.

use std::{collections::BTreeMap, pin::Pin, time::Duration};

use matrix_sdk::{
    Room,
    ruma::{Int, OwnedUserId},
};
use tokio::time::{Sleep, sleep};

use super::{Task, members};
use crate::{
    bridge::{
        command::RequestId,
        trouble::Trouble,
        update::{Answer, TimelineUpdate, Update},
    },
    session::outbox::Outbox,
};

/// The list of the people of a large room is asked for again when something in it has changed, but not more often.
const PEOPLE_PAUSE: Duration = Duration::from_secs(5);

/// What the list of people was made of, but for names and pictures.
#[derive(Clone, PartialEq)]
pub(super) struct People {
    joined: u64,
    invited: u64,
    levels: BTreeMap<OwnedUserId, Int>,
}

impl People {
    async fn of(room: &Room) -> Self {
        Self {
            joined: room.joined_members_count(),
            invited: room.invited_members_count(),
            levels: room.power_levels_or_default().await.users,
        }
    }
}

impl Task {
    pub(super) fn load_members(&mut self, request: RequestId) {
        let first = !std::mem::replace(&mut self.with_members, true);
        let members = send_members(self.room.clone(), first, self.outbox.clone());
        self.outbox.answer_later(request, members);
    }

    /// Makes the list anew, if somebody looks at it, or soon.
    pub(super) async fn refresh_members(&mut self) {
        if !self.with_members {
            return;
        }
        if members::are_many(&self.room) {
            let now = People::of(&self.room).await;
            if self.people.replace(now.clone()) != Some(now) {
                self.members_changed();
            }
        } else {
            match members::known(&self.room).await {
                Ok(rows) => self.send(TimelineUpdate::Members(rows)).await,
                Err(error) => tracing::warn!(%error, "the members are not known"),
            }
        }
    }

    /// Somebody in a large room has come, gone, another name, or may do something else.
    pub(super) fn members_changed(&mut self) {
        if self.with_members && members::are_many(&self.room) && self.people_due.is_none() {
            self.people_due = Some(Box::pin(sleep(PEOPLE_PAUSE)));
        }
    }
}

/// Waits until something is due; for ever when nothing is.
pub(in crate::session) async fn over(due: &mut Option<Pin<Box<Sleep>>>) {
    match due {
        Some(due) => due.await,
        None => std::future::pending().await,
    }
}

/// Sends the list of people; of a large room first those who are known already, if nobody is shown yet.
pub(super) async fn send_members(
    room: Room,
    first: bool,
    outbox: Outbox,
) -> Result<Answer, Trouble> {
    let send = async |rows| {
        let update = TimelineUpdate::Members(rows);
        outbox
            .send(Update::Timeline(room.room_id().to_owned(), update))
            .await;
    };
    if first && members::are_many(&room) && !room.are_members_synced() {
        send(members::known(&room).await?).await;
    }
    send(members::all(&room).await?).await;
    Ok(Answer::Done)
}
