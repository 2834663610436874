//! `cargo xtask run`: a homeserver to try out, with an administrator, and the client.

mod administrator;

use std::{
    env,
    net::{IpAddr, UdpSocket},
    path::{Path, PathBuf},
    process::ExitStatus,
    sync::mpsc::{Receiver, RecvTimeoutError},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use clap::Args;

use self::administrator::Administrator;
use crate::{
    http::{loopback, wait_until_ready},
    processes::{Processes, stop_requests},
    system_packages,
    workspace::{Program, Workspace},
};

/// The port for clients, over plain HTTP.
const CLIENT_PORT: u16 = 8008;
/// The port for clients and for other servers, with the certificate of the local authority.
const TLS_PORT: u16 = 8448;
const SERVER: &str = "The homeserver";
const CLIENT: &str = "The client";

#[derive(Args)]
pub(crate) struct Options {
    /// Do not open the client.
    #[arg(long)]
    headless: bool,
    /// Build with optimisation: slower to build, faster to run.
    #[arg(long)]
    release: bool,
    /// The homeserver's name in user and room ids; it stays with the data.
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
    let administrator = Administrator::of(&data_dir)?;

    let stop = stop_requests()?;
    let mut processes = Processes::default();
    processes.start(SERVER, server(workspace, options, &config, &administrator))?;
    wait_until_ready(&mut processes, loopback(CLIENT_PORT))?;
    let user_id = administrator.register(loopback(CLIENT_PORT), &options.server_name)?;
    print_addresses(&data_dir, &user_id, &administrator);
    if !options.headless && has_display() {
        processes.start(
            CLIENT,
            workspace.program(workspace.binary("fialka", options.release)),
        )?;
    }
    let result = supervise(&mut processes, &stop);
    println!("Stopping.");
    processes.stop();
    result
}

fn build(workspace: &Workspace, options: &Options) -> Result<()> {
    let profile: &[&str] = if options.release { &["--release"] } else { &[] };
    workspace
        .cargo(["build", "--workspace", "--bins"])
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

/// The server, open to everybody for trying out: what differs from a real installation stands here and not in the
/// configuration that it keeps.
fn server(
    workspace: &Workspace,
    options: &Options,
    config: &Path,
    administrator: &Administrator,
) -> Program {
    workspace
        .program(workspace.binary("fialka-server", options.release))
        .args(["serve", "--config"])
        .args([config])
        .env("FIALKA_REGISTRATION__MODE", "open")
        .env(
            "FIALKA_REGISTRATION__SHARED_SECRET",
            &administrator.registration_secret,
        )
}

fn print_addresses(data_dir: &Path, user_id: &str, administrator: &Administrator) {
    println!();
    println!("Fialka is running. Any Matrix client can sign in or register at");
    println!("  http://localhost:{CLIENT_PORT}");
    if let Some(address) = address_on_the_network() {
        println!("  http://{address}:{CLIENT_PORT}  (other computers of this network)");
    }
    println!("Administrator: {user_id}");
    println!("Password:      {}", administrator.password);
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

/// Waits for Ctrl-C or for a child that ends by itself. Closing the client's window stops everything, too.
fn supervise(processes: &mut Processes, stop: &Receiver<()>) -> Result<()> {
    loop {
        match stop.recv_timeout(Duration::from_millis(200)) {
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return Ok(()),
            Err(RecvTimeoutError::Timeout) => {}
        }
        if let Some((name, status)) = processes.ended()? {
            return report_end(&name, status);
        }
    }
}

fn report_end(name: &str, status: ExitStatus) -> Result<()> {
    if name == CLIENT && status.success() {
        println!("The client was closed.");
        return Ok(());
    }
    bail!("{name} ended by itself: {status}")
}
