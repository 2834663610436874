//! The table: ours beside the other server, with what has to hold.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path};

use anyhow::{Context as _, Result};

use crate::{
    meter::Sample,
    rows::{ALL, Figure, Kind, Row},
    stage::Server,
    usage::{machine, memory},
};

/// Where servers stand in the list: ours, the one to compare with, ours again.
const OURS: usize = 0;
const OTHER: usize = 1;
const CONTROL: usize = 2;

const MEBIBYTE: f64 = 1024.0 * 1024.0;
/// The most memory that ours may use right after its start, in megabytes.
const FRESH_MEMORY_LIMIT: f64 = 45.0;
/// How many times less memory than the other ours uses after all the work.
const USED_MEMORY_TARGET: f64 = 3.0;

pub(crate) struct Report {
    servers: Vec<Server>,
    /// By row and server, one sample for each round.
    samples: BTreeMap<(&'static str, usize), Vec<Sample>>,
    fresh: Vec<f64>,
    used: Vec<f64>,
}

impl Report {
    pub(crate) fn new(servers: &[Server]) -> Self {
        Self {
            servers: servers.to_vec(),
            samples: BTreeMap::new(),
            fresh: Vec::new(),
            used: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, row: &Row, server: usize, sample: Sample) {
        self.samples
            .entry((row.name, server))
            .or_default()
            .push(sample);
    }

    /// Notes how much memory the servers use before any work.
    pub(crate) fn fresh_memory(&mut self) -> Result<()> {
        self.fresh = self.memory()?;
        Ok(())
    }

    /// Notes how much memory the servers use after all the work.
    pub(crate) fn used_memory(&mut self) -> Result<()> {
        self.used = self.memory()?;
        Ok(())
    }

    fn memory(&self) -> Result<Vec<f64>> {
        self.servers
            .iter()
            .map(|server| Ok(memory(&server.process_ids)? as f64 / MEBIBYTE))
            .collect()
    }

    /// The table in Markdown.
    pub(crate) fn table(&self) -> String {
        let name = |index: usize| {
            self.servers
                .get(index)
                .map_or("-", |server| server.name.as_str())
        };
        let mut table = format!(
            "| work | figure | {} | {} | better by | spread | A/A | target |\n\
             | --- | --- | --: | --: | --: | --: | --: | --- |\n",
            name(OURS),
            name(OTHER)
        );
        for row in ALL {
            for figure in row.figures {
                self.line(&mut table, row.name, figure);
            }
        }
        self.memory_lines(&mut table);
        table
    }

    fn line(&self, table: &mut String, row: &'static str, figure: &Figure) {
        let values = |server| -> Vec<f64> {
            let samples = self
                .samples
                .get(&(row, server))
                .map_or(&[][..], Vec::as_slice);
            samples
                .iter()
                .map(|sample| figure.kind.value(sample))
                .collect()
        };
        let (ours, other, control) = (values(OURS), values(OTHER), values(CONTROL));
        if ours.is_empty() && other.is_empty() {
            return;
        }
        let better = advantages(figure.kind, &ours, &other);
        let equal = advantages(figure.kind, &ours, &control);
        let target = figure
            .target
            .map_or_else(String::new, |target| verdict(target, median(&better)));
        let cells = [
            figure.kind.name().to_owned(),
            figure.kind.show(median(&ours)),
            figure.kind.show(median(&other)),
            times(median(&better)),
            spread(&better),
            times(median(&equal)),
            target,
        ];
        push_line(table, row, &cells);
    }

    fn memory_lines(&self, table: &mut String) {
        let megabytes =
            |values: &[f64], index: usize| values.get(index).copied().unwrap_or(f64::NAN);
        for (row, values) in [
            ("memory, fresh", &self.fresh),
            ("memory, after all of the above", &self.used),
        ] {
            let ours = megabytes(values, OURS);
            let better = megabytes(values, OTHER) / ours;
            let target = if std::ptr::eq(values, &self.fresh) {
                let met = if ours <= FRESH_MEMORY_LIMIT {
                    "met"
                } else {
                    "missed"
                };
                format!("{FRESH_MEMORY_LIMIT} MB: {met}")
            } else {
                verdict(USED_MEMORY_TARGET, better)
            };
            let cells = [
                "PSS".to_owned(),
                format!("{ours:.0} MB"),
                format!("{:.0} MB", megabytes(values, OTHER)),
                times(better),
                String::new(),
                times(megabytes(values, CONTROL) / ours),
                target,
            ];
            push_line(table, row, &cells);
        }
    }

    /// Puts the table into a document, with the machine it was measured on. The sections that stand there below the
    /// table stay.
    pub(crate) fn write(&self, path: &Path, table: &str) -> Result<()> {
        let names: Vec<&str> = self
            .servers
            .iter()
            .map(|server| server.name.as_str())
            .collect();
        let text = format!(
            "# Performance\n\n\
             Measured by `cargo xtask bench` on {}: {} in the same run, limits off, room version 11, durable commits on. \
             The load comes from the same machine.\n\n\
             *Better by* is the median over the rounds of the ratio between the two servers in the same round, *spread* \
             its lowest and highest value. *A/A* is the same ratio between two instances of our own server, so its \
             distance from 1 is what the measurement cannot tell. CPU counts all processes of a server, its database \
             included. PSS counts memory shared by several processes once; for a single process it is the resident \
             memory.\n\n{table}",
            machine()?,
            names.join(", ")
        );
        let before = fs::read_to_string(path).unwrap_or_default();
        let sections = before.find("\n## ").map_or("", |at| &before[at..]);
        fs::write(path, text + sections).with_context(|| format!("cannot write {}", path.display()))
    }
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Cpu => "CPU each",
            Self::Rate => "each second",
            Self::Latency => "p99",
        }
    }

    fn value(self, sample: &Sample) -> f64 {
        match self {
            Self::Cpu => sample.cpu_per_operation(),
            Self::Rate => sample.operations_per_second(),
            Self::Latency => sample.percentile(0.99),
        }
    }

    fn show(self, value: f64) -> String {
        match self {
            _ if value.is_nan() => "-".to_owned(),
            Self::Rate => format!("{value:.0}"),
            Self::Cpu | Self::Latency => format!("{:.3} ms", value * 1e3),
        }
    }
}

/// How many times better the first server was than the second, round by round.
fn advantages(kind: Kind, first: &[f64], second: &[f64]) -> Vec<f64> {
    let pairs = first.iter().zip(second);
    pairs
        .map(|(first, second)| {
            if matches!(kind, Kind::Rate) {
                first / second
            } else {
                second / first
            }
        })
        .collect()
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

fn spread(values: &[f64]) -> String {
    let lowest = values.iter().copied().reduce(f64::min);
    let highest = values.iter().copied().reduce(f64::max);
    lowest.zip(highest).map_or_else(
        || "-".to_owned(),
        |(lowest, highest)| format!("{lowest:.1}–{highest:.1}"),
    )
}

fn times(value: f64) -> String {
    if value.is_nan() {
        "-".to_owned()
    } else {
        format!("{value:.2}×")
    }
}

fn verdict(target: f64, value: f64) -> String {
    let word = match value {
        _ if value.is_nan() => "not measured",
        _ if value >= target => "met",
        _ => "missed",
    };
    format!("{target}×: {word}")
}

fn push_line(table: &mut String, row: &str, cells: &[String]) {
    // Writing to a string cannot fail.
    writeln!(table, "| {row} | {} |", cells.join(" | ")).unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use super::{advantages, median, spread};
    use crate::rows::Kind;

    #[test]
    fn less_time_and_more_operations_are_better() {
        assert_eq!(advantages(Kind::Cpu, &[1.0], &[10.0]), [10.0]);
        assert_eq!(advantages(Kind::Rate, &[50.0], &[10.0]), [5.0]);
    }

    #[test]
    fn one_odd_round_does_not_move_the_median() {
        assert_eq!(median(&[3.0, 100.0, 2.0]), 3.0);
        assert_eq!(spread(&[3.0, 100.0, 2.0]), "2.0–100.0");
        assert!(median(&[]).is_nan());
    }
}
