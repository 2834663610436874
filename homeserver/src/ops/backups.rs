//! Backups while the server runs: by schedule and on demand.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context;
use rustix::fs::{Access, access};
use serde::{Deserialize, Serialize};

use crate::{
    Config, Server,
    maintenance::backup::{self, Source},
    storage::Storage,
};

/// A backup that is overdue waits until clients are back after a start.
const SETTLED: Duration = Duration::from_secs(10 * 60);

/// A backup that was made.
#[derive(Debug, Serialize, Deserialize)]
pub struct Made {
    /// Its folder.
    pub path: PathBuf,
}

/// Refuses a place for backups in which this process cannot write. Nothing is made there yet: whoever checks may be
/// another user than the one the server runs as.
pub fn check_dir(config: &Config) -> anyhow::Result<()> {
    let dir = config.backup_dir();
    let unusable = || format!("backup.dir: backups cannot be written to {}", dir.display());
    let there = dir.ancestors().find(|path| path.exists());
    let there = there.with_context(unusable)?;
    anyhow::ensure!(
        there.is_dir(),
        "backup.dir: {} is no folder",
        there.display()
    );
    access(there, Access::WRITE_OK | Access::EXEC_OK).with_context(unusable)
}

/// Makes a backup where the configuration says. `now` is in milliseconds since 1970.
pub fn create(
    config: &Config,
    storage: &Storage,
    file: Option<&Path>,
    now: u64,
) -> anyhow::Result<PathBuf> {
    let source = Source {
        storage,
        server_name: config.server_name.as_str(),
        data_dir: &config.data_dir,
        config: file,
    };
    backup::create(&source, &config.backup_dir(), now)
}

/// Makes a backup of the running server.
pub async fn create_now(server: &Server) -> anyhow::Result<PathBuf> {
    let server = server.clone();
    let now = server.clock.now().get().into();
    tokio::task::spawn_blocking(move || {
        create(
            &server.config,
            &server.storage,
            server.config.file.as_deref(),
            now,
        )
    })
    .await?
}

/// Makes, verifies and prunes backups as often as the configuration says, until the server stops.
pub async fn run(server: Server) {
    let every = server.config.backup.every.0;
    let mut wait = first_wait(every, age_of_newest(&server).await);
    loop {
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = server.jobs.stopping() => return,
        }
        wait = every;
        if let Err(error) = scheduled(&server).await {
            tracing::error!("the scheduled backup failed: {error:#}");
        }
    }
}

/// How long ago the newest backup was made, if there is one.
async fn age_of_newest(server: &Server) -> Option<Duration> {
    let dir = server.config.backup_dir();
    let listed = tokio::task::spawn_blocking(move || backup::list(&dir)).await;
    let backups = match listed {
        Ok(Ok(backups)) => backups,
        Ok(Err(error)) => {
            tracing::error!("the last backup could not be found: {error:#}");
            return None;
        }
        Err(_) => return None,
    };
    let (_, newest) = backups.last()?;
    let now: u64 = server.clock.now().get().into();
    Some(Duration::from_millis(now.saturating_sub(newest.created)))
}

/// How long a server waits for its first backup since its start: one that is started anew every day makes them, too.
fn first_wait(every: Duration, age: Option<Duration>) -> Duration {
    let left = age.map_or(Duration::ZERO, |age| every.saturating_sub(age));
    left.max(SETTLED.min(every))
}

async fn scheduled(server: &Server) -> anyhow::Result<()> {
    let path = create_now(server).await?;
    let (dir, keep) = (
        server.config.backup_dir(),
        server.config.backup.keep as usize,
    );
    tokio::task::spawn_blocking(move || {
        let verified = verify(&path);
        match &verified {
            Ok(()) => tracing::info!("made and verified the backup {}", path.display()),
            Err(error) => backup::mark_damaged(&path, &format!("{error:#}"))?,
        }
        backup::prune(&dir, keep)?;
        verified
    })
    .await?
}

fn verify(path: &Path) -> anyhow::Result<()> {
    let report = backup::verify(path)?;
    anyhow::ensure!(
        report.is_clean(),
        "{} is damaged: {}",
        path.display(),
        report.problems.join("; ")
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    #[test]
    fn the_first_backup_counts_from_the_last_one() {
        let day = 24 * HOUR;
        assert_eq!(first_wait(day, Some(20 * HOUR)), 4 * HOUR);
        assert_eq!(first_wait(day, Some(Duration::ZERO)), day);
        for overdue in [None, Some(day), Some(40 * day)] {
            assert_eq!(first_wait(day, overdue), SETTLED);
        }
        let second = Duration::from_secs(1);
        assert_eq!(first_wait(second, None), second);
    }

    #[test]
    fn place_for_backups_is_a_folder_or_can_become_one() {
        let folder = tempfile::tempdir().unwrap();
        let check = |dir: &Path| {
            let text = format!(
                "server_name = \"campus.example\"\ndata_dir = \"/nowhere\"\n[backup]\ndir = {dir:?}"
            );
            check_dir(&Config::parse(&text, []).unwrap())
        };
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        check(folder.path()).unwrap();
        check(&folder.path().join("not/yet")).unwrap();
        for wrong in [file.clone(), file.join("inside")] {
            let refused = check(&wrong).unwrap_err().to_string();
            assert!(refused.contains("backup.dir"), "{refused}");
        }
    }
}
