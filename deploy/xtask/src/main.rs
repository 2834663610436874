//! `cargo xtask …`: set-up, run, test, CI and benchmarks of the workspace.
//!
//! This crate is compiled before anything else can happen on a fresh checkout, so it has few and small
//! dependencies; whatever needs an HTTP client or a database lives in the crates it starts.

mod bench;
mod ci;
mod federation;
mod http;
mod package;
mod processes;
mod run;
mod servers;
mod system_packages;
mod tests;
mod third_party;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::workspace::Workspace;

#[derive(Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    about = "Builds, runs and checks Fialka"
)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build everything, start a homeserver with an administrator, and open the client.
    Run(run::Options),
    /// Run every test of the workspace.
    Test {
        /// Passed on to `cargo test` in place of `--workspace`, e.g. `-p homeserver sync`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Every check that a change has to pass; `.ci/run` calls this.
    Ci {
        /// Only the steps whose names contain one of these, e.g. `clippy`.
        steps: Vec<String>,
    },
    /// Measure what work costs Fialka and what it costs Synapse.
    Bench(bench::Options),
    /// Make what people install: a Debian package and a portable archive.
    Package(package::Options),
    /// Format the Rust code.
    Fmt,
    /// Run the behaviour tests against Synapse from PyPI, which tells a wrong test from a wrong server.
    TestSynapse {
        /// Passed on to the test binaries, e.g. a part of a test's name.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Let Fialka and Synapse from PyPI share rooms, over TLS.
    TestSynapseFederation(federation::Options),
    /// Start a server in each building of a campus, cut buildings off, and see that all agree afterwards.
    Campus(federation::Campus),
    /// Show which operations of the specification the behaviour tests cover.
    SpecCoverage,
    /// Let clients by others talk to each other through a homeserver.
    TestClients(third_party::Options),
}

fn main() -> ExitCode {
    if let Err(error) = perform(Arguments::parse().task) {
        eprintln!("{error:#}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn perform(task: Task) -> anyhow::Result<()> {
    let workspace = Workspace::locate()?;
    match task {
        Task::Run(options) => run::run(&workspace, &options),
        Task::Test { arguments } => tests::test(&workspace, &arguments),
        Task::Ci { steps } => ci::ci(&workspace, steps),
        Task::Package(options) => package::package(&workspace, &options),
        Task::Fmt => workspace.cargo(["fmt", "--all"]).run(),
        Task::Bench(options) => bench::bench(&workspace, &options),
        Task::TestSynapse { arguments } => tests::test_synapse(&workspace, &arguments),
        Task::TestSynapseFederation(options) => federation::test_synapse(&workspace, &options),
        Task::Campus(options) => federation::campus(&workspace, &options),
        Task::SpecCoverage => tests::spec_coverage(&workspace),
        Task::TestClients(options) => third_party::test_clients(&workspace, &options),
    }
}
