//! The names of those whose messages are shown. The SDK knows the people of whom the sync has told; whoever wrote long ago
//! in a large room is asked for one by one, and once.

use std::collections::BTreeSet;

use futures_util::{StreamExt, stream};
use matrix_sdk::{
    Room,
    ruma::{
        OwnedUserId,
        api::{client::state::get_state_event_for_key, error::ErrorKind},
        events::{StateEventType, room::member::RoomMemberEventContent},
    },
};
use matrix_sdk_ui::timeline::Profile;
use tokio::sync::mpsc;

use super::Task;
use crate::rows::timeline::People;

/// Requests at the same time.
const AT_ONCE: usize = 4;

/// Who each is; `None` where the server could not be asked.
type Answers = Vec<(OwnedUserId, Option<Profile>)>;

/// Asks who the senders are.
pub(super) struct Senders {
    asking: mpsc::UnboundedSender<BTreeSet<OwnedUserId>>,
    answers: mpsc::UnboundedReceiver<Answers>,
    asked: BTreeSet<OwnedUserId>,
}

impl Senders {
    pub(super) fn new(room: &Room) -> Self {
        let (asking, asked) = mpsc::unbounded_channel();
        let (answering, answers) = mpsc::unbounded_channel();
        tokio::spawn(look_up(room.clone(), asked, answering));
        Self {
            asking,
            answers,
            asked: BTreeSet::new(),
        }
    }

    /// Those who were found next; waits for ever when nobody is asked for.
    pub(super) async fn found(&mut self) -> People {
        let Some(answers) = self.answers.recv().await else {
            return std::future::pending().await;
        };
        let mut found = People::new();
        for (user, profile) in answers {
            match profile {
                Some(profile) => drop(found.insert(user, profile)),
                // When the messages change next.
                None => drop(self.asked.remove(&user)),
            }
        }
        found
    }
}

impl Task {
    /// Asks for the names of senders that are shown without one.
    pub(super) fn ask_for_names(&mut self) {
        let Some(rows) = self.rows.shown() else {
            return;
        };
        let mut nameless = rows.nameless();
        nameless.retain(|user| self.senders.asked.insert(user.clone()));
        // The other end is there as long as this one.
        if !nameless.is_empty() && self.senders.asking.send(nameless).is_err() {
            tracing::warn!("nobody asks for the names of senders");
        }
    }
}

/// Ends with the room.
async fn look_up(
    room: Room,
    mut asked: mpsc::UnboundedReceiver<BTreeSet<OwnedUserId>>,
    answering: mpsc::UnboundedSender<Answers>,
) {
    while let Some(users) = asked.recv().await {
        let profiles = users.into_iter().map(async |user| {
            let profile = profile(&room, &user).await;
            (user, profile)
        });
        let answers = stream::iter(profiles).buffer_unordered(AT_ONCE);
        if answering.send(answers.collect().await).is_err() {
            return;
        }
    }
}

/// Who somebody is in the room: they may have left it.
async fn profile(room: &Room, user: &OwnedUserId) -> Option<Profile> {
    if let Ok(Some(member)) = room.get_member_no_sync(user).await {
        return Some(Profile {
            display_name: member.display_name().map(ToOwned::to_owned),
            display_name_ambiguous: member.name_ambiguous(),
            avatar_url: member.avatar_url().map(ToOwned::to_owned),
        });
    }
    let request = get_state_event_for_key::v3::Request::new(
        room.room_id().to_owned(),
        StateEventType::RoomMember,
        user.to_string(),
    );
    let content = match room.client().send(request).await {
        Ok(answer) => answer.into_content(),
        Err(error) => {
            tracing::info!(%error, "the server does not tell the name of a sender");
            return match error.client_api_error_kind() {
                None | Some(ErrorKind::LimitExceeded(_)) => None,
                // It has answered and will not answer anything else.
                Some(_) => Some(Profile::default()),
            };
        }
    };
    let member = content.deserialize_as_unchecked::<RoomMemberEventContent>();
    Some(member.map_or_else(
        |_| Profile::default(),
        |member| Profile {
            display_name: member.displayname,
            display_name_ambiguous: false,
            avatar_url: member.avatar_url,
        },
    ))
}
