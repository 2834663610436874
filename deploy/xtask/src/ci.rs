//! `cargo xtask ci`: every check that a change has to pass, cheapest first.

mod file_sizes;
mod licences;
mod spec_links;

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::{package, system_packages, tests, tests::TestResults, workspace::Workspace};

/// Runs every check, or those that are named, also after one has failed, and ends with the tests' result lines and a table of the steps.
pub(crate) fn ci(workspace: &Workspace, only: Vec<String>) -> Result<()> {
    let mut steps = Steps {
        only,
        done: Vec::new(),
    };
    // A build machine may have everything it needs under other names; the build says if not.
    steps.advisory("system packages", || {
        system_packages::install_missing(workspace)
    });
    steps.run("formatting", || {
        workspace.cargo(["fmt", "--all", "--check"]).run()
    });
    steps.run("file sizes", || file_sizes::check(workspace));
    steps.run("links to the specification", || {
        spec_links::check(workspace)
    });
    steps.run("licences", || licences::check(workspace));
    steps.run("clippy", || {
        workspace
            .cargo([
                "clippy",
                "--workspace",
                "--all-targets",
                "--",
                "-D",
                "warnings",
            ])
            .run()
    });
    steps.run("documentation", || {
        workspace
            .cargo([
                "doc",
                "--workspace",
                "--no-deps",
                "--document-private-items",
            ])
            // Private items are documented too, so links to them lead somewhere.
            .env(
                "RUSTDOCFLAGS",
                "-D warnings -A rustdoc::private_intra_doc_links",
            )
            .run()
    });
    let mut results = None;
    steps.run("tests", || {
        results = Some(tests::test_workspace(workspace)?);
        Ok(())
    });
    // Needs root, for a root folder of its own.
    steps.advisory("packages", || package::check(workspace));
    steps.finish(results.as_ref())
}

/// What ran, how long it took and whether it passed.
struct Steps {
    /// Parts of the names of the steps that run; none for all.
    only: Vec<String>,
    done: Vec<Step>,
}

struct Step {
    name: &'static str,
    elapsed: Duration,
    outcome: Outcome,
}

#[derive(Clone, Copy, PartialEq)]
enum Outcome {
    Passed,
    Warned,
    Failed,
}

impl Steps {
    fn run(&mut self, name: &'static str, step: impl FnOnce() -> Result<()>) {
        self.record(name, step, Outcome::Failed);
    }

    /// A step whose failure is shown but does not fail the whole.
    fn advisory(&mut self, name: &'static str, step: impl FnOnce() -> Result<()>) {
        self.record(name, step, Outcome::Warned);
    }

    fn record(&mut self, name: &'static str, step: impl FnOnce() -> Result<()>, on_error: Outcome) {
        if !self.only.is_empty() && !self.only.iter().any(|part| name.contains(part.as_str())) {
            return;
        }
        println!("== {name}");
        let start = Instant::now();
        let outcome = match step() {
            Ok(()) => Outcome::Passed,
            Err(error) => {
                println!("{error:#}");
                on_error
            }
        };
        let elapsed = start.elapsed();
        println!("== {name}: {} after {}", outcome.word(), seconds(elapsed));
        self.done.push(Step {
            name,
            elapsed,
            outcome,
        });
    }

    fn finish(&self, results: Option<&TestResults>) -> Result<()> {
        println!("== summary");
        for step in &self.done {
            println!(
                "{:>8}  {:<8}{}",
                seconds(step.elapsed),
                step.outcome.word(),
                step.name
            );
        }
        let total = self.done.iter().map(|step| step.elapsed).sum();
        println!("{:>8}  in all", seconds(total));
        if let Some(results) = results {
            results.print();
        }
        let failed: Vec<&str> = self
            .done
            .iter()
            .filter(|step| step.outcome == Outcome::Failed)
            .map(|step| step.name)
            .collect();
        if !failed.is_empty() {
            bail!("failed: {}", failed.join(", "));
        }
        Ok(())
    }
}

impl Outcome {
    fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Warned => "warning",
            Self::Failed => "FAILED",
        }
    }
}

fn seconds(elapsed: Duration) -> String {
    format!("{:.1} s", elapsed.as_secs_f64())
}
