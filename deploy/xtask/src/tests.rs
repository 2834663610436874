//! `cargo xtask test`: the tests of every crate, with the environment they rely on.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    process::Stdio,
};

use anyhow::{Result, bail};

use crate::{
    servers::{moto, synapse},
    system_packages,
    workspace::{Program, Workspace},
};

/// Installs what is missing and runs the tests that `arguments` select, by default those of the whole workspace.
pub(crate) fn test(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    system_packages::install_missing(workspace)?;
    if arguments.is_empty() {
        return test_workspace(workspace).map(|results| results.print());
    }
    // A narrower selection still needs the server binary that tests of other crates start.
    workspace
        .cargo(["build", "--package", "homeserver", "--bins"])
        .run()?;
    with_test_environment(workspace, workspace.cargo(["test"]).args(arguments)).run()
}

/// Runs the behaviour tests against Synapse, without those whose difference `known_differences.toml` explains.
pub(crate) fn test_synapse(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let synapse = synapse::environment(workspace)?;
    let explained = spec_tests(workspace)
        .args(["known-differences", "synapse"])
        .capture()?;
    let tests = workspace.cargo([
        "test",
        "--package",
        "spec-tests",
        "--tests",
        "--no-fail-fast",
        "--",
    ]);
    with_test_environment(workspace, tests.args(explained.lines()).args(arguments))
        .env("SPEC_TEST_TARGET", "synapse")
        .env("SYNAPSE_VENV", synapse)
        .run()
}

/// Runs the behaviour tests and prints which operations of the specification they cover, and how far.
pub(crate) fn spec_coverage(workspace: &Workspace) -> Result<()> {
    let ledger = workspace.target.join("spec-coverage");
    if ledger.exists() {
        fs::remove_dir_all(&ledger)?;
    }
    workspace
        .cargo(["build", "--package", "homeserver", "--bins"])
        .run()?;
    let tests = workspace.cargo([
        "test",
        "--package",
        "spec-tests",
        "--tests",
        "--no-fail-fast",
    ]);
    let tests = with_test_environment(workspace, tests)
        .env("SPEC_TEST_LEDGER", &ledger)
        .run();
    // What failing tests have covered is worth knowing, too.
    with_test_environment(
        workspace,
        spec_tests(workspace).args(["coverage"]).args([&ledger]),
    )
    .run()?;
    tests
}

/// The program beside the behaviour tests.
fn spec_tests(workspace: &Workspace) -> Program {
    workspace.cargo(["run", "--quiet", "--package", "spec-tests", "--"])
}

/// What `cargo test` said about each test binary.
pub(crate) struct TestResults {
    lines: Vec<String>,
}

impl TestResults {
    pub(crate) fn print(&self) {
        for line in &self.lines {
            println!("{line}");
        }
        let total = |what: &str| {
            self.lines
                .iter()
                .filter_map(|line| count(line, what))
                .sum::<u64>()
        };
        println!(
            "all together: {} passed; {} failed; {} ignored",
            total("passed"),
            total("failed"),
            total("ignored")
        );
    }
}

/// Builds all test binaries first, then runs them: what fails to compile is said before anything runs, and the
/// server that other crates' tests start is there.
pub(crate) fn test_workspace(workspace: &Workspace) -> Result<TestResults> {
    workspace.cargo(["test", "--workspace", "--no-run"]).run()?;
    let server = workspace.binary("fialka-server", false);
    if !server.is_file() {
        bail!("{} was not built, though tests start it.", server.display());
    }
    if workspace.spec_data().is_none() {
        println!(
            "MATRIX_SPEC_DATA is not set: answers are not checked against the specification's schemas."
        );
    }
    let tests = workspace.cargo(["test", "--workspace", "--no-fail-fast"]);
    let mut tests = with_test_environment(workspace, tests)
        .into_command()
        .stdout(Stdio::piped())
        .spawn()?;
    let mut lines = Vec::new();
    for line in tests
        .stdout
        .take()
        .into_iter()
        .flat_map(|output| BufReader::new(output).lines())
    {
        let line = line?;
        println!("{line}");
        if line.starts_with("test result:") {
            lines.push(line);
        }
    }
    let status = tests.wait()?;
    let results = TestResults { lines };
    if !status.success() {
        results.print();
        bail!("cargo test failed: {status}");
    }
    Ok(results)
}

/// The environment that tests rely on.
pub(crate) fn with_test_environment(workspace: &Workspace, cargo: Program) -> Program {
    let server = workspace.binary("fialka-server", false);
    let cargo = cargo
        .env("SPEC_TEST_SERVER_BIN", &server)
        .env("CLIENT_TEST_SERVER_BIN", &server);
    let cargo = match moto::program(workspace) {
        Some(program) => cargo.env("SPEC_TEST_S3_SERVER", program),
        None => cargo,
    };
    match workspace.spec_data() {
        Some(folder) => cargo.env("MATRIX_SPEC_DATA", folder),
        None => cargo,
    }
}

/// The number before a word: `test result: ok. 12 passed; 0 failed; …`.
fn count(line: &str, what: &str) -> Option<u64> {
    let words: Vec<&str> = line.split([' ', ';']).collect();
    let position = words.iter().position(|word| *word == what)?;
    words.get(position.checked_sub(1)?)?.parse().ok()
}

#[cfg(test)]
mod unit_tests {
    use super::count;

    #[test]
    fn counts_are_read_from_result_lines() {
        let line = "test result: ok. 12 passed; 1 failed; 3 ignored; 0 measured; 0 filtered out; finished in 0.10s";
        assert_eq!(count(line, "passed"), Some(12));
        assert_eq!(count(line, "ignored"), Some(3));
        assert_eq!(count("test result:", "passed"), None);
    }
}
