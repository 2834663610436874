//! The keys that servers sign with.
//! [spec](https://spec.matrix.org/v1.19/server-server-api/#retrieving-server-keys)
//!
//! A key is asked for at the server whose key it is, and, when that does not help, at `federation.trusted_key_servers`.
//! What was learnt is kept for ever, with the time up to which it was valid: old events are verified with old keys.

mod fetch;
mod notary;
mod own;
mod response;
mod rows;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use futures::future::join_all;
use parking_lot::Mutex;
use quick_cache::sync::Cache;
use ruma::{
    MilliSecondsSinceUnixEpoch, OwnedServerName, OwnedServerSigningKeyId, ServerName,
    signatures::{PublicKeyMap, PublicKeySet},
};
use tokio::sync::Semaphore;

pub use self::{
    notary::Wanted,
    own::{OldKey, OwnKeys},
    rows::{ServerKeyRow, ServerKeysRow},
};
use super::client::Peers;
use crate::{
    clock::SharedClock,
    flights::Flights,
    storage::{self, Storage},
};

/// Servers whose keys are kept in memory.
const REMEMBERED: usize = 10_000;
/// Servers that are asked for keys at the same time.
const FETCHES: usize = 50;
/// Servers that are asked for keys at the same time because somebody without a name asks this one about them.
const FETCHES_FOR_STRANGERS: usize = 10;
/// How long a server is not asked again after some answers, however many strange key ids come up.
const AFTER_ANSWER: Duration = Duration::from_secs(5);
/// How many answers that takes.
const ANSWERS_IN_A_ROW: u32 = 5;
/// How many failures in a row it takes.
const FAILURES_IN_A_ROW: u32 = 2;
/// How long a server is not asked again after a first failure; each further one doubles this.
const AFTER_FAILURE: Duration = Duration::from_secs(5);
/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(600);
/// Servers with a pause; beyond this, pauses that are over are forgotten.
const PAUSES: usize = 10_000;

/// When a key has to have been valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// At this moment and not one of the server's old keys: for requests.
    Now,
    /// When an event was sent: for events of room versions that look at validity.
    At(MilliSecondsSinceUnixEpoch),
    /// At any time: for events of room versions before 5.
    Ever,
}

/// Keys of a server by their ids.
type KnownKeys = Arc<BTreeMap<String, ServerKeyRow>>;

/// The keys of all servers.
pub(super) struct SigningKeys {
    peers: Arc<Peers>,
    storage: Storage,
    clock: SharedClock,
    known: Cache<OwnedServerName, KnownKeys>,
    flights: Flights<OwnedServerName>,
    fetches: Semaphore,
    fetches_for_strangers: Semaphore,
    pauses: Mutex<HashMap<OwnedServerName, Pause>>,
}

#[derive(Clone, Copy)]
struct Pause {
    failures: u32,
    answers: u32,
    until: Duration,
}

impl Pause {
    /// Whether the server is left alone.
    fn holds(&self) -> bool {
        self.failures >= FAILURES_IN_A_ROW || self.answers >= ANSWERS_IN_A_ROW
    }
}

impl SigningKeys {
    pub(super) fn new(peers: Arc<Peers>, storage: Storage, clock: SharedClock) -> Self {
        Self {
            peers,
            storage,
            clock,
            known: Cache::new(REMEMBERED),
            flights: Flights::default(),
            fetches: Semaphore::new(FETCHES),
            fetches_for_strangers: Semaphore::new(FETCHES_FOR_STRANGERS),
            pauses: Mutex::default(),
        }
    }

    /// Those of the wanted keys that can be had and were valid, asking other servers where that is needed.
    pub(super) async fn find(
        &self,
        server: &ServerName,
        wanted: &BTreeSet<OwnedServerSigningKeyId>,
        when: When,
    ) -> storage::Result<PublicKeySet> {
        if server == self.peers.keys.server_name() {
            return Ok(self.peers.keys.public_keys(wanted, when));
        }
        let found = self.usable(server, wanted, when).await?;
        if found.len() == wanted.len() || self.is_paused(server) {
            return Ok(found);
        }
        let _flight = self.flights.board(server.to_owned()).await;
        // Whoever was before may have brought what is wanted, or found out that it cannot be had.
        let found = self.usable(server, wanted, when).await?;
        if found.len() == wanted.len() || self.is_paused(server) {
            return Ok(found);
        }
        // Never closed: the permit cannot fail, and without it one more request goes out.
        let _turn = self.fetches.acquire().await.ok();
        self.fetch(server, wanted, when).await?;
        self.usable(server, wanted, when).await
    }

    /// The wanted keys once more, from their server, after a signature did not fit those that are known.
    pub(super) async fn find_anew(
        &self,
        server: &ServerName,
        wanted: &BTreeSet<OwnedServerSigningKeyId>,
        when: When,
    ) -> storage::Result<PublicKeySet> {
        let _flight = self.flights.board(server.to_owned()).await;
        if !self.is_paused(server) {
            let _turn = self.fetches.acquire().await.ok();
            self.fetch(server, wanted, when).await?;
        }
        self.usable(server, wanted, when).await
    }

    /// The same for keys of several servers.
    pub(super) async fn find_all(
        &self,
        wanted: &BTreeMap<OwnedServerName, BTreeSet<OwnedServerSigningKeyId>>,
        when: When,
    ) -> storage::Result<PublicKeyMap> {
        let found = wanted.iter().map(|(server, keys)| async move {
            Ok((server.to_string(), self.find(server, keys, when).await?))
        });
        join_all(found).await.into_iter().collect()
    }

    async fn usable(
        &self,
        server: &ServerName,
        wanted: &BTreeSet<OwnedServerSigningKeyId>,
        when: When,
    ) -> storage::Result<PublicKeySet> {
        let known = self.known(server).await?;
        let now = self.clock.now();
        let usable = wanted.iter().filter_map(|id| {
            let row = known.get(id.as_str())?;
            Some((id.to_string(), row.public_key(when, now)?))
        });
        Ok(usable.collect())
    }

    async fn known(&self, server: &ServerName) -> storage::Result<KnownKeys> {
        if let Some(known) = self.known.get(server) {
            return Ok(known);
        }
        let name = server.to_owned();
        let known: KnownKeys = self
            .storage
            .read(move |snapshot| rows::keys_of(snapshot, &name).map(Arc::new))
            .await?;
        // Only a fetch changes the rows, and it replaces what is remembered after it has written them.
        self.known.insert(server.to_owned(), Arc::clone(&known));
        Ok(known)
    }

    fn is_paused(&self, server: &ServerName) -> bool {
        let now = self.clock.elapsed();
        self.pauses
            .lock()
            .get(server)
            .is_some_and(|pause| pause.until > now && pause.holds())
    }

    fn pause(&self, server: &ServerName, answered: bool) {
        let now = self.clock.elapsed();
        let mut pauses = self.pauses.lock();
        if pauses.len() >= PAUSES {
            pauses.retain(|_, pause| pause.until > now);
        }
        let before = pauses.get(server);
        let failures = match answered {
            true => 0,
            false => before.map_or(0, |before| before.failures).saturating_add(1),
        };
        let answers = before.filter(|before| before.until > now);
        let answers = answers.map_or(0, |before| before.answers);
        let wait = match failures {
            0 => AFTER_ANSWER,
            _ => AFTER_FAILURE
                .saturating_mul(1 << (failures - 1).min(16))
                .min(LONGEST_PAUSE),
        };
        let pause = Pause {
            failures,
            answers: answers.saturating_add(answered.into()),
            until: now.saturating_add(wait),
        };
        pauses.insert(server.to_owned(), pause);
    }

    /// A server spoke up: what it could not answer a moment ago it may answer now.
    pub(super) fn forget_failures(&self, server: &ServerName) {
        let mut pauses = self.pauses.lock();
        if pauses.get(server).is_some_and(|pause| pause.failures > 0) {
            pauses.remove(server);
        }
    }
}
