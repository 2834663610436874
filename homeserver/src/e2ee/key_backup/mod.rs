//! Backups of room keys, encrypted by the client: versions, and the keys in them.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#server-side-key-backups)

mod keys;
#[cfg(test)]
mod tests;

use ruma::{
    api::{
        client::backup::BackupAlgorithm,
        error::{ErrorKind, WrongRoomKeysVersionErrorData},
    },
    serde::Raw,
};
use serde::Deserialize;
use serde_json::value::RawValue;

pub use self::keys::{BackupScope, KeysByRoom};
use super::{E2ee, store::BackupVersionRow};
use crate::{
    ApiError, ApiResult,
    ids::UserNid,
    storage::{Commit, Snapshot, tables},
};

/// A version of a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupInfo {
    /// Its number.
    pub version: u64,
    /// How keys are encrypted.
    pub algorithm: String,
    /// What the algorithm needs, as JSON.
    pub auth_data: String,
    /// How much is in it.
    pub state: BackupState,
}

/// How much is in a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackupState {
    /// Changes with every change of the keys.
    pub etag: u64,
    /// The number of keys.
    pub count: u64,
}

impl BackupInfo {
    fn new(version: u64, row: BackupVersionRow) -> Self {
        let state = BackupState::of(&row);
        Self {
            version,
            algorithm: row.algorithm,
            auth_data: row.auth_data,
            state,
        }
    }
}

impl BackupState {
    fn of(row: &BackupVersionRow) -> Self {
        Self {
            etag: row.etag,
            count: row.count,
        }
    }
}

/// The parts of an algorithm that the server keeps apart.
#[derive(Deserialize)]
struct AlgorithmParts {
    algorithm: String,
    auth_data: Box<RawValue>,
    #[serde(default)]
    version: Option<String>,
}

impl AlgorithmParts {
    fn parse(raw: &Raw<BackupAlgorithm>) -> ApiResult<Self> {
        // The typed form checks auth_data of algorithms the specification has.
        raw.deserialize().map_err(|error| {
            ApiError::bad_json("algorithm and auth_data do not describe a backup.").because(error)
        })?;
        raw.deserialize_as_unchecked::<Self>().map_err(|error| {
            ApiError::bad_json("algorithm and auth_data do not describe a backup.").because(error)
        })
    }
}

impl E2ee {
    /// Begins a new version of a user's backup, which is the current one from now on.
    /// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3room_keysversion)
    pub async fn create_backup(
        &self,
        user: UserNid,
        algorithm: &Raw<BackupAlgorithm>,
    ) -> ApiResult<u64> {
        let parts = AlgorithmParts::parse(algorithm)?;
        let _turn = self.inner.users.lock(user).await;
        let version = self
            .read(move |_, snapshot| {
                let last = tables::BACKUP_VERSION.scan_back(snapshot, (user,))?.next();
                Ok(last.transpose()?.map_or(1, |((_, version), _)| version + 1))
            })
            .await?;
        let row = BackupVersionRow {
            algorithm: parts.algorithm,
            auth_data: parts.auth_data.get().to_owned(),
            etag: 0,
            count: 0,
            deleted: false,
        };
        let put =
            Commit::silent(move |batch| tables::BACKUP_VERSION.put(batch, (user, version), &row));
        self.storage().commit(put).await?;
        Ok(version)
    }

    /// A version of a user's backup, or the current one.
    /// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3room_keysversion)
    pub async fn backup(&self, user: UserNid, version: Option<String>) -> ApiResult<BackupInfo> {
        self.read(move |_, snapshot| {
            let found = match version {
                Some(version) => find(snapshot, user, &version)?,
                None => current(snapshot, user)?,
            };
            let (version, row) = found.ok_or_else(no_such_version)?;
            Ok(BackupInfo::new(version, row))
        })
        .await
    }

    /// Replaces the `auth_data` of a version.
    /// [spec](https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3room_keysversionversion)
    pub async fn update_backup(
        &self,
        user: UserNid,
        version: String,
        algorithm: &Raw<BackupAlgorithm>,
    ) -> ApiResult {
        let parts = AlgorithmParts::parse(algorithm)?;
        if parts
            .version
            .as_ref()
            .is_some_and(|given| *given != version)
        {
            let message = "The version in the body is not the one in the path.";
            return Err(ApiError::invalid_param(message));
        }
        let _turn = self.inner.users.lock(user).await;
        let found = self
            .read(move |_, snapshot| find(snapshot, user, &version))
            .await?;
        let (version, mut row) = found.ok_or_else(no_such_version)?;
        if row.algorithm != parts.algorithm {
            let message = "The algorithm of a backup cannot change: create a new version.";
            return Err(ApiError::invalid_param(message));
        }
        row.auth_data = parts.auth_data.get().to_owned();
        let put =
            Commit::silent(move |batch| tables::BACKUP_VERSION.put(batch, (user, version), &row));
        self.storage().commit(put).await?;
        Ok(())
    }

    /// Deletes a version with its keys; the newest of the others is the current one then. Deleting twice is no error.
    /// [spec](https://spec.matrix.org/v1.19/client-server-api/#delete_matrixclientv3room_keysversionversion)
    pub async fn delete_backup(&self, user: UserNid, version: String) -> ApiResult {
        let _turn = self.inner.users.lock(user).await;
        let found = self
            .read(move |_, snapshot| find_any(snapshot, user, &version))
            .await?;
        let (version, row) = found.ok_or_else(no_such_version)?;
        // Deleting it once more succeeds.
        if row.deleted {
            return Ok(());
        }
        let row = BackupVersionRow {
            auth_data: String::new(),
            count: 0,
            deleted: true,
            ..row
        };
        let delete = Commit::silent(move |batch| {
            tables::BACKUP_VERSION.put(batch, (user, version), &row);
            tables::BACKUP_KEY.delete_prefix(batch, (user, version));
        });
        self.storage().commit(delete).await?;
        Ok(())
    }

    /// Removes all versions with their keys, for a user who closed their account and wants everything gone. Numbers
    /// start again then: no device is left that knows one.
    pub async fn erase_backups(&self, user: UserNid) -> ApiResult {
        let _turn = self.inner.users.lock(user).await;
        let erase = Commit::silent(move |batch| {
            tables::BACKUP_VERSION.delete_prefix(batch, (user,));
            tables::BACKUP_KEY.delete_prefix(batch, (user,));
        });
        self.storage().commit(erase).await?;
        Ok(())
    }
}

/// A version that was not deleted, by the text a client has for it.
fn find(
    snapshot: &Snapshot<'_>,
    user: UserNid,
    version: &str,
) -> ApiResult<Option<(u64, BackupVersionRow)>> {
    Ok(find_any(snapshot, user, version)?.filter(|(_, row)| !row.deleted))
}

/// A version, whether or not it was deleted.
fn find_any(
    snapshot: &Snapshot<'_>,
    user: UserNid,
    version: &str,
) -> ApiResult<Option<(u64, BackupVersionRow)>> {
    // Only the text that was given out names a version: not "+1" or "01".
    let Some(number) = version
        .parse::<u64>()
        .ok()
        .filter(|number| number.to_string() == version)
    else {
        return Ok(None);
    };
    let row = tables::BACKUP_VERSION.get(snapshot, (user, number))?;
    Ok(row.map(|row| (number, row)))
}

/// The newest version that was not deleted.
fn current(snapshot: &Snapshot<'_>, user: UserNid) -> ApiResult<Option<(u64, BackupVersionRow)>> {
    for row in tables::BACKUP_VERSION.scan_back(snapshot, (user,))? {
        let ((_, version), row) = row?;
        if !row.deleted {
            return Ok(Some((version, row)));
        }
    }
    Ok(None)
}

fn no_such_version() -> ApiError {
    ApiError::not_found("There is no such version of the key backup.")
}

fn wrong_version(current: u64) -> ApiError {
    let details = WrongRoomKeysVersionErrorData::new(current.to_string());
    let message =
        "Keys can be added to the current version of the backup only, see current_version.";
    ApiError::new(
        http::StatusCode::FORBIDDEN,
        ErrorKind::WrongRoomKeysVersion(details),
        message,
    )
}
