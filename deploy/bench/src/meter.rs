//! Repeats an action for a while and notes what it cost.

use std::{
    fmt,
    time::{Duration, Instant},
};

use anyhow::Result;
use futures::future::try_join_all;

use crate::{stage::Server, usage::cpu_time};

/// What one run of one row on one server has cost.
#[derive(Clone)]
pub(crate) struct Sample {
    pub(crate) operations: usize,
    pub(crate) cpu: Duration,
    pub(crate) wall: Duration,
    latencies: Vec<Duration>,
}

impl Sample {
    /// CPU time of the server for one operation, in seconds.
    pub(crate) fn cpu_per_operation(&self) -> f64 {
        self.cpu.as_secs_f64() / self.operations.max(1) as f64
    }

    pub(crate) fn operations_per_second(&self) -> f64 {
        self.operations as f64 / self.wall.as_secs_f64()
    }

    /// The latency that this share of the operations stayed below, in seconds.
    pub(crate) fn percentile(&self, share: f64) -> f64 {
        let mut sorted = self.latencies.clone();
        sorted.sort_unstable();
        let rank = (sorted.len() as f64 * share).ceil() as usize;
        sorted
            .get(rank.saturating_sub(1))
            .map_or(f64::NAN, Duration::as_secs_f64)
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} operations, {:.0}/s, {:.3} ms of CPU each, p50 {:.2} ms, p99 {:.2} ms",
            self.operations,
            self.operations_per_second(),
            self.cpu_per_operation() * 1e3,
            self.percentile(0.5) * 1e3,
            self.percentile(0.99) * 1e3
        )
    }
}

/// What is measured while it exists.
pub(crate) struct Meter<'a> {
    server: &'a Server,
    began: Instant,
    cpu_before: Duration,
    latencies: Vec<Duration>,
}

impl<'a> Meter<'a> {
    pub(crate) fn start(server: &'a Server) -> Result<Self> {
        let cpu_before = cpu_time(&server.process_ids)?;
        Ok(Self {
            server,
            began: Instant::now(),
            cpu_before,
            latencies: Vec::new(),
        })
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Notes one operation.
    pub(crate) fn add(&mut self, latency: Duration) {
        self.latencies.push(latency);
    }

    pub(crate) fn finish(self) -> Result<Sample> {
        let wall = self.began.elapsed();
        let cpu = cpu_time(&self.server.process_ids)?.saturating_sub(self.cpu_before);
        Ok(Sample {
            operations: self.latencies.len(),
            cpu,
            wall,
            latencies: self.latencies,
        })
    }
}

/// Lets every worker repeat an action, each waiting for its own answers only, until the time is over or the action
/// says that there is nothing left to do.
pub(crate) async fn closed_loop<W>(
    server: &Server,
    workers: &mut [W],
    duration: Duration,
    action: impl AsyncFn(&mut W) -> Result<bool>,
) -> Result<Sample> {
    let mut meter = Meter::start(server)?;
    let began = meter.began;
    let action = &action;
    let work = workers.iter_mut().map(|worker| async move {
        let mut latencies = Vec::new();
        while began.elapsed() < duration {
            let start = Instant::now();
            if !action(worker).await? {
                break;
            }
            latencies.push(start.elapsed());
        }
        Ok::<_, anyhow::Error>(latencies)
    });
    meter.latencies = try_join_all(work).await?.concat();
    meter.finish()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Sample;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let latencies = (1..=100).map(Duration::from_secs).collect();
        let sample = Sample {
            operations: 100,
            cpu: Duration::ZERO,
            wall: Duration::from_secs(1),
            latencies,
        };
        assert_eq!(sample.percentile(0.5), 50.0);
        assert_eq!(sample.percentile(0.99), 99.0);
        assert_eq!(sample.percentile(1.0), 100.0);
    }
}
