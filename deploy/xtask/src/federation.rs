//! Several servers together: ours with Synapse, and the buildings of a campus.

use anyhow::Result;
use clap::Args;

use crate::{servers::synapse, tests::with_test_environment, workspace::Workspace};

#[derive(Args)]
pub(crate) struct Options {
    /// How many random forks of each room version the servers resolve.
    #[arg(long, default_value_t = 50)]
    forks: u64,
    /// What the forks follow from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Passed on to the tests, e.g. a part of a test's name.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// Runs the tests in which ours and Synapse share rooms.
pub(crate) fn test_synapse(workspace: &Workspace, options: &Options) -> Result<()> {
    let synapse = synapse::environment(workspace)?;
    build_server(workspace)?;
    let tests = workspace
        .cargo([
            "test",
            "--package",
            "spec-tests",
            "--test",
            "synapse_federation",
        ])
        .args(["--no-fail-fast", "--", "--ignored"])
        .args(&options.arguments);
    with_test_environment(workspace, tests)
        .env("SYNAPSE_VENV", synapse)
        .env("SPEC_TEST_FORKS", options.forks.to_string())
        .env("SPEC_TEST_SEED", options.seed.to_string())
        .env("SPEC_TEST_PATIENCE", "60")
        .run()
}

#[derive(Args)]
pub(crate) struct Campus {
    /// Buildings, each with a server.
    #[arg(long, default_value_t = 3)]
    buildings: u64,
    /// What everything that happens follows from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How often a building is away.
    #[arg(long, default_value_t = 5)]
    rounds: u64,
}

/// Runs a campus.
pub(crate) fn campus(workspace: &Workspace, options: &Campus) -> Result<()> {
    build_server(workspace)?;
    let tests = workspace
        .cargo(["test", "--package", "spec-tests", "--test", "buildings"])
        .args(["--", "--nocapture"]);
    with_test_environment(workspace, tests)
        .env("SPEC_TEST_CAMPUS_BUILDINGS", options.buildings.to_string())
        .env("SPEC_TEST_CAMPUS_SEED", options.seed.to_string())
        .env("SPEC_TEST_CAMPUS_ROUNDS", options.rounds.to_string())
        .env("SPEC_TEST_PATIENCE", "120")
        .run()
}

fn build_server(workspace: &Workspace) -> Result<()> {
    workspace
        .cargo(["build", "--package", "homeserver", "--bins"])
        .run()
}
