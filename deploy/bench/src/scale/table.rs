//! What was measured, as a table.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::usage::{cpu_time, memory};

pub(crate) struct Table {
    process: u32,
    lines: Vec<String>,
}

/// Work that is being measured.
pub(crate) struct Work {
    began: Instant,
    cpu: Duration,
}

impl Table {
    pub(crate) fn new(process: u32) -> Self {
        Self {
            process,
            lines: Vec::new(),
        }
    }

    pub(crate) fn begin(&self) -> Result<Work> {
        Ok(Work {
            began: Instant::now(),
            cpu: cpu_time(&[self.process])?,
        })
    }

    /// Notes what every one of some actions cost, the time of each of them known.
    pub(crate) fn end(&mut self, work: &Work, what: &str, latencies: &[Duration]) -> Result<()> {
        let wall = work.began.elapsed();
        let cpu = cpu_time(&[self.process])?.saturating_sub(work.cpu);
        let each = u32::try_from(latencies.len().max(1))?;
        self.line(&format!(
            "{what} | {} | {:.2} ms | {:.2} ms | {:.2} ms | {:.1} s",
            latencies.len(),
            milliseconds(cpu / each),
            milliseconds(percentile(latencies, 0.5)),
            milliseconds(percentile(latencies, 0.99)),
            wall.as_secs_f64(),
        ));
        Ok(())
    }

    /// Notes times that others took while something else was measured.
    pub(crate) fn beside(&mut self, what: &str, latencies: &[Duration]) {
        self.line(&format!(
            "{what} | {} | | {:.2} ms | {:.2} ms |",
            latencies.len(),
            milliseconds(percentile(latencies, 0.5)),
            milliseconds(percentile(latencies, 0.99)),
        ));
    }

    /// Notes how much memory the server uses now.
    pub(crate) fn memory(&mut self) -> Result<()> {
        let megabytes = memory(&[self.process])? as f64 / 1e6;
        self.line(&format!("memory at the end: {megabytes:.0} MB | | | | |"));
        Ok(())
    }

    pub(crate) fn print(&self) {
        println!("| work | times | CPU each | half below | p99 | all |");
        println!("| --- | --: | --: | --: | --: | --: |");
        for line in &self.lines {
            println!("{line}");
        }
    }

    fn line(&mut self, cells: &str) {
        let line = format!("| {cells} |");
        eprintln!("{line}");
        self.lines.push(line);
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// The time that this share of them stayed below.
fn percentile(latencies: &[Duration], share: f64) -> Duration {
    let mut sorted = latencies.to_vec();
    sorted.sort_unstable();
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted
        .get(rank.saturating_sub(1))
        .copied()
        .unwrap_or_default()
}
