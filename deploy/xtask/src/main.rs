//! `cargo xtask …`: set-up, run, test, CI and benchmarks of the workspace.
//!
//! This crate is compiled before anything else can happen on a fresh checkout, so it has few and small
//! dependencies; whatever needs an HTTP client or a database lives in the crates it starts.

mod ci;
mod system_packages;
mod tests;
mod workspace;

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
    /// Run every test of the workspace.
    Test {
        /// Passed on to `cargo test` in place of `--workspace`, e.g. `-p homeserver sync`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Every check that a change has to pass; `.ci/run` calls this.
    Ci,
    /// Format the Rust code.
    Fmt,
}

fn main() -> anyhow::Result<()> {
    let task = Arguments::parse().task;
    let workspace = Workspace::locate()?;
    match task {
        Task::Test { arguments } => tests::test(&workspace, &arguments),
        Task::Ci => ci::ci(&workspace),
        Task::Fmt => workspace.cargo(["fmt", "--all"]).run(),
    }
}
