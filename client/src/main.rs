//! The `fialka` program.

// Without a console window beside its own.
#![cfg_attr(windows, windows_subsystem = "windows")]

use std::{env, process::ExitCode};

use client::{
    app,
    options::{HELP, Options},
};

fn main() -> ExitCode {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    client::memory::settle();
    match Options::parse(env::args_os().skip(1)) {
        Ok(options) if options.show_help => println!("{HELP}"),
        Ok(options) if options.show_version => println!("fialka {}", env!("CARGO_PKG_VERSION")),
        Ok(options) => {
            if let Err(error) = app::run(options) {
                eprintln!("Fialka cannot start: {error:#}");
                return ExitCode::FAILURE;
            }
        }
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}
