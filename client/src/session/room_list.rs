//! Follows the list of rooms.

use std::{collections::HashMap, mem, sync::Arc};

use eyeball_im::VectorDiff;
use futures_util::{Stream, StreamExt};
use imbl::Vector;
use matrix_sdk::{
    Client, Room,
    ruma::{OwnedRoomId, OwnedUserId, events::typing::SyncTypingEvent},
};
use matrix_sdk_ui::room_list_service::{
    RoomList, RoomListItem, RoomListLoadingState, RoomListService,
    filters::{
        new_filter_all, new_filter_deduplicate_versions, new_filter_non_left, new_filter_not,
        new_filter_space,
    },
};
use tokio::{sync::mpsc, task::JoinSet};

use super::{coming::Coming, outbox::Outbox, room_row::room_row, unread::Unread};
use crate::{
    bridge::update::Update,
    render::names,
    rows::{Preview, RoomRow},
};

/// More rooms than anybody is in: the list is never cut.
const ALL_ROOMS: usize = 100_000;

/// Rows that are made and shown together: what is first in the list does not wait for the rest.
const PORTION: usize = 60;

/// What changes together.
type Diffs = Vec<VectorDiff<RoomListItem>>;

/// A row must be made again although the SDK's list has not changed.
#[derive(Debug)]
pub(super) enum Nudge {
    /// The draft has changed.
    Draft(OwnedRoomId),
    /// These people are typing there.
    Typing(OwnedRoomId, Vec<OwnedUserId>),
    /// All that is there was read here. The server tells it to everybody, this computer too, but only with the next sync.
    Read(OwnedRoomId),
    /// This was said there last, before the reader came.
    Said(OwnedRoomId, Preview),
}

/// Sends the room list and its changes for as long as the session lives.
pub(super) async fn watch(
    service: Arc<RoomListService>,
    nudges: mpsc::UnboundedReceiver<Nudge>,
    outbox: Outbox,
) {
    let list = match service.all_rooms().await {
        Ok(list) => list,
        Err(error) => {
            tracing::error!(%error, "there is no room list");
            return;
        }
    };
    let loading = list.loading_state();
    let (changes, coming) = mpsc::unbounded_channel();
    // A task of its own: each time the SDK's list is asked in vain it notes one more to be woken, and forgets none.
    let mut taking = JoinSet::new();
    taking.spawn(take(list, changes));
    let rooms = Rooms {
        service,
        rooms: Vector::new(),
        typing: HashMap::new(),
        unread: Unread::default(),
        said: HashMap::new(),
        outbox,
    };
    rooms.follow(coming, loading, nudges).await;
}

/// Takes the changes as they come. Making rows takes longer, and the SDK forgets what nobody has taken in time.
async fn take(list: RoomList, changes: mpsc::UnboundedSender<Diffs>) {
    let (diffs, controller) = list.entries_with_dynamic_adapters(ALL_ROOMS);
    controller.set_filter(Box::new(new_filter_all(vec![
        Box::new(new_filter_non_left()),
        Box::new(new_filter_not(Box::new(new_filter_space()))),
        Box::new(new_filter_deduplicate_versions()),
    ])));
    futures_util::pin_mut!(diffs);
    while let Some(diffs) = diffs.next().await {
        if changes.send(diffs).is_err() {
            return;
        }
    }
}

/// Reports who is typing where as nudges.
pub(super) fn watch_typing(client: &Client, nudges: mpsc::UnboundedSender<Nudge>) {
    let own = client.user_id().map(ToOwned::to_owned);
    client.add_event_handler(move |event: SyncTypingEvent, room: Room| {
        let people = event
            .content
            .user_ids
            .into_iter()
            .filter(|user| Some(user) != own.as_ref())
            .collect();
        let sent = nudges.send(Nudge::Typing(room.room_id().to_owned(), people));
        async move {
            if sent.is_err() {
                tracing::debug!("somebody typed after the room list had ended");
            }
        }
    });
}

struct Rooms {
    service: Arc<RoomListService>,
    rooms: Vector<Room>,
    typing: HashMap<OwnedRoomId, Vec<String>>,
    unread: Unread,
    /// What was said last where the reader's coming is the newest.
    said: HashMap<OwnedRoomId, Preview>,
    outbox: Outbox,
}

impl Rooms {
    async fn follow(
        mut self,
        mut diffs: mpsc::UnboundedReceiver<Diffs>,
        mut loading: impl Stream<Item = RoomListLoadingState> + Unpin,
        mut nudges: mpsc::UnboundedReceiver<Nudge>,
    ) {
        let mut complete = false;
        let mut coming = Coming::new(self.service.client(), self.outbox.clone());
        loop {
            tokio::select! {
                diffs = diffs.recv() => match diffs {
                    Some(diffs) => {
                        self.apply_all(diffs).await;
                        coming.tell().await;
                    }
                    None => return,
                },
                Some(nudge) = nudges.recv() => self.nudge(nudge).await,
                Some(state) = loading.next(), if !complete => {
                    if let RoomListLoadingState::Loaded { maximum_number_of_rooms: all } = state {
                        complete = true;
                        self.outbox.send(Update::RoomsComplete).await;
                        coming.expect(all).await;
                    }
                }
                () = coming.is_late() => coming.pause().await,
            }
        }
    }

    async fn apply_all(&mut self, diffs: Vec<VectorDiff<RoomListItem>>) {
        let mut rows = Vec::new();
        let mut made = 0;
        for diff in diffs.into_iter().flat_map(apart) {
            let diff = diff.map(RoomListItem::into_inner);
            if let VectorDiff::Append { values } | VectorDiff::Reset { values } = &diff {
                made += values.len();
            }
            rows.push(self.row_diff(diff.clone()).await);
            diff.apply(&mut self.rooms);
            if made >= PORTION {
                made = 0;
                self.outbox.send(Update::Rooms(mem::take(&mut rows))).await;
            }
        }
        if !rows.is_empty() {
            self.outbox.send(Update::Rooms(rows)).await;
        }
    }

    async fn row_diff(&mut self, diff: VectorDiff<Room>) -> VectorDiff<Arc<RoomRow>> {
        match diff {
            VectorDiff::Append { values } => VectorDiff::Append {
                values: self.rows(values).await,
            },
            VectorDiff::Reset { values } => VectorDiff::Reset {
                values: self.rows(values).await,
            },
            VectorDiff::PushFront { value } => VectorDiff::PushFront {
                value: self.row(&value).await,
            },
            VectorDiff::PushBack { value } => VectorDiff::PushBack {
                value: self.row(&value).await,
            },
            VectorDiff::Insert { index, value } => VectorDiff::Insert {
                index,
                value: self.row(&value).await,
            },
            VectorDiff::Set { index, value } => VectorDiff::Set {
                index,
                value: self.row(&value).await,
            },
            VectorDiff::Clear => VectorDiff::Clear,
            VectorDiff::PopFront => VectorDiff::PopFront,
            VectorDiff::PopBack => VectorDiff::PopBack,
            VectorDiff::Remove { index } => VectorDiff::Remove { index },
            VectorDiff::Truncate { length } => VectorDiff::Truncate { length },
        }
    }

    async fn rows(&mut self, rooms: Vector<Room>) -> Vector<Arc<RoomRow>> {
        let mut rows = Vector::new();
        for room in &rooms {
            rows.push_back(self.row(room).await);
        }
        rows
    }

    async fn row(&mut self, room: &Room) -> Arc<RoomRow> {
        let typing = self.typing.get(room.room_id()).cloned().unwrap_or_default();
        let mut row = room_row(room, typing).await;
        self.unread.number(room, &mut row);
        if row.has_only_entered()
            && let Some(said) = self.said.get(room.room_id())
        {
            row.preview = Some(said.clone());
        }
        Arc::new(row)
    }

    async fn nudge(&mut self, nudge: Nudge) {
        let id = match &nudge {
            Nudge::Draft(id) | Nudge::Typing(id, _) | Nudge::Read(id) | Nudge::Said(id, _) => {
                id.clone()
            }
        };
        let Some(index) = self.rooms.iter().position(|room| room.room_id() == id) else {
            return;
        };
        let room = self.rooms[index].clone();
        if matches!(nudge, Nudge::Read(_)) && !self.unread.read(&room) {
            return;
        }
        match nudge {
            Nudge::Typing(id, people) => {
                let names = names_of(&room, &people).await;
                let before = if names.is_empty() {
                    self.typing.remove(&id)
                } else {
                    self.typing.insert(id, names.clone())
                };
                if before.unwrap_or_default() == names {
                    return;
                }
            }
            Nudge::Said(id, said) => drop(self.said.insert(id, said)),
            Nudge::Draft(_) | Nudge::Read(_) => {}
        }
        let value = self.row(&room).await;
        self.outbox
            .send(Update::Rooms(vec![VectorDiff::Set { index, value }]))
            .await;
    }
}

/// The same change in portions, if it brings many rooms.
fn apart<T: Clone>(diff: VectorDiff<T>) -> Vec<VectorDiff<T>> {
    let (mut values, is_reset) = match diff {
        VectorDiff::Append { values } => (values, false),
        VectorDiff::Reset { values } => (values, true),
        other => return vec![other],
    };
    let mut parts = Vec::new();
    loop {
        let rest = values.split_off(values.len().min(PORTION));
        parts.push(match is_reset && parts.is_empty() {
            true => VectorDiff::Reset { values },
            false => VectorDiff::Append { values },
        });
        if rest.is_empty() {
            return parts;
        }
        values = rest;
    }
}

/// The names of some people in a room, as far as they are known here.
pub(super) async fn names_of(room: &Room, people: &[OwnedUserId]) -> Vec<String> {
    let mut names = Vec::with_capacity(people.len());
    for user in people {
        let member = room.get_member_no_sync(user).await.ok().flatten();
        names.push(member.map_or_else(
            || user.localpart().to_owned(),
            |member| names::person(member.name(), user.as_str()),
        ));
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_rooms_come_in_portions_and_in_their_order() {
        let rooms: Vector<usize> = (0..150).collect();
        for (diff, before) in [
            (
                VectorDiff::Reset {
                    values: rooms.clone(),
                },
                7,
            ),
            (
                VectorDiff::Append {
                    values: rooms.clone(),
                },
                0,
            ),
        ] {
            let parts = apart(diff);
            assert_eq!(parts.len(), 3);
            let mut shown: Vector<usize> = (0..before).collect();
            for part in parts {
                part.apply(&mut shown);
            }
            assert_eq!(shown, rooms);
        }
        assert_eq!(apart(VectorDiff::PushBack { value: 1 }).len(), 1);
    }
}
