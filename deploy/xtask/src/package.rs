//! `cargo xtask package`: what people install.

mod archive;
mod bot;
mod clean_root;
mod client;
mod debian;
mod screen;
mod server;
mod service;
mod windows;

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};

use crate::{system_packages, workspace::Workspace};

/// How many threads compress: each of them needs some hundred megabytes.
const THREADS: &str = "2";

#[derive(Args)]
pub(crate) struct Options {
    /// What to package.
    what: What,
    /// Package the debug build, which is there after the tests.
    #[arg(long)]
    debug: bool,
    /// Install the package in a clean root (or under Wine), use it and remove it again. Needs root.
    #[arg(long)]
    check: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum What {
    /// The homeserver.
    Server,
    /// The room bot.
    Bot,
    /// The desktop client.
    Client,
    /// The desktop client for Windows.
    Windows,
}

pub(crate) fn package(workspace: &Workspace, options: &Options) -> Result<()> {
    match options.what {
        What::Server => {
            build(workspace, "homeserver", options.debug)?;
            server::package(workspace, options.debug, options.check)
        }
        What::Bot => {
            build(workspace, "bot", options.debug)?;
            bot::package(workspace, options.debug, options.check)
        }
        What::Client => {
            build(workspace, "client", options.debug)?;
            client::package(workspace, options.debug, options.check)
        }
        What::Windows => windows::package(workspace, options.debug, options.check),
    }
}

/// Packages the debug builds of server and bot that the tests have made, and tries them out in a clean root.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    server::package(workspace, true, true)?;
    bot::package(workspace, true, true)
}

/// Builds the programs of a crate.
fn build(workspace: &Workspace, package: &str, debug: bool) -> Result<()> {
    system_packages::install_missing(workspace)?;
    let profile: &[&str] = if debug { &[] } else { &["--release"] };
    workspace
        .cargo(["build", "--package", package, "--bins"])
        .args(profile)
        .run()
}

/// A copy of a program without its symbols: they are most of a debug build, and nobody needs them at a campus.
fn stripped(workspace: &Workspace, program: &str, debug: bool) -> Result<PathBuf> {
    let copy = output(workspace)?.join(format!("{program}.stripped"));
    workspace
        .program("strip")
        .args(["--strip-unneeded", "-o"])
        .args([&copy, &workspace.binary(program, !debug)])
        .run()?;
    Ok(copy)
}

/// Where packages go.
fn output(workspace: &Workspace) -> Result<PathBuf> {
    let folder = workspace.target.join("package");
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// A folder that a package is made of, empty at first.
fn empty_folder(path: &Path) -> Result<()> {
    if path.exists() {
        fs::remove_dir_all(path)?;
    }
    fs::create_dir_all(path)?;
    Ok(())
}

/// Copies a file to where it is to be, with these permissions.
fn place(from: &Path, to: &Path, mode: u32) -> Result<()> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::copy(from, to)
        .with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
    fs::set_permissions(to, fs::Permissions::from_mode(mode))?;
    Ok(())
}
