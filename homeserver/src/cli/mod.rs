//! The command line.

pub mod admin_client;
mod check;
mod init;
mod serve;

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};

use crate::config::Config;

/// The Fialka homeserver.
#[derive(Parser)]
#[command(name = "fialka-server", version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server until it is told to stop.
    Serve(ConfigFile),
    /// Make a data directory with a configuration and a signing key.
    Init(init::Init),
    /// Check the configuration and, with --deep, the whole database of a server that is not running.
    Check(check::Check),
    /// Show the version.
    Version,
}

/// Where the configuration is.
#[derive(Args)]
struct ConfigFile {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

impl ConfigFile {
    fn load(&self) -> anyhow::Result<Config> {
        Ok(Config::load(&self.config)?)
    }
}

/// Runs the command this process was started with.
pub fn run() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Serve(file) => serve::run(&file),
        Command::Init(init) => init.run(),
        Command::Check(check) => check.run(),
        Command::Version => {
            println!("fialka-server {}", env!("CARGO_PKG_VERSION"));
            Ok(())
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fialka-server: {error:#}");
            ExitCode::FAILURE
        }
    }
}
