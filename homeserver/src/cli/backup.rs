//! `fialka-server backup`

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Args, Subcommand};

use super::{ConfigFile, admin_client::AdminClient, owner::require_owner};
use crate::{
    Config,
    clock::{Clock, SystemClock},
    maintenance::{
        self,
        backup::{self, RestoreOptions},
    },
    ops::backups::{self, Made},
    storage::{OpenOptions, Storage},
};

#[derive(Args)]
pub(super) struct Backup {
    #[command(flatten)]
    pub(super) file: ConfigFile,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make a backup, also while the server is running.
    Create,
    /// List the backups.
    List,
    /// Check every file of a backup and open its database.
    Verify {
        /// The folder of the backup.
        backup: PathBuf,
    },
    /// Put a backup in place of the data of a server that is stopped.
    Restore {
        /// The folder of the backup.
        backup: PathBuf,
        /// Move data that is there aside, into a folder of the data directory.
        #[arg(long)]
        replace: bool,
    },
    /// Remove all but the newest backups.
    Prune {
        /// How many stay; by default as many as the configuration says.
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
        keep: Option<u32>,
    },
}

impl Backup {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        match &self.command {
            Command::Create => create(&self.file.load()?, self.file.path()?),
            Command::List => list(&self.file.load()?),
            Command::Verify { backup } => verify(backup),
            Command::Restore { backup, replace } => restore(&self.file.load()?, backup, *replace),
            Command::Prune { keep } => prune(&self.file.load()?, *keep),
        }
    }
}

fn now() -> u64 {
    SystemClock::new().now().get().into()
}

fn create(config: &Config, file: &Path) -> anyhow::Result<()> {
    let made = if maintenance::is_served(&config.data_dir) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let made: Made =
            runtime.block_on(async { AdminClient::new(config)?.post("/backups", &()).await })?;
        made.path
    } else {
        require_owner(&config.data_dir)?;
        let storage = Storage::open(&config.database_dir(), OpenOptions::default())?;
        maintenance::check_owner(&storage.snapshot(), &config.server_name)?;
        backups::create(config, &storage, Some(file), now())?
    };
    println!("{}", made.display());
    Ok(())
}

fn list(config: &Config) -> anyhow::Result<()> {
    let dir = config.backup_dir();
    let found = backup::list(&dir)?;
    if found.is_empty() {
        println!("no backups in {}", dir.display());
    }
    for (path, manifest) in found {
        let remark = if backup::is_damaged(&path) {
            "  damaged"
        } else {
            ""
        };
        println!(
            "{}  {} MiB  Fialka {}{remark}",
            path.display(),
            manifest.size() >> 20,
            manifest.program
        );
    }
    Ok(())
}

fn verify(path: &Path) -> anyhow::Result<()> {
    let report = backup::verify(path)?;
    for problem in &report.problems {
        println!("{problem}");
    }
    if !report.is_clean() {
        bail!(
            "the database in {} has {} problems",
            path.display(),
            report.count
        );
    }
    println!(
        "{} is in order: {} events in {} rooms",
        path.display(),
        report.events,
        report.rooms
    );
    Ok(())
}

fn restore(config: &Config, path: &Path, replace: bool) -> anyhow::Result<()> {
    require_owner(&config.data_dir)?;
    let options = RestoreOptions {
        server_name: &config.server_name,
        replace,
        now: now(),
    };
    let restored = backup::restore(path, &config.data_dir, options)
        .with_context(|| format!("{} was not restored", path.display()))?;
    if let Some(former) = restored.former {
        println!("what was there before is in {}", former.display());
    }
    if let Some(file) = restored.config {
        println!(
            "the configuration of the backup is {}; the present one stays in place",
            file.display()
        );
    }
    println!(
        "{} is restored; clients will load everything anew",
        path.display()
    );
    Ok(())
}

fn prune(config: &Config, keep: Option<u32>) -> anyhow::Result<()> {
    let keep = keep.unwrap_or(config.backup.keep);
    for gone in backup::prune(&config.backup_dir(), keep as usize)? {
        println!("removed {}", gone.display());
    }
    Ok(())
}
