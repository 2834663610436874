//! Backups while the server runs: by schedule and on demand.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::{
    Config, Server,
    maintenance::backup::{self, Source},
    storage::Storage,
};

/// A backup that was made.
#[derive(Debug, Serialize, Deserialize)]
pub struct Made {
    /// Its folder.
    pub path: PathBuf,
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
    loop {
        tokio::select! {
            () = tokio::time::sleep(server.config.backup.every.0) => {}
            () = server.jobs.stopping() => return,
        }
        if let Err(error) = scheduled(&server).await {
            tracing::error!("the scheduled backup failed: {error:#}");
        }
    }
}

async fn scheduled(server: &Server) -> anyhow::Result<()> {
    let path = create_now(server).await?;
    let (dir, keep) = (
        server.config.backup_dir(),
        server.config.backup.keep as usize,
    );
    tokio::task::spawn_blocking(move || {
        let report = backup::verify(&path)?;
        anyhow::ensure!(
            report.is_clean(),
            "{} is damaged: {}",
            path.display(),
            report.problems.join("; ")
        );
        tracing::info!("made and verified the backup {}", path.display());
        backup::prune(&dir, keep).map(drop)
    })
    .await?
}
