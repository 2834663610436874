//! Finding messages and people.
//!
//! *Messages*: every event with a text that can be searched leaves a row in a queue, in its own commit; that is all the
//! sender waits for. The indexer ([`indexer`]) takes rows from the queue and files the event under the terms of its text
//! ([`words`], [`postings`]). A search reads the lists of its terms in the rooms the user has been in, and looks at what is
//! still in the queue itself, so that it finds what was sent a moment ago. Nothing is shown that was not looked at once
//! more: whether it is still there, and whether the user may see it.
//!
//! *People*: see [`people`].

mod answer;
mod candidates;
mod elsewhere;
mod indexer;
pub mod people;
mod postings;
mod project;
pub mod routes;
mod scope;
#[cfg(test)]
mod tests;
mod text;
mod token;
pub(crate) mod words;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use ruma::api::client::search::search_events::v3::{Criteria, EventContext, ResultRoomEvents};
use tokio::sync::{Notify, Semaphore};

use self::{elsewhere::Elsewhere, people::People};
pub use self::{postings::Field, project::SearchProjection};
use crate::{
    error::{ApiError, ApiResult},
    ids::EventNid,
    rooms::{Rooms, look::Reader},
    storage::Result,
    users::Users,
};

/// Searches that run at once; more would only wait for the same disk.
const AT_ONCE: usize = 4;
/// Queued events from which on the indexer does not wait.
const HURRY: u64 = 256;

/// The service. Clones share it.
#[derive(Clone)]
pub struct Search {
    inner: Arc<Inner>,
}

struct Inner {
    rooms: Rooms,
    users: Users,
    people: People,
    elsewhere: Elsewhere,
    /// No event before this one is queued by this run of the server.
    begins_at: EventNid,
    /// Events queued since the indexer last looked.
    queued: AtomicU64,
    hurry: Notify,
    turns: Semaphore,
}

/// A search of a user.
pub struct Ask {
    /// Who asks, and from which device.
    pub reader: Reader,
    /// What they look for.
    pub criteria: Criteria,
    /// What they want to know of the surroundings of results.
    pub context: Option<EventContext>,
    /// Where an earlier answer said it goes on.
    pub next_batch: Option<String>,
}

impl Search {
    /// The service over rooms. Events that are there already are filed by the indexer, once.
    pub fn open(rooms: Rooms, users: Users) -> Result<Self> {
        let inner = Inner {
            begins_at: rooms.storage().interner().event_floor(),
            people: People::load(&rooms)?,
            elsewhere: Elsewhere::default(),
            rooms,
            users,
            queued: AtomicU64::new(0),
            hurry: Notify::new(),
            turns: Semaphore::new(AT_ONCE),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Searches messages.
    /// [spec](https://spec.matrix.org/v1.19/client-server-api/#server-side-search)
    pub async fn messages(&self, ask: Ask) -> ApiResult<ResultRoomEvents> {
        let turn = self.inner.turns.acquire().await;
        let _turn = turn.map_err(ApiError::internal)?;
        let search = self.clone();
        // Tokens must not lie beyond the snapshot.
        let position = self.inner.rooms.storage().position();
        self.inner
            .rooms
            .read(move |_, snapshot| answer::answer(&search, snapshot, position, &ask))
            .await
    }

    /// Notes that an event was queued.
    fn note_queued(&self) {
        if self.inner.queued.fetch_add(1, Ordering::Relaxed) + 1 >= HURRY {
            self.inner.hurry.notify_one();
        }
    }
}
