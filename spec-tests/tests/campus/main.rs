//! What Fialka has beside Matrix for a campus: its own endpoints, and the command line of administrators.
//!
//! Other servers have none of it, so these tests are skipped there.

mod feedback;
mod join;
mod official;
mod roster;

use std::process::Command;

use serde_json::json;
use spec_tests::{Homeserver, Settings, User, target::Target};

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

/// Registers the bot, with a token of an administrator.
#[track_caller]
fn register_bot(server: &Homeserver, name: &str) -> User {
    let token = command(server, "invite", &["create", "--uses", "1"]);
    let password = "correct horse battery staple";
    let wish = json!({
        "username": name,
        "password": password,
        "auth": { "type": "m.login.registration_token", "token": token.trim() },
    });
    let answer = server.post("/v3/register", &wish).ok();
    User::from_sign_in(server, &answer, password)
}
