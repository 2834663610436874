//! How much there is on the server.

use serde::{Deserialize, Serialize};

use crate::{
    ApiResult, Server,
    storage::{Family, Result, Snapshot, tables},
};

/// What the running server says of itself.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// The version of the program.
    pub version: String,
    /// The name of the homeserver.
    pub server_name: String,
    /// For how many seconds it has been running.
    pub uptime_seconds: u64,
    /// Accounts that are not closed.
    pub users: u64,
    /// Rooms that the server knows.
    pub rooms: u64,
    /// Events, roughly.
    pub events: u64,
    /// Files, those of other servers that are kept here included.
    pub files: u64,
    /// Bytes of these files.
    pub file_bytes: u64,
    /// Bytes of the database.
    pub database_bytes: u64,
}

impl Stats {
    /// Counts what there is.
    pub async fn of(server: &Server) -> ApiResult<Self> {
        let storage = server.storage.clone();
        let database_bytes = Family::ALL
            .into_iter()
            .map(|family| storage.disk_bytes(family))
            .sum::<Result<u64>>()?;
        let stats = Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            server_name: server.config.server_name.to_string(),
            uptime_seconds: server.clock.elapsed().as_secs(),
            events: storage.estimated_rows(Family::EventIds)?,
            database_bytes,
            ..Self::default()
        };
        Ok(storage.read(|snapshot| stats.counted(snapshot)).await?)
    }

    fn counted(mut self, snapshot: &Snapshot<'_>) -> Result<Self> {
        for row in tables::ACCOUNT.scan(snapshot, ())? {
            let (_, account) = row?;
            self.users += u64::from(!account.deactivated);
        }
        for row in tables::ROOM.scan(snapshot, ())? {
            row?;
            self.rooms += 1;
        }
        for row in tables::MEDIA.scan(snapshot, ())? {
            let (_, file) = row?;
            self.files += 1;
            self.file_bytes += file.size;
        }
        Ok(self)
    }
}
