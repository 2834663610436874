//! Not asking a server again and again that does not answer.
//!
//! After each failure in a row the server is left alone for twice as long. The pauses survive a restart, so that a
//! server with thousands of dead peers does not try all of them anew. A server that speaks up is no longer left alone.

use std::{collections::HashMap, time::Duration};

use parking_lot::Mutex;
use ruma::{MilliSecondsSinceUnixEpoch, OwnedServerName, ServerName, UInt};
use serde::{Deserialize, Serialize};

use crate::{
    clock::SharedClock,
    records,
    storage::{self, Commit, Storage, tables},
};

/// The pause after the first failure.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

/// A server that does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackoffRow {
    /// Failures since it last answered.
    pub failures: u32,
    /// When it may be asked again.
    pub until: MilliSecondsSinceUnixEpoch,
}

records!(BackoffRow = 1);

/// The servers that do not answer.
pub(super) struct Backoffs {
    rows: Mutex<HashMap<OwnedServerName, BackoffRow>>,
    storage: Storage,
    clock: SharedClock,
}

impl Backoffs {
    /// Reads what is remembered.
    pub(super) fn open(storage: Storage, clock: SharedClock) -> storage::Result<Self> {
        let rows = tables::BACKOFF
            .scan(&storage.snapshot(), ())?
            .collect::<storage::Result<_>>()?;
        Ok(Self {
            rows: Mutex::new(rows),
            storage,
            clock,
        })
    }

    /// How long a server is still left alone.
    pub(super) fn wait(&self, server: &ServerName) -> Option<Duration> {
        let row = *self.rows.lock().get(server)?;
        let left = u64::from(row.until.get()).saturating_sub(self.clock.now().get().into());
        // However the machine's clock was set meanwhile, no pause is longer than the longest.
        let left = Duration::from_millis(left).min(pause(row.failures));
        (!left.is_zero()).then_some(left)
    }

    /// When a server last failed, and how long it is left alone since then.
    pub(super) fn last_failure(
        &self,
        server: &ServerName,
    ) -> Option<(MilliSecondsSinceUnixEpoch, Duration)> {
        let row = *self.rows.lock().get(server)?;
        let pause = pause(row.failures);
        let at = u64::from(row.until.get()).saturating_sub(pause.as_millis() as u64);
        Some((MilliSecondsSinceUnixEpoch(UInt::new(at)?), pause))
    }

    /// The servers that did not answer when they were last asked.
    pub(super) fn servers(&self) -> Vec<OwnedServerName> {
        self.rows.lock().keys().cloned().collect()
    }

    /// A server did not answer.
    pub(super) fn failed(&self, server: &ServerName) {
        let now = u64::from(self.clock.now().get());
        let mut rows = self.rows.lock();
        let before = rows.get(server).copied();
        // Requests that were under way together fail together and count once.
        if before.is_some_and(|row| u64::from(row.until.get()) > now) {
            return;
        }
        let failures = before.map_or(0, |row| row.failures).saturating_add(1);
        let until = now.saturating_add(pause(failures).as_millis() as u64);
        let until = MilliSecondsSinceUnixEpoch(UInt::new(until).unwrap_or(UInt::MAX));
        let row = BackoffRow { failures, until };
        rows.insert(server.to_owned(), row);
        drop(rows);
        let key = server.to_owned();
        self.write(Commit::silent(move |batch| {
            tables::BACKOFF.put(batch, key, &row);
        }));
    }

    /// A server answered or spoke up; says whether it had been left alone.
    pub(super) fn is_there(&self, server: &ServerName) -> bool {
        let was_failing = self.rows.lock().remove(server).is_some();
        if was_failing {
            let key = server.to_owned();
            self.write(Commit::silent(move |batch| {
                tables::BACKOFF.delete(batch, key);
            }));
        }
        was_failing
    }

    /// Nothing depends on the row being on the disk: at worst a server is asked once more.
    fn write(&self, commit: Commit) {
        if let Err(error) = self.storage.submit(commit.ephemeral()) {
            tracing::debug!(%error, "a pause could not be written down");
        }
    }
}

fn pause(failures: u32) -> Duration {
    FIRST_PAUSE
        .saturating_mul(1 << failures.saturating_sub(1).min(20))
        .min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use ruma::server_name;

    use super::*;
    use crate::{clock::ManualClock, storage::OpenOptions};

    #[test]
    fn pauses_double_and_survive_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let clock = ManualClock::at(1_000_000);
        let open = || Storage::open(dir.path(), OpenOptions::default()).unwrap();
        let peer = server_name!("b.example");
        let backoffs = Backoffs::open(open(), clock.clone()).unwrap();
        assert_eq!(backoffs.wait(peer), None);
        backoffs.failed(peer);
        backoffs.failed(peer);
        assert_eq!(backoffs.wait(peer), Some(Duration::from_secs(5)));
        clock.advance(Duration::from_secs(5));
        assert_eq!(backoffs.wait(peer), None);
        backoffs.failed(peer);
        drop(backoffs);
        let backoffs = Backoffs::open(open(), clock.clone()).unwrap();
        assert_eq!(backoffs.wait(peer), Some(Duration::from_secs(10)));
        assert!(backoffs.is_there(peer));
        assert!(!backoffs.is_there(peer));
        assert_eq!(backoffs.wait(peer), None);
        drop(backoffs);
        assert_eq!(Backoffs::open(open(), clock).unwrap().wait(peer), None);
    }

    #[test]
    fn no_pause_is_longer_than_an_hour() {
        assert_eq!(pause(1), Duration::from_secs(5));
        assert_eq!(pause(2), Duration::from_secs(10));
        assert_eq!(pause(40), LONGEST_PAUSE);
    }
}
