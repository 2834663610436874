//! How much of the specification the tests have shown to work.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs, io,
    path::Path,
};

use serde_json::Value;

use crate::endpoints::{self, Endpoint};

/// What the ledger says about one operation.
#[derive(Default)]
struct Seen {
    is_routed: bool,
    has_success: bool,
    checks_auth: bool,
    refusals: BTreeSet<u16>,
}

/// Reached and possible counts of each rung.
#[derive(Default)]
struct Rungs {
    operations: usize,
    routed: usize,
    success: usize,
    auth: (usize, usize),
    refuses: (usize, usize),
}

/// Reads every ledger in a folder and prints, per area, how many operations are routed, have a test that declares
/// and gets success, refuse missing and unknown tokens, and have a declaring test for each documented refusal.
///
/// # Errors
/// When the folder cannot be read.
pub fn report(folder: &Path) -> io::Result<String> {
    let seen = read(folder)?;
    let mut areas: BTreeMap<(&str, &str), Rungs> = BTreeMap::new();
    let mut total = Rungs::default();
    let mut missing = String::new();
    for endpoint in endpoints::all() {
        if endpoint.is_deprecated {
            continue;
        }
        let nothing = Seen::default();
        let seen = seen.get(&endpoint.operation).unwrap_or(&nothing);
        areas
            .entry((&endpoint.api, &endpoint.area))
            .or_default()
            .add(endpoint, seen);
        total.add(endpoint, seen);
        if seen.is_routed && !seen.has_success {
            let Endpoint { method, path, .. } = endpoint;
            writeln!(missing, "  {method} {path}").map_err(io::Error::other)?;
        }
    }
    let mut text = format!("{:<24} {}\n", "area", Rungs::HEADINGS);
    for ((api, area), rungs) in &areas {
        let area = match *api {
            "server-server" => &format!("federation: {area}"),
            _ => *area,
        };
        writeln!(text, "{area:<24} {}", rungs.row()).map_err(io::Error::other)?;
    }
    writeln!(text, "{:<24} {}", "all", total.row()).map_err(io::Error::other)?;
    if !missing.is_empty() {
        write!(text, "\nrouted, but no test declares a success:\n{missing}")
            .map_err(io::Error::other)?;
    }
    Ok(text)
}

fn read(folder: &Path) -> io::Result<BTreeMap<String, Seen>> {
    let mut operations: BTreeMap<String, Seen> = BTreeMap::new();
    for file in fs::read_dir(folder)? {
        for line in fs::read_to_string(file?.path())?.lines() {
            let entry: Value = serde_json::from_str(line).map_err(io::Error::other)?;
            if let Some(operation) = entry["auth"].as_str() {
                operations
                    .entry(operation.to_owned())
                    .or_default()
                    .checks_auth = true;
            } else if let Some(operation) = entry["operation"].as_str() {
                let seen = operations.entry(operation.to_owned()).or_default();
                seen.note(&entry);
            }
        }
    }
    Ok(operations)
}

impl Seen {
    fn note(&mut self, entry: &Value) {
        let status = entry["status"]
            .as_u64()
            .and_then(|status| u16::try_from(status).ok());
        let status = status.unwrap_or_default();
        self.is_routed |= entry["routed"] == true;
        if entry["declared"] == true {
            self.has_success |= status / 100 == 2 || status / 100 == 3;
            if status / 100 == 4 {
                self.refusals.insert(status);
            }
        }
    }
}

impl Rungs {
    const HEADINGS: &'static str = " routed   success      auth   refuses";

    fn add(&mut self, endpoint: &Endpoint, seen: &Seen) {
        self.operations += 1;
        self.routed += usize::from(seen.is_routed);
        self.success += usize::from(seen.has_success);
        if matches!(endpoint.auth.as_str(), "access_token" | "signed_request") {
            self.auth.1 += 1;
            self.auth.0 += usize::from(seen.checks_auth);
        }
        // Rate limits are off in this suite; they have tests of their own.
        let documented = endpoint
            .statuses
            .iter()
            .filter(|status| (400..500).contains(*status));
        let documented: Vec<&u16> = documented.filter(|status| **status != 429).collect();
        self.refuses.1 += usize::from(!documented.is_empty());
        let all_seen = documented
            .iter()
            .all(|status| seen.refusals.contains(status));
        self.refuses.0 += usize::from(!documented.is_empty() && all_seen);
    }

    fn row(&self) -> String {
        let fraction = |reached: usize, of: usize| format!("{reached}/{of}");
        format!(
            "{:>7} {:>9} {:>9} {:>9}",
            fraction(self.routed, self.operations),
            fraction(self.success, self.operations),
            fraction(self.auth.0, self.auth.1),
            fraction(self.refuses.0, self.refuses.1)
        )
    }
}
