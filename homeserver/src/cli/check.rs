//! `fialka-server check`

use anyhow::bail;
use clap::Args;

use super::ConfigFile;
use crate::{
    Config, appservice,
    config::Listen,
    federation,
    http::Listener,
    keys,
    maintenance::{self, check::Report},
    ops::backups,
    outbound, storage,
};

#[derive(Args)]
pub(super) struct Check {
    #[command(flatten)]
    file: ConfigFile,
    /// Also check every row of the database; the server must not be running.
    #[arg(long)]
    deep: bool,
}

impl Check {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let config = self.file.load()?;
        keys::load(&config.keys_dir())?;
        keys::load_old(&config.keys_dir())?;
        federation::check(&config.federation)?;
        outbound::check(&config.outbound)?;
        appservice::check(&config.appservices, &config.server_name)?;
        backups::check_dir(&config)?;
        for files in config.listen.iter().filter_map(Listen::tls) {
            Listener::check_tls(files)?;
        }
        check_owner(&config)?;
        if self.deep {
            if maintenance::is_served(&config.data_dir) {
                bail!("the server is running; stop it first, or check a backup instead");
            }
            deep(&config)?;
        }
        println!("{} is in order", self.file.path()?.display());
        Ok(())
    }
}

/// Whose the data is, if there is any. The files of a running server may change while they are read, which says nothing.
fn check_owner(config: &Config) -> anyhow::Result<()> {
    let database = config.database_dir();
    if !database.join("CURRENT").exists() {
        return Ok(());
    }
    let found = storage::inspect(&database, |snapshot| {
        anyhow::Ok(maintenance::check_owner(snapshot, &config.server_name))
    });
    match found {
        Ok(verdict) => verdict,
        Err(_) if maintenance::is_served(&config.data_dir) => Ok(()),
        Err(error) => Err(error),
    }
}

fn deep(config: &Config) -> anyhow::Result<()> {
    let report: Report = storage::inspect(&config.database_dir(), maintenance::check::check)?;
    for problem in &report.problems {
        println!("{problem}");
    }
    if !report.is_clean() {
        bail!("the database has {} problems", report.count);
    }
    println!(
        "{} events in {} rooms agree with each other",
        report.events, report.rooms
    );
    if report.orphans > 0 {
        println!("{} nodes of states belong to no event", report.orphans);
    }
    if report.stale_transactions > 0 {
        println!(
            "{} transactions belong to events that were removed",
            report.stale_transactions
        );
    }
    Ok(())
}
