//! Forgetting what has been sent.
//!
//! A row of the log is needed as long as some server has not taken it. Servers that have been away for long do not keep
//! it: they are told the newest event of each room when they come back, and ask for what they missed. Neither do those
//! that are far behind.

use std::time::Duration;

use ruma::{MilliSecondsSinceUnixEpoch, OwnedServerName};

use super::rows::DestinationRow;
use crate::{
    error::ApiResult,
    ids::StreamPos,
    storage::{Batch, Snapshot, tables},
};

/// How often the log is looked through.
pub(super) const EVERY: Duration = Duration::from_secs(3_600);
/// How long a server may be away for which the log is kept.
const LONGEST_ABSENCE: Duration = Duration::from_secs(3 * 24 * 3_600);

/// What becomes of the log.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Everything up to here goes.
    upto: StreamPos,
    /// Servers that will be told the newest event of each room.
    behind: Vec<(OwnedServerName, DestinationRow)>,
    /// Servers that have not looked at all of the log.
    pub(super) idle: Vec<OwnedServerName>,
}

impl Plan {
    /// Looks through the log and the servers up to a position.
    pub(super) fn make(
        snapshot: &Snapshot<'_>,
        done: StreamPos,
        now: MilliSecondsSinceUnixEpoch,
        most_rows: usize,
    ) -> ApiResult<Self> {
        let first_beyond = tables::FEDERATION_LOG
            .scan_back(snapshot, ())?
            .nth(most_rows)
            .transpose()?;
        let too_old = first_beyond
            .map_or(StreamPos::ZERO, |(pos, _)| pos)
            .min(done);
        let mut plan = Self {
            upto: done,
            ..Self::default()
        };
        for row in tables::DESTINATION.scan(snapshot, ())? {
            let (name, mut row) = row?;
            if row.is_behind || row.sent >= done {
                continue;
            }
            let failing = (row.failing_since != 0)
                .then(|| u64::from(now.0).saturating_sub(row.failing_since));
            let is_away =
                failing.is_some_and(|failing| u128::from(failing) > LONGEST_ABSENCE.as_millis());
            if is_away || row.sent < too_old {
                row.is_behind = true;
                plan.behind.push((name, row));
                continue;
            }
            plan.upto = plan.upto.min(row.sent);
            if failing.is_none() {
                plan.idle.push(name);
            }
        }
        let mut rows = tables::FEDERATION_LOG.scan(snapshot, ())?;
        let oldest = rows.next().transpose()?;
        if oldest.is_none_or(|(pos, _)| pos > plan.upto) {
            plan.upto = StreamPos::ZERO;
        }
        Ok(plan)
    }

    /// Whether there is nothing to write.
    pub(super) fn is_empty(&self) -> bool {
        self.upto == StreamPos::ZERO && self.behind.is_empty()
    }

    /// Does it.
    pub(super) fn write(&self, batch: &mut Batch<'_>) {
        for (name, row) in &self.behind {
            tables::DESTINATION.put(batch, name, row);
        }
        if self.upto != StreamPos::ZERO {
            let (first, after) = (StreamPos::ZERO, self.upto.plus(1));
            tables::FEDERATION_LOG.delete_range(batch, first, after);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        federation::outbound::rows::LoggedEvent,
        ids::{EventNid, RoomNid},
        rooms::testing::TestServer,
        storage::Commit,
    };

    const NOW: u64 = 1_760_000_000_000;
    const DAY: u64 = 24 * 3_600 * 1_000;

    async fn server(destinations: &[(&str, u64, u64)]) -> TestServer {
        let server = TestServer::new();
        let rows: Vec<_> = destinations
            .iter()
            .map(|&(name, sent, failing_since)| {
                let row = DestinationRow {
                    failing_since,
                    ..DestinationRow::up_to(StreamPos(sent))
                };
                (OwnedServerName::try_from(name).unwrap(), row)
            })
            .collect();
        let commit = Commit::silent(move |batch| {
            for pos in 1..=10 {
                let logged = LoggedEvent {
                    room: RoomNid(1),
                    event: EventNid(pos),
                    also: Vec::new(),
                    except: None,
                    pdu: None,
                };
                tables::FEDERATION_LOG.put(batch, StreamPos(pos), &logged);
            }
            for (name, row) in &rows {
                tables::DESTINATION.put(batch, name, row);
            }
        });
        server.storage.commit(commit).await.unwrap();
        server
    }

    /// What is left of ten rows, and who is behind.
    async fn trimmed(server: &TestServer, most_rows: usize) -> (Vec<u64>, Vec<String>) {
        let now = MilliSecondsSinceUnixEpoch(NOW.try_into().unwrap());
        let snapshot = server.storage.snapshot();
        let plan = Plan::make(&snapshot, StreamPos(10), now, most_rows).unwrap();
        drop(snapshot);
        let commit = Commit::silent(move |batch| plan.write(batch));
        server.storage.commit(commit).await.unwrap();
        let snapshot = server.storage.snapshot();
        let rows = tables::FEDERATION_LOG.scan(&snapshot, ()).unwrap();
        let left = rows.map(|row| row.unwrap().0.0).collect();
        let rows = tables::DESTINATION.scan(&snapshot, ()).unwrap();
        let rows = rows.map(Result::unwrap).filter(|(_, row)| row.is_behind);
        (left, rows.map(|(name, _)| name.to_string()).collect())
    }

    #[tokio::test]
    async fn what_everybody_has_goes() {
        let server = server(&[("a.example", 10, 0), ("b.example", 7, 0)]).await;
        assert_eq!(trimmed(&server, 100).await, (vec![8, 9, 10], vec![]));
        assert_eq!(trimmed(&server, 100).await, (vec![8, 9, 10], vec![]));
    }

    #[tokio::test]
    async fn a_server_that_is_away_is_waited_for_some_days() {
        let here = ("a.example", 10, 0);
        let server = server(&[here, ("b.example", 4, NOW - 2 * DAY)]).await;
        assert_eq!(trimmed(&server, 100).await.0, [5, 6, 7, 8, 9, 10]);
        let server = self::server(&[here, ("b.example", 4, NOW - 4 * DAY)]).await;
        let behind = vec!["b.example".to_owned()];
        assert_eq!(trimmed(&server, 100).await, (vec![], behind));
    }

    #[tokio::test]
    async fn the_log_has_a_bound() {
        let server = server(&[("a.example", 10, 0), ("b.example", 4, 0)]).await;
        let (left, behind) = trimmed(&server, 3).await;
        assert_eq!(behind, ["b.example"]);
        assert!(left.is_empty(), "{left:?}");
    }
}
