//! `cargo xtask test-clients`: clients by others talk to each other through a homeserver.

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result};
use clap::Args;
use serde_json::json;

use crate::{
    processes::Processes,
    servers::{Scratch, fialka, free_port, synapse},
    workspace::Workspace,
};

const FOLDER: &str = "deploy/third-party";

#[derive(Args)]
pub(crate) struct Options {
    /// Use Synapse from PyPI instead of Fialka, to tell a fault of the test from one of the server.
    #[arg(long)]
    synapse: bool,
    /// Use a homeserver that is running already and has open registration.
    #[arg(long, conflicts_with = "synapse")]
    url: Option<String>,
}

/// Installs the clients into the target directory and plays `deploy/third-party/scenario.py`.
pub(crate) fn test_clients(workspace: &Workspace, options: &Options) -> Result<()> {
    workspace
        .cargo([
            "build",
            "--package",
            "homeserver",
            "--package",
            "bot",
            "--bins",
        ])
        .run()?;
    let python = install_python_client(workspace)?;
    let node_modules = install_javascript_client(workspace)?;
    let scratch = Scratch::new("clients")?;
    let mut processes = Processes::default();
    register_bridge(&scratch)?;
    let url = match &options.url {
        Some(url) => url.clone(),
        None if options.synapse => synapse::start(
            workspace,
            &mut processes,
            &scratch,
            synapse::Database::Sqlite,
        )?
        .url(),
        None => fialka::start(workspace, &mut processes, &scratch, "fialka", false)?.url(),
    };
    start_bot(workspace, &mut processes, &scratch, &url)?;
    let scenario = workspace.root.join(FOLDER).join("scenario.py");
    let mut scenario = workspace
        .program(python)
        .args([&scenario])
        .args([url])
        .args([&node_modules]);
    // Another server does not know the bridge.
    if options.url.is_none() {
        scenario = scenario.args([scratch.registration()]);
    }
    processes.run("The scenario", scenario)
}

/// Writes down what a server has to know of the bridge before it starts.
fn register_bridge(scratch: &Scratch) -> Result<()> {
    let registration = json!({
        "id": "bridge",
        "url": format!("http://127.0.0.1:{}", free_port()?),
        "as_token": "token_of_the_bridge",
        "hs_token": "token_of_the_server",
        "sender_localpart": "bridge_bot",
        "rate_limited": false,
        "receive_ephemeral": true,
        // What Synapse calls it.
        "de.sorunome.msc2409.push_ephemeral": true,
        "namespaces": {
            "users": [
                { "exclusive": true, "regex": "@bridge_.*" },
                { "exclusive": false, "regex": "@puppet-.*" },
            ],
            "aliases": [{ "exclusive": true, "regex": "#bridge_.*" }],
            "rooms": [],
        },
    });
    // JSON is YAML.
    fs::write(scratch.registration(), registration.to_string())?;
    Ok(())
}

/// Starts the room bot, which registers itself.
fn start_bot(
    workspace: &Workspace,
    processes: &mut Processes,
    scratch: &Scratch,
    url: &str,
) -> Result<()> {
    let folder = scratch.folder("bot")?;
    let config = folder.join("bot.toml");
    let data_dir = folder.join("data");
    fs::write(
        &config,
        format!("homeserver = {url:?}\ndata_dir = {data_dir:?}\nlanguage = \"en\"\n"),
    )?;
    let bot = workspace
        .program(workspace.binary("fialka-bot", false))
        .args(["--config"])
        .args([&config]);
    processes.start("The bot", bot)?;
    Ok(())
}

/// Where this checkout's versions of the clients are installed.
fn install_folder(workspace: &Workspace) -> Result<PathBuf> {
    let folder = workspace.target.join("third-party");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    Ok(folder)
}

fn install_python_client(workspace: &Workspace) -> Result<PathBuf> {
    let folder = install_folder(workspace)?.join("python");
    let python = folder.join("bin/python");
    if !python.is_file() {
        let made = workspace
            .program("python3")
            .args(["-m", "venv"])
            .args([&folder])
            .run();
        made.context("python3 with its module venv is needed (Debian: python3-venv)")?;
    }
    let requirements = workspace.root.join(FOLDER).join("requirements.txt");
    workspace
        .program(&python)
        .args(["-m", "pip", "install", "--quiet", "--requirement"])
        .args([requirements])
        .run()?;
    Ok(python)
}

fn install_javascript_client(workspace: &Workspace) -> Result<PathBuf> {
    let folder = install_folder(workspace)?;
    let package = fs::read(workspace.root.join(FOLDER).join("package.json"))?;
    let installed = folder.join("package.json");
    let node_modules = folder.join("node_modules");
    // npm takes seconds to find out that there is nothing to do.
    if fs::read(&installed).is_ok_and(|present| present == package) && node_modules.is_dir() {
        return Ok(node_modules);
    }
    let npm = workspace.program("npm").args([
        "install",
        "--no-package-lock",
        "--no-audit",
        "--no-fund",
        "--prefix",
    ]);
    fs::write(&installed, &package)?;
    if let Err(error) = npm.args([&folder]).run() {
        fs::remove_file(&installed)?;
        return Err(error.context("npm is needed for matrix-js-sdk (Debian: npm)"));
    }
    Ok(node_modules)
}
