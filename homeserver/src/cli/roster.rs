//! `fialka-server roster …`

mod cards;
mod file;

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use anyhow::Context;
use clap::{Args, Subcommand};

use super::{ConfigFile, admin_client::AdminClient};
use crate::{
    Config,
    join::JoinFile,
    roster::{
        Change, Person, PrintedCode, Role,
        routes::{PrintCodes, RosterChanges, RosterFile, ShownEntry},
    },
};

/// Classes, students and teachers of the running server.
#[derive(Args)]
pub(super) struct Roster {
    #[command(flatten)]
    pub(super) file: ConfigFile,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Show what a file would change, and change it with --apply.
    Import {
        /// A table with the headings class, role, surname, name and, if wanted, login and code (CSV).
        file: PathBuf,
        /// Make the server so.
        #[arg(long)]
        apply: bool,
    },
    /// Write everybody who is in the list now into a table.
    Export {
        /// The table (CSV).
        file: PathBuf,
    },
    /// Give everybody who has not signed in yet a new code, and write cards to print.
    Cards {
        /// The page with the cards (HTML).
        file: PathBuf,
        /// Only for this class.
        #[arg(long)]
        class: Option<String>,
    },
}

impl Roster {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let config = self.file.load()?;
        super::block_on(self.action.run(&config))
    }
}

impl Action {
    async fn run(self, config: &Config) -> anyhow::Result<()> {
        let client = AdminClient::new(config)?;
        match self {
            Self::Import { file, apply } => {
                let text = file::read(&file)?;
                let request = RosterFile { text, apply };
                let done: RosterChanges = client.post_patiently("/roster/import", &request).await?;
                report(&done, apply);
            }
            Self::Export { file } => {
                let entries: Vec<ShownEntry> = client.get("/roster").await?;
                write(&file, &file::table(&entries))?;
            }
            Self::Cards { file, class } => {
                let request = PrintCodes { class };
                let codes: Vec<PrintedCode> =
                    client.post_patiently("/roster/codes", &request).await?;
                let address = JoinFile::of(config)?.address;
                write(&file, &cards::page(&codes, &address))?;
                println!("{} cards in {}", codes.len(), file.display());
            }
        }
        Ok(())
    }
}

/// Writes a file with names of people, and with what lets them in.
fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    Ok(())
}

fn report(done: &RosterChanges, applied: bool) {
    for change in &done.changes {
        println!("{}", line(change));
    }
    let count = done.changes.len();
    if applied {
        println!(
            "{count} changes made, {} memberships arranged",
            done.memberships
        );
    } else if count > 0 {
        println!("{count} changes; nothing is changed yet: add --apply");
    } else {
        println!("nothing to change");
    }
}

fn line(change: &Change) -> String {
    match change {
        Change::NewClass { class } => format!("+ class {class}"),
        Change::ClassGone { class } => format!("- class {class}: its room becomes read-only"),
        Change::NewPerson {
            person,
            has_account,
        } => {
            let remark = if *has_account {
                ", who has an account already"
            } else {
                ""
            };
            format!("+ {}{remark}", describe(person))
        }
        Change::PersonGone { person } => format!("- {}: the account is locked", describe(person)),
        Change::PersonBack { person } => {
            format!("+ {}: is back, the account is unlocked", describe(person))
        }
        Change::Changed { before, after } => {
            format!("~ {} -> {}", describe(before), describe(after))
        }
    }
}

fn describe(person: &Person) -> String {
    let role = match person.role {
        Role::Student => "",
        Role::Teacher => ", teacher",
    };
    format!(
        "{}  {} {} ({}{role})",
        person.login,
        person.surname,
        person.name,
        person.classes.join(", ")
    )
}
