//! `cargo xtask run`: a homeserver to try out, with an administrator, the room bot, and the client.

mod administrator;
mod bot;

use std::{
    env, fs,
    net::{IpAddr, UdpSocket},
    path::{Path, PathBuf},
    process::ExitStatus,
};

use anyhow::{Context as _, Result, bail};
use clap::Args;

use crate::{
    http::{loopback, wait_until_ready},
    processes::{Processes, stop_requests},
    system_packages,
    workspace::Workspace,
};

/// The port for clients, over plain HTTP.
const CLIENT_PORT: u16 = 8008;
/// The port for clients and for other servers, with the certificate of the local authority.
const TLS_PORT: u16 = 8448;
const SERVER: &str = "The homeserver";
const CLIENT: &str = "The client";
const BOT: &str = "The bot";

#[derive(Args)]
pub(crate) struct Options {
    /// Do not open the client.
    #[arg(long)]
    headless: bool,
    /// Build with optimisation: slower to build, faster to run.
    #[arg(long)]
    release: bool,
    /// The homeserver's name in user and room ids; chosen on first use.
    #[arg(long, default_value = "localhost")]
    server_name: String,
    /// Where the homeserver keeps its data [default: fialka-dev in the user's data directory].
    #[arg(long)]
    data_dir: Option<PathBuf>,
}

/// Builds, makes the data directory on first use, starts everything and stops it on Ctrl-C.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    system_packages::install_missing(workspace)?;
    build(workspace, options)?;
    let data_dir = match &options.data_dir {
        Some(folder) => std::path::absolute(folder)?,
        None => default_data_dir()?,
    };
    let config = data_dir.join("config.toml");
    if !config.is_file() {
        initialise(workspace, options, &data_dir)?;
    }
    let server = |command| {
        let server = workspace.program(workspace.binary("fialka-server", options.release));
        server.args([command, "--config"]).args([&config])
    };
    let stop = stop_requests()?;
    let mut processes = Processes::default();
    // Open to everybody for trying out; the configuration keeps what a real installation starts with.
    let homeserver = format!("http://localhost:{CLIENT_PORT}");
    let bot = bot::prepare(&data_dir, &homeserver)?;
    let serve = server("serve")
        .env("FIALKA_REGISTRATION__MODE", "open")
        .env("FIALKA_REGISTRATION__SHARED_SECRET", &bot.shared_secret);
    processes.start(SERVER, serve)?;
    wait_until_ready(&mut processes, loopback(CLIENT_PORT))?;
    let password = administrator::add(&data_dir, || server("user"))?;
    let start_bot = workspace
        .program(workspace.binary("fialka-bot", options.release))
        .args(["--config"])
        .args([&bot.config]);
    processes.start(BOT, start_bot)?;
    print_addresses(&data_dir, &server_name(&config)?, &password);
    if !options.headless && has_display() {
        // A profile of its own: whoever uses Fialka on this computer keeps theirs.
        let client = workspace
            .program(workspace.binary("fialka", options.release))
            .args(["--server", &homeserver, "--data-dir"])
            .args([data_dir.join("client")]);
        processes.start(CLIENT, client)?;
    }
    let ended = processes.wait(&stop)?;
    println!("Stopping.");
    processes.stop();
    ended.map_or(Ok(()), |(name, status)| report_end(&name, status))
}

/// Without a client to open, its long build is saved.
fn build(workspace: &Workspace, options: &Options) -> Result<()> {
    let selection: &[&str] = if options.headless {
        &["--package", "homeserver", "--package", "bot"]
    } else {
        &["--workspace"]
    };
    let profile: &[&str] = if options.release { &["--release"] } else { &[] };
    workspace
        .cargo(["build", "--bins"])
        .args(selection)
        .args(profile)
        .run()
}

/// `fialka-dev` beside the data of the user's other programs.
fn default_data_dir() -> Result<PathBuf> {
    let data = env::var_os("XDG_DATA_HOME")
        .map(PathBuf::from)
        .filter(|folder| folder.is_absolute());
    let data = data.or_else(|| env::home_dir().map(|home| home.join(".local/share")));
    Ok(data
        .context("This user has no home directory: name one with --data-dir.")?
        .join("fialka-dev"))
}

fn initialise(workspace: &Workspace, options: &Options, data_dir: &Path) -> Result<()> {
    println!("First use: making {}", data_dir.display());
    let init = workspace
        .program(workspace.binary("fialka-server", options.release))
        .args([
            "init",
            "--server-name",
            &options.server_name,
            "--lan",
            "--data-dir",
        ])
        .args([data_dir]);
    // The certificate has to name what other computers of the network will connect to.
    match address_on_the_network() {
        Some(address) => init.args(["--address", &address.to_string()]).run(),
        None => init.run(),
    }
}

/// The name that `init` wrote into the configuration, which it keeps whatever this command is told later.
fn server_name(config: &Path) -> Result<String> {
    let text =
        fs::read_to_string(config).with_context(|| format!("cannot read {}", config.display()))?;
    let mut values = text
        .lines()
        .filter_map(|line| line.strip_prefix("server_name = "));
    Ok(values
        .next()
        .context("the configuration has no server_name")?
        .trim_matches(['"', '\''])
        .to_owned())
}

fn print_addresses(data_dir: &Path, server_name: &str, password: &str) {
    println!();
    println!("Fialka is running. Any Matrix client can sign in or register at");
    println!("  http://localhost:{CLIENT_PORT}");
    if let Some(address) = address_on_the_network() {
        println!("  http://{address}:{CLIENT_PORT}  (other computers of this network)");
    }
    println!("Administrator: @{}:{server_name}", administrator::NAME);
    println!("Password:      {password}");
    println!("Bot:           @bot:{server_name} (invite it, then write !games)");
    println!("Data:          {}", data_dir.display());
    println!("Certificate authority of https on port {TLS_PORT}: keys/campus-ca.pem in it.");
    println!("Ctrl-C stops everything.");
    println!();
}

/// This machine's address in its network: the one that a packet to elsewhere would leave from. None is sent.
fn address_on_the_network() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    // An address of the range for documentation, which routes like any other.
    socket.connect("192.0.2.1:9").ok()?;
    Some(socket.local_addr().ok()?.ip())
}

fn has_display() -> bool {
    ["DISPLAY", "WAYLAND_DISPLAY"]
        .iter()
        .any(|name| env::var_os(name).is_some_and(|value| !value.is_empty()))
}

/// Closing the client's window is a way to stop; any other end is not.
fn report_end(name: &str, status: ExitStatus) -> Result<()> {
    if name == CLIENT && status.success() {
        println!("The client was closed.");
        return Ok(());
    }
    bail!("{name} ended by itself: {status}")
}
