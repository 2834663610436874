//! The command line.

pub mod admin_client;
mod backup;
mod check;
mod feedback;
mod init;
mod invite;
mod keys;
mod owner;
mod roster;
mod serve;
mod stats;
mod user;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use ruma::MilliSecondsSinceUnixEpoch;

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
    /// Make, list, verify, restore and remove backups.
    Backup(backup::Backup),
    /// Make, list, change and close accounts of the running server.
    User(user::User),
    /// Make, list and revoke registration tokens of the running server.
    Invite(invite::Invite),
    /// Import and export classes, students and teachers, and print codes for them.
    Roster(roster::Roster),
    /// List, show and answer what people report about Fialka, kept by the running server.
    Feedback(feedback::Feedback),
    /// Change the key that events and requests to other servers are signed with.
    Keys(keys::Keys),
    /// Show how much there is on the running server: people, rooms, files.
    Stats(ConfigFile),
    /// Show the version.
    Version,
}

/// Where the configuration is.
#[derive(Args)]
struct ConfigFile {
    /// The configuration file, without which only "backup verify" works.
    // What can stand in two places cannot be required of either.
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
}

impl ConfigFile {
    fn load(&self) -> anyhow::Result<Config> {
        Ok(Config::load(self.path()?)?)
    }

    fn path(&self) -> anyhow::Result<&Path> {
        let path = self.config.as_deref();
        path.context("say where the configuration is: --config FILE")
    }
}

/// Runs the command this process was started with.
pub fn run() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Serve(file) => serve::run(&file),
        Command::Init(init) => init.run(),
        Command::Check(check) => check.run(),
        Command::Backup(backup) => backup.run(),
        Command::User(user) => user.run(),
        Command::Invite(invite) => invite.run(),
        Command::Roster(roster) => roster.run(),
        Command::Feedback(feedback) => feedback.run(),
        Command::Keys(keys) => keys.run(),
        Command::Stats(file) => stats::run(&file),
        Command::Version => {
            println!("fialka-server {}", env!("CARGO_PKG_VERSION"));
            Ok(())
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fialka-server: {}", describe(&error));
            ExitCode::FAILURE
        }
    }
}

/// An error and its causes, each of them once: many errors tell of their cause themselves.
fn describe(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        let cause = cause.trim_end();
        if text.is_empty() {
            text.push_str(cause);
        } else if !text.ends_with(cause) {
            text.push_str(": ");
            text.push_str(cause);
        }
    }
    text
}

/// Runs a command that waits for the server's answers.
fn block_on(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(work)
}

/// A time for people: `2026-11-24 01:50 UTC`.
fn show_time(time: MilliSecondsSinceUnixEpoch) -> String {
    let minutes = u64::from(time.get()) / 60_000;
    let (year, month, day) = date_of(minutes / 1_440);
    let minute = minutes % 1_440;
    format!(
        "{year}-{month:02}-{day:02} {:02}:{:02} UTC",
        minute / 60,
        minute % 60
    )
}

/// Year, month and day of a number of days since 1970, by counting years from March, whose leap day comes last.
fn date_of(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, next_year) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    (year_of_era + era * 400 + next_year, month, day)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use ruma::UInt;

    use super::*;

    #[test]
    fn the_configuration_can_be_named_anywhere() {
        Arguments::command().debug_assert();
        for line in [
            "user --config c.toml list",
            "user list --config c.toml",
            "backup --config c.toml create",
            "backup create --config c.toml",
            "keys --config c.toml rotate",
            "keys rotate --config c.toml",
        ] {
            let words = std::iter::once("fialka-server").chain(line.split(' '));
            let parsed = Arguments::try_parse_from(words).unwrap();
            let file = match &parsed.command {
                Command::User(user) => &user.file,
                Command::Backup(backup) => &backup.file,
                Command::Keys(keys) => &keys.file,
                _ => unreachable!(),
            };
            assert_eq!(file.path().unwrap(), Path::new("c.toml"), "{line}");
        }
    }

    #[test]
    fn cause_is_told_once() {
        let cause = || std::io::Error::other("no such disk");
        let telling = crate::config::ConfigError::Unreadable {
            path: "x.toml".into(),
            source: cause(),
        };
        let text = "cannot read the configuration file x.toml: no such disk";
        assert_eq!(describe(&telling.into()), text);
        let silent = anyhow::Error::from(cause()).context("cannot start");
        assert_eq!(describe(&silent), "cannot start: no such disk");
    }

    #[test]
    fn times_are_shown_for_people() {
        let show = |seconds: u32| {
            show_time(MilliSecondsSinceUnixEpoch(
                UInt::from(seconds) * UInt::from(1000_u32),
            ))
        };
        assert_eq!(show(0), "1970-01-01 00:00 UTC");
        assert_eq!(show(951_782_400), "2000-02-29 00:00 UTC");
        assert_eq!(show(1_735_689_599), "2024-12-31 23:59 UTC");
    }
}
