//! Threads that users subscribe to: MSC4306, and what clients learn of it beside a sync: MSC4308.
//! [MSC4306](https://github.com/matrix-org/matrix-spec-proposals/pull/4306),
//! [MSC4308](https://github.com/matrix-org/matrix-spec-proposals/pull/4308)
//!
//! One row says how a user stands to a thread and since when, another one finds it by that time. A user who has
//! unsubscribed keeps the row: what happened in the thread before is no reason to subscribe them again, and their other
//! clients hear of it.

use ruma::{
    EventId, OwnedEventId, OwnedRoomId, RoomId,
    api::{client::threads::get_thread_subscriptions_changes, error::ErrorKind},
};

use super::{Rooms, event::RoomEvent, look::Reader, rows::Place};
use crate::{
    error::{ApiError, ApiResult},
    ids::{RoomNid, StreamPos, UserNid},
    storage::{Batch, Change, Commit, Result, Snapshot, tables},
};

/// How a user stands to a thread, and since when.
pub type SubscriptionRow = (u8, StreamPos);

/// The answer of the endpoint that tells of changes; the section of a sync has the same parts.
pub type Changes = get_thread_subscriptions_changes::unstable::Response;

const UNSUBSCRIBED: u8 = 0;
const AUTOMATIC: u8 = 1;
const MANUAL: u8 = 2;

/// Bits of a bump stamp that hold the position; those above hold the life of the database, so that the stamps of a
/// restored one are above those that clients have seen.
const POSITION_BITS: u32 = 40;

/// A thread: its room and the event it begins with.
#[derive(Clone, Debug)]
pub struct Thread {
    /// The room.
    pub room_id: OwnedRoomId,
    /// The event it begins with.
    pub root: OwnedEventId,
}

impl Rooms {
    /// Whether a user is subscribed to a thread: if so, whether a client did it by itself.
    pub async fn thread_subscription(
        &self,
        user: UserNid,
        reader: Reader,
        thread: Thread,
    ) -> ApiResult<Option<bool>> {
        let found = self.look(reader, &thread.room_id, move |look| {
            look.event(&thread.root)?;
            let key = (look.room, &thread.root, user);
            let row = tables::THREAD_SUBSCRIPTION.get(look.snapshot(), key)?;
            Ok(row.filter(|(state, _)| *state != UNSUBSCRIBED))
        });
        Ok(found.await?.map(|(state, _)| state == AUTOMATIC))
    }

    /// Subscribes a user to a thread. `cause` is the event for which a client does so by itself.
    pub async fn subscribe_to_thread(
        &self,
        user: UserNid,
        reader: Reader,
        thread: Thread,
        cause: Option<OwnedEventId>,
    ) -> ApiResult {
        let _turn = self.turn_of(user).await;
        let wanted = if cause.is_some() { AUTOMATIC } else { MANUAL };
        let root = thread.root.clone();
        let (room, before) = self
            .look(reader, &thread.room_id, move |look| {
                look.event(&root)?;
                let key = (look.room, &root, user);
                let before = tables::THREAD_SUBSCRIPTION.get(look.snapshot(), key)?;
                if let Some(cause) = cause {
                    let cause = look.event(&cause)?;
                    if look.rooms.thread_of(look.snapshot, &cause)?.as_ref() != Some(&root) {
                        return Err(not_in_thread());
                    }
                    require_newer(&cause, before)?;
                }
                Ok((look.room, before))
            })
            .await?;
        match before {
            // What a user did by hand stays so.
            Some((state, _)) if state >= wanted => Ok(()),
            _ => {
                self.put_subscription(user, (room, thread.root), before, wanted)
                    .await
            }
        }
    }

    /// Ends a user's subscription to a thread, if there is one.
    pub async fn unsubscribe_from_thread(
        &self,
        user: UserNid,
        reader: Reader,
        thread: Thread,
    ) -> ApiResult {
        let _turn = self.turn_of(user).await;
        let root = thread.root.clone();
        let (room, before) = self
            .look(reader, &thread.room_id, move |look| {
                look.event(&root)?;
                let key = (look.room, &root, user);
                let before = tables::THREAD_SUBSCRIPTION.get(look.snapshot(), key)?;
                Ok((look.room, before))
            })
            .await?;
        match before {
            Some((state, _)) if state != UNSUBSCRIBED => {
                self.put_subscription(user, (room, thread.root), before, UNSUBSCRIBED)
                    .await
            }
            _ => Ok(()),
        }
    }

    async fn put_subscription(
        &self,
        user: UserNid,
        (room, root): (RoomNid, OwnedEventId),
        before: Option<SubscriptionRow>,
        state: u8,
    ) -> ApiResult {
        let commit = Commit::new(move |batch, pos| {
            if let Some((_, before)) = before {
                tables::THREAD_SUBSCRIPTION_CHANGE.delete(batch, (user, before));
            }
            tables::THREAD_SUBSCRIPTION.put(batch, (room, &root, user), &(state, pos));
            tables::THREAD_SUBSCRIPTION_CHANGE.put(batch, (user, pos), &(room, root));
        });
        self.storage()
            .commit(commit.changing(Change::User(user)))
            .await?;
        Ok(())
    }

    /// Who of this server is subscribed to a thread.
    pub fn thread_subscribers(
        &self,
        snapshot: &Snapshot<'_>,
        room: RoomNid,
        root: &EventId,
    ) -> Result<Vec<UserNid>> {
        let mut subscribers = Vec::new();
        let root = root.to_owned();
        for row in tables::THREAD_SUBSCRIPTION.scan(snapshot, (room, &root))? {
            let ((_, _, user), (state, _)) = row?;
            if state != UNSUBSCRIBED {
                subscribers.push(user);
            }
        }
        Ok(subscribers)
    }

    /// What changed in a user's subscriptions after `since` and not after `upto`: the newest changes, and where those
    /// begin that are left, if any are.
    pub fn subscription_changes(
        &self,
        snapshot: &Snapshot<'_>,
        user: UserNid,
        (since, upto): (StreamPos, StreamPos),
        limit: usize,
    ) -> Result<(Changes, Option<StreamPos>)> {
        let mut changes = Changes::new();
        let (from, to) = ((user, since.plus(1)), (user, upto.plus(1)));
        if from >= to {
            return Ok((changes, None));
        }
        let rows = tables::THREAD_SUBSCRIPTION_CHANGE.range_back(snapshot, from, to)?;
        for (told, row) in rows.enumerate() {
            let ((_, pos), (room, root)) = row?;
            if told >= limit {
                return Ok((changes, Some(pos)));
            }
            let row = tables::THREAD_SUBSCRIPTION.get(snapshot, (room, &root, user))?;
            let state = row.map_or(UNSUBSCRIBED, |(state, _)| state);
            self.add_change(&mut changes, &self.room_id(room)?, root, (state, pos));
        }
        Ok((changes, None))
    }

    fn add_change(
        &self,
        changes: &mut Changes,
        room_id: &RoomId,
        root: OwnedEventId,
        (state, pos): SubscriptionRow,
    ) {
        use get_thread_subscriptions_changes::unstable::{
            ThreadSubscription, ThreadUnsubscription,
        };
        let stamp = (u64::from(self.storage().epoch()) << POSITION_BITS) | pos.0;
        let stamp = stamp.try_into().unwrap_or_default();
        let room_id = room_id.to_owned();
        if state == UNSUBSCRIBED {
            let threads = changes.unsubscribed.entry(room_id).or_default();
            threads.insert(root, ThreadUnsubscription::new(stamp));
        } else {
            let threads = changes.subscribed.entry(room_id).or_default();
            threads.insert(root, ThreadSubscription::new(state == AUTOMATIC, stamp));
        }
    }

    /// Removes what a user subscribed to.
    pub async fn erase_subscriptions(&self, user: UserNid) -> ApiResult {
        let _turn = self.turn_of(user).await;
        let threads = self
            .read(move |_, snapshot| {
                let rows = tables::THREAD_SUBSCRIPTION_CHANGE.scan(snapshot, (user,))?;
                let threads = rows.map(|row| row.map(|(_, thread)| thread));
                Ok(threads.collect::<Result<Vec<_>>>()?)
            })
            .await?;
        let commit = Commit::silent(move |batch| {
            for (room, root) in threads {
                tables::THREAD_SUBSCRIPTION.delete(batch, (room, &root, user));
            }
            tables::THREAD_SUBSCRIPTION_CHANGE.delete_prefix(batch, (user,));
        });
        self.storage().commit(commit).await?;
        Ok(())
    }
}

/// What removes the subscriptions to threads of a room.
pub(super) fn erase(
    snapshot: &Snapshot<'_>,
    room: RoomNid,
) -> Result<impl FnOnce(&mut Batch<'_>) + Send + use<>> {
    let rows = tables::THREAD_SUBSCRIPTION.scan(snapshot, (room,))?;
    let changes = rows.map(|row| row.map(|((_, _, user), (_, pos))| (user, pos)));
    let changes = changes.collect::<Result<Vec<_>>>()?;
    Ok(move |batch: &mut Batch<'_>| {
        for change in changes {
            tables::THREAD_SUBSCRIPTION_CHANGE.delete(batch, change);
        }
        tables::THREAD_SUBSCRIPTION.delete_prefix(batch, (room,));
    })
}

/// A client that was away while the user unsubscribed does not subscribe them again for what happened before.
fn require_newer(cause: &RoomEvent, before: Option<SubscriptionRow>) -> ApiResult {
    match before {
        Some((UNSUBSCRIBED, at)) if cause.row.place <= Place::live(at) => Err(ApiError::new(
            http::StatusCode::CONFLICT,
            ErrorKind::ConflictingUnsubscription,
            "The user has unsubscribed since that event.",
        )),
        _ => Ok(()),
    }
}

fn not_in_thread() -> ApiError {
    let message = "The event in \"automatic\" is not in this thread.";
    ApiError::bad_request(ErrorKind::NotInThread, message)
}
