//! `cargo xtask bench`: what work costs Fialka and what it costs Synapse, in one run.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::{
    processes::Processes,
    servers::{
        Homeserver, Scratch, fialka,
        synapse::{self, Database},
    },
    workspace::Workspace,
};

#[derive(Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    part: Option<Part>,
    /// How often every row is repeated.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// How long one row loads one server, in seconds.
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Only rows whose names contain this.
    #[arg(long)]
    only: Option<String>,
    /// Write the table to docs/performance.md too.
    #[arg(long)]
    write: bool,
}

#[derive(Subcommand)]
enum Part {
    /// How many commits the storage engine makes in a second, alone and from many writers, with and without fsync.
    Append,
    /// What the desktop client costs, on a screen nobody sees; other clients that are installed beside it.
    Client,
    /// What a message costs in a room of two and in a room of six hundred.
    Push,
    /// A room of five thousand, an account with two thousand rooms, and six hundred people who sign in at once.
    Scale,
    /// How long a search takes among a million messages.
    Search,
    /// What deleting rooms and their files gives back of the disk.
    Deletion,
    /// What it costs to share rooms between servers; with Synapse where it is installed already.
    Federation,
}

/// Measures everything, or the part that was named.
pub(crate) fn bench(workspace: &Workspace, options: &Options) -> Result<()> {
    match options.part {
        None => compare(workspace, options),
        Some(Part::Append) => of_server(workspace, "append"),
        Some(Part::Client) => client(workspace, options),
        Some(Part::Push) => of_server(workspace, "push"),
        Some(Part::Scale) => scale(workspace),
        Some(Part::Search) => of_server(workspace, "search"),
        Some(Part::Deletion) => of_server(workspace, "deletion"),
        Some(Part::Federation) => federation(workspace),
    }
}

/// A benchmark that uses the homeserver as a library.
fn of_server(workspace: &Workspace, name: &str) -> Result<()> {
    workspace
        .cargo(["bench", "--package", "homeserver", "--bench", name])
        .run()
}

/// One server of ours and everything on it at once.
fn scale(workspace: &Workspace) -> Result<()> {
    let crates = ["--package", "homeserver", "--package", "bench"];
    let build = workspace.cargo(["build", "--release", "--bins"]);
    build.args(crates).run()?;
    let scratch = Scratch::new("bench-scale")?;
    let mut processes = Processes::default();
    let server = fialka::start(workspace, &mut processes, &scratch, "Fialka", true)?;
    let measure = workspace.program(workspace.binary("fialka-scale-bench", true));
    let measure = measure
        .args(["--server", &server.address.to_string()])
        .args(["--process", &server.process_ids[0].to_string()]);
    processes.run("The measurement", measure)
}

fn federation(workspace: &Workspace) -> Result<()> {
    let release = ["build", "--release", "--package", "homeserver", "--bins"];
    workspace.cargo(release).run()?;
    let bench = workspace
        .cargo(["bench", "--package", "spec-tests", "--bench", "federation"])
        .env(
            "SPEC_TEST_SERVER_BIN",
            workspace.binary("fialka-server", true),
        )
        // Checking answers against schemas would take the servers' time.
        .env("MATRIX_SPEC_DATA", workspace.target.join("no-schemas"))
        .env("SPEC_TEST_PATIENCE", "120");
    let bench = match synapse::installed(workspace) {
        Some(folder) => bench.env("SYNAPSE_VENV", folder),
        None => bench,
    };
    bench.run()
}

/// Ours twice, so that the difference between equals shows how far the numbers can be trusted, and Synapse.
fn compare(workspace: &Workspace, options: &Options) -> Result<()> {
    workspace
        .cargo([
            "build",
            "--release",
            "--package",
            "homeserver",
            "--package",
            "bench",
            "--bins",
        ])
        .run()?;
    let scratch = Scratch::new("bench")?;
    let mut processes = Processes::default();
    let ours = fialka::start(workspace, &mut processes, &scratch, "Fialka", true)?;
    let synapse = synapse::start(workspace, &mut processes, &scratch, Database::Postgres)?;
    let control = fialka::start(workspace, &mut processes, &scratch, "Fialka again", true)?;

    let mut load = workspace.program(workspace.binary("fialka-bench", true));
    for server in [&ours, &synapse, &control] {
        load = load.args(["--server", &argument(server)]);
    }
    load = load.args([
        "--rounds",
        &options.rounds.to_string(),
        "--seconds",
        &options.seconds.to_string(),
    ]);
    if let Some(only) = &options.only {
        load = load.args(["--only", only]);
    }
    if options.write {
        load = load
            .args(["--write"])
            .args([PathBuf::from("docs/performance.md")]);
    }
    processes.run("The load generator", load)
}

/// The client with fifty rooms of a server of ours.
fn client(workspace: &Workspace, options: &Options) -> Result<()> {
    let crates = ["homeserver", "client", "bench"];
    let build = workspace.cargo(["build", "--release", "--bins"]);
    build
        .args(crates.iter().flat_map(|name| ["--package", name]))
        .run()?;
    let scratch = Scratch::new("bench-client")?;
    let mut processes = Processes::default();
    let server = fialka::start(workspace, &mut processes, &scratch, "Fialka", true)?;
    let measure = workspace.program(workspace.binary("fialka-client-bench", true));
    let measure = measure
        .args(["--server", &server.address.to_string()])
        .args(["--program".into(), workspace.binary("fialka", true)])
        .args(["--folder".into(), scratch.folder("client")?]);
    let measure = match options.write {
        true => measure.args(["--write", "docs/performance.md"]),
        false => measure,
    };
    processes.run("The measurement", measure)?;
    workspace
        .cargo(["bench", "--package", "client", "--bench", "scrolling"])
        .run()
}

/// `NAME=ADDRESS=PROCESS[,PROCESS…]`, as the load generator wants it.
fn argument(server: &Homeserver) -> String {
    let ids: Vec<String> = server.process_ids.iter().map(u32::to_string).collect();
    format!("{}={}={}", server.name, server.address, ids.join(","))
}
