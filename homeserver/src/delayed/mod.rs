//! Events that are sent later, unless their sender takes them back: calls use them to hang up for a client that is gone.
//! [MSC4140](https://github.com/matrix-org/matrix-spec-proposals/pull/4140)
//!
//! What waits is on disk, so it is sent after a restart too. Whoever knows a `delay_id` may restart, send or cancel it,
//! which is how a client lets a call's media server hang up for it. All changes of a user's delayed events take turns.

mod actions;
pub mod routes;
pub mod store;
#[cfg(test)]
mod tests;
mod timer;

use std::{sync::Arc, time::Duration};

use rand::{Rng, distr::Alphanumeric};
use ruma::OwnedRoomId;
use serde_json::value::RawValue;
use tokio::sync::Notify;

pub use self::actions::Action;
use self::store::{DelayedEventRow, ENDED, WAITING};
use crate::{
    ApiError, ApiResult,
    clock::SharedClock,
    ids::{RoomNid, UserNid},
    rooms::Rooms,
    storage::{self, Commit, Snapshot, Storage, tables},
    users::{Session, Users},
};

/// The longest an event may wait.
pub const MAX_DELAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Events of one user that may wait at once.
pub const MAX_SCHEDULED: usize = 100;
/// Letters of an id; as many as nobody can guess.
const ID_LENGTH: usize = 32;
/// Bytes of an event's type and of its state key.
const MAX_NAME_LENGTH: usize = 255;
/// Bytes of a content; an event may have 64 KiB.
const MAX_CONTENT_LENGTH: usize = 65_536;

/// The service. Clones share it.
#[derive(Clone)]
pub struct Delayed {
    inner: Arc<Inner>,
}

struct Inner {
    storage: Storage,
    users: Users,
    rooms: Rooms,
    clock: SharedClock,
    /// Wakes the timer when something is due sooner than it thought.
    changed: Notify,
}

/// An event to be sent later.
pub struct NewDelayedEvent {
    /// Where to.
    pub room: RoomNid,
    /// Its type.
    pub event_type: String,
    /// Its state key, if it is a state event.
    pub state_key: Option<String>,
    /// Its content.
    pub content: Box<RawValue>,
    /// How long it waits.
    pub delay: Duration,
    /// What tells a repeated request from a new one.
    pub transaction: Option<String>,
}

/// A delayed event as its sender sees it.
pub struct DelayedEvent {
    /// Its id.
    pub id: String,
    /// Where it is sent to.
    pub room_id: OwnedRoomId,
    /// The rest.
    pub row: DelayedEventRow,
}

/// A page of a user's delayed events.
pub struct Page {
    /// The events, in the order of when they are sent or ended.
    pub events: Vec<DelayedEvent>,
    /// Where the next page begins, if there is one.
    pub next: Option<String>,
}

/// Events of one page.
const PAGE: usize = 100;

impl Delayed {
    /// The service over a database.
    pub fn new(storage: Storage, clock: SharedClock, users: Users, rooms: Rooms) -> Self {
        let inner = Inner {
            storage,
            users,
            rooms,
            clock,
            changed: Notify::new(),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    fn now(&self) -> u64 {
        self.inner.clock.now().get().into()
    }

    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Self, &Snapshot<'_>) -> ApiResult<T> + Send + 'static,
    ) -> ApiResult<T> {
        let this = self.clone();
        self.inner
            .storage
            .read(move |snapshot| read(&this, snapshot))
            .await
    }

    /// Schedules an event. Whether its sender may send it is decided when it is sent. Returns its id; that of the first
    /// request for a repeated one.
    pub async fn schedule(&self, session: &Session, new: NewDelayedEvent) -> ApiResult<String> {
        new.check()?;
        let user = session.user;
        let _turn = self.inner.users.lock(user).await;
        let now = self.now();
        let transaction = new
            .transaction
            .map(|transaction| format!("{} {transaction}", session.device_id));
        let row = DelayedEventRow {
            user,
            room: new.room,
            event_type: new.event_type,
            state_key: new.state_key,
            content: new.content.get().to_owned(),
            delay: new.delay.as_millis() as u64,
            running_since: now,
            scheduled_at: self.inner.storage.position(),
            transaction: transaction.clone(),
            outcome: None,
        };
        let known = self
            .read(move |_, snapshot| {
                if let Some(transaction) = transaction
                    && let Some(id) =
                        tables::DELAYED_TRANSACTION.get(snapshot, (user, transaction))?
                {
                    return Ok(Some(id));
                }
                check_count(snapshot, user, now)?;
                Ok(None)
            })
            .await?;
        if let Some(id) = known {
            return Ok(id);
        }
        let id: String = rand::rng()
            .sample_iter(Alphanumeric)
            .take(ID_LENGTH)
            .map(char::from)
            .collect();
        let key = id.clone();
        let commit = Commit::silent(move |batch| row.put(batch, &key));
        self.inner.storage.commit(commit).await?;
        self.inner.changed.notify_one();
        Ok(id)
    }

    /// A user's delayed events: those that wait, or those that have ended.
    pub async fn list(
        &self,
        user: UserNid,
        has_ended: bool,
        from: Option<&str>,
    ) -> ApiResult<Page> {
        let group = if has_ended { ENDED } else { WAITING };
        let from = from.map(parse_token).transpose()?;
        // An event that is just being sent has ended for whoever has seen it.
        let _turn = self.inner.users.lock(user).await;
        self.read(move |this, snapshot| {
            let from = from.unwrap_or_default();
            let first = (user, group, from.0, from.1);
            let after = (user, group + 1, 0, String::new());
            let mut page = Page {
                events: Vec::new(),
                next: None,
            };
            for key in tables::DELAYED_OF_USER.range(snapshot, first, after)? {
                let ((_, _, at, id), ()) = key?;
                if page.events.len() == PAGE {
                    page.next = Some(format!("{at}_{id}"));
                    break;
                }
                let Some(row) = tables::DELAYED_EVENT.get(snapshot, &id)? else {
                    continue;
                };
                if has_ended || !this.is_overtaken(snapshot, &row)? {
                    page.events.push(this.describe(id, row)?);
                }
            }
            Ok(page)
        })
        .await
    }

    /// One of a user's delayed events.
    pub async fn get(&self, user: UserNid, id: String) -> ApiResult<DelayedEvent> {
        let _turn = self.inner.users.lock(user).await;
        self.read(move |this, snapshot| {
            let row = tables::DELAYED_EVENT.get(snapshot, &id)?;
            let row = row
                .filter(|row| row.user == user)
                .ok_or_else(no_such_event)?;
            Ok(this.describe(id, row)?)
        })
        .await
    }

    fn describe(&self, id: String, row: DelayedEventRow) -> storage::Result<DelayedEvent> {
        let room_id = self.inner.storage.interner().room_id(row.room)?;
        Ok(DelayedEvent { id, room_id, row })
    }

    /// Whether somebody else has changed the state meanwhile that a waiting event would set: it is not sent then.
    fn is_overtaken(&self, snapshot: &Snapshot<'_>, row: &DelayedEventRow) -> ApiResult<bool> {
        let Some(state_key) = &row.state_key else {
            return Ok(false);
        };
        let rooms = &self.inner.rooms;
        let current = rooms.state_event(snapshot, row.room, &row.event_type, state_key)?;
        let sender = self.inner.storage.interner().user_id(row.user)?;
        Ok(current.is_some_and(|current| {
            current.row.place.pos > row.scheduled_at && current.pdu.sender() != sender
        }))
    }
}

impl NewDelayedEvent {
    fn check(&self) -> ApiResult {
        if self.delay.is_zero() {
            return Err(ApiError::invalid_param(
                "The delay is a number of milliseconds above zero.",
            ));
        }
        let names = [&*self.event_type, self.state_key.as_deref().unwrap_or("")];
        if names.iter().any(|name| name.len() > MAX_NAME_LENGTH) {
            return Err(ApiError::invalid_param(
                "The type and the state key of an event may have 255 bytes each.",
            ));
        }
        if self.content.get().len() > MAX_CONTENT_LENGTH {
            return Err(ApiError::too_large(
                "The content is larger than an event may be.",
            ));
        }
        if !self.content.get().trim_start().starts_with('{') {
            return Err(ApiError::bad_json(
                "The content of an event is a JSON object.",
            ));
        }
        Ok(())
    }
}

/// Refuses users who have too much waiting, until the first of it is sent.
fn check_count(snapshot: &Snapshot<'_>, user: UserNid, now: u64) -> ApiResult {
    let mut first = None;
    let mut count = 0;
    for key in tables::DELAYED_OF_USER.scan(snapshot, (user, WAITING))? {
        let ((_, _, due, _), ()) = key?;
        first.get_or_insert(due);
        count += 1;
    }
    match first {
        Some(due) if count >= MAX_SCHEDULED => {
            let wait = Duration::from_millis(due.saturating_sub(now)).max(Duration::from_secs(1));
            Err(ApiError::limit_exceeded(wait))
        }
        _ => Ok(()),
    }
}

fn parse_token(token: &str) -> ApiResult<(u64, String)> {
    let parsed = token
        .split_once('_')
        .and_then(|(at, id)| Some((at.parse().ok()?, id.to_owned())));
    parsed.ok_or_else(|| ApiError::invalid_param("from is not a token that this server gave out."))
}

fn no_such_event() -> ApiError {
    ApiError::not_found("There is no such delayed event.")
}
