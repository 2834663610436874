//! What Fialka has beside Matrix for a campus: its own endpoints, and the command line of administrators.
//!
//! Other servers have none of it, so these tests are skipped there.

mod feedback;
mod join;
mod official;
mod operation;
mod roster;

use std::process::Command;

use spec_tests::{Homeserver, Settings, target::Target};

/// A Fialka of the test's own.
fn fialka(settings: &Settings) -> Option<Homeserver> {
    match Target::from_environment() {
        Target::Fialka(_) => Homeserver::own(settings),
        _ => None,
    }
}

/// Runs a command such as `feedback list` and returns what it says; `Err` with its complaint when it fails.
fn try_command(server: &Homeserver, name: &str, arguments: &[&str]) -> Result<String, String> {
    let Target::Fialka(binary) = Target::from_environment() else {
        panic!("these tests run Fialka only");
    };
    let folder = server.folder().expect("a server of this suite");
    let output = Command::new(binary)
        .args([name, "--config"])
        .arg(folder.join("fialka.toml"))
        .args(arguments)
        .output()
        .expect("the command to start");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    match output.status.success() {
        true => Ok(text(output.stdout)),
        false => Err(text(output.stderr)),
    }
}

#[track_caller]
fn command(server: &Homeserver, name: &str, arguments: &[&str]) -> String {
    try_command(server, name, arguments).unwrap_or_else(|complaint| panic!("{complaint}"))
}
