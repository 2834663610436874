//! The keys inside a backup.

use std::collections::BTreeMap;

use ruma::{OwnedRoomId, api::client::backup::KeyBackupData, serde::Raw};
use serde::Deserialize;

use super::{BackupState, current, find, no_such_version, wrong_version};
use crate::{
    ApiError, ApiResult,
    e2ee::E2ee,
    ids::UserNid,
    storage::{self, Batch, Commit, Snapshot, tables},
};

/// Keys by room and session.
pub type KeysByRoom = BTreeMap<OwnedRoomId, BTreeMap<String, Raw<KeyBackupData>>>;

/// Which keys of a version are meant.
#[derive(Clone, Debug)]
pub enum BackupScope {
    /// All.
    All,
    /// Those of a room.
    Room(OwnedRoomId),
    /// One.
    Session(OwnedRoomId, String),
}

/// What decides which of two backups of one session is kept.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct Quality {
    pub(super) is_verified: bool,
    pub(super) first_message_index: u64,
    pub(super) forwarded_count: u64,
}

impl Quality {
    /// Whether this one replaces the stored one.
    /// [spec](https://spec.matrix.org/v1.19/client-server-api/#backup-algorithm-mmegolm_backupv1curve25519-aes-sha2)
    pub(super) fn is_better_than(self, stored: Self) -> bool {
        if self.is_verified != stored.is_verified {
            return self.is_verified;
        }
        let order = |quality: Self| (quality.first_message_index, quality.forwarded_count);
        order(self) < order(stored)
    }
}

impl E2ee {
    /// Adds keys to the current version of a user's backup; of two keys for one session the better one stays.
    /// [spec](https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3room_keyskeys)
    pub async fn add_backup_keys(
        &self,
        user: UserNid,
        version: String,
        keys: KeysByRoom,
    ) -> ApiResult<BackupState> {
        let _turn = self.inner.users.lock(user).await;
        let (commit, state) = self
            .read(move |_, snapshot| prepare_addition(snapshot, user, &version, keys))
            .await?;
        if let Some(commit) = commit {
            self.storage().commit(commit).await?;
        }
        Ok(state)
    }

    /// The keys of a version.
    /// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3room_keyskeys)
    pub async fn backup_keys(
        &self,
        user: UserNid,
        version: String,
        scope: BackupScope,
    ) -> ApiResult<KeysByRoom> {
        self.read(move |_, snapshot| {
            let (version, _) = find(snapshot, user, &version)?.ok_or_else(no_such_version)?;
            let mut keys = KeysByRoom::new();
            for row in stored_keys(snapshot, user, version, &scope)? {
                let (room, session, key) = row;
                let key = Raw::from_json_string(key)
                    .map_err(|_| storage::Error::Corrupt("a stored backup is not JSON"))?;
                keys.entry(room).or_default().insert(session, key);
            }
            Ok(keys)
        })
        .await
    }

    /// Deletes keys of a version.
    /// [spec](https://spec.matrix.org/v1.19/client-server-api/#delete_matrixclientv3room_keyskeys)
    pub async fn delete_backup_keys(
        &self,
        user: UserNid,
        version: String,
        scope: BackupScope,
    ) -> ApiResult<BackupState> {
        let _turn = self.inner.users.lock(user).await;
        let deleted = scope.clone();
        let (version, mut row, gone) = self
            .read(move |_, snapshot| {
                let (version, row) = find(snapshot, user, &version)?.ok_or_else(no_such_version)?;
                let gone = stored_keys(snapshot, user, version, &scope)?.len() as u64;
                Ok((version, row, gone))
            })
            .await?;
        if gone == 0 {
            return Ok(BackupState::of(&row));
        }
        row.etag += 1;
        row.count = row.count.saturating_sub(gone);
        let state = BackupState::of(&row);
        let commit = Commit::silent(move |batch| {
            delete(batch, user, version, &deleted);
            tables::BACKUP_VERSION.put(batch, (user, version), &row);
        });
        self.storage().commit(commit).await?;
        Ok(state)
    }
}

fn prepare_addition(
    snapshot: &Snapshot<'_>,
    user: UserNid,
    version: &str,
    keys: KeysByRoom,
) -> ApiResult<(Option<Commit>, BackupState)> {
    let (newest, mut row) = current(snapshot, user)?.ok_or_else(no_such_version)?;
    if newest.to_string() != version {
        return Err(wrong_version(newest));
    }
    let mut put = Vec::new();
    for (room, sessions) in keys {
        for (session, key) in sessions {
            let quality = check_key(&session, &key)?;
            let stored = tables::BACKUP_KEY.get(snapshot, (user, newest, &room, &session))?;
            match stored {
                Some(stored) if !quality.is_better_than(stored_quality(&stored)?) => continue,
                Some(_) => {}
                None => row.count += 1,
            }
            put.push((room.clone(), session, key.json().get().to_owned()));
        }
    }
    if put.is_empty() {
        return Ok((None, BackupState::of(&row)));
    }
    row.etag += 1;
    let state = BackupState::of(&row);
    let commit = Commit::silent(move |batch| {
        for (room, session, key) in put {
            tables::BACKUP_KEY.put(batch, (user, newest, room, session), &key);
        }
        tables::BACKUP_VERSION.put(batch, (user, newest), &row);
    });
    Ok((Some(commit), state))
}

fn check_key(session: &str, key: &Raw<KeyBackupData>) -> ApiResult<Quality> {
    let refuse = |error| {
        let message = format!("What is sent for session {session} is not a key of a backup.");
        ApiError::bad_json(message).because(error)
    };
    #[derive(Deserialize)]
    struct Backed {
        #[serde(flatten)]
        quality: Quality,
        /// What is encrypted, an object that only clients understand.
        #[serde(rename = "session_data")]
        _session_data: serde_json::Map<String, serde_json::Value>,
    }
    let backed: Backed = key.deserialize_as_unchecked().map_err(refuse)?;
    Ok(backed.quality)
}

fn stored_quality(key: &str) -> storage::Result<Quality> {
    serde_json::from_str(key).map_err(|_| storage::Error::Corrupt("a stored backup is malformed"))
}

fn stored_keys(
    snapshot: &Snapshot<'_>,
    user: UserNid,
    version: u64,
    scope: &BackupScope,
) -> storage::Result<Vec<(OwnedRoomId, String, String)>> {
    let rows = match scope {
        BackupScope::All => tables::BACKUP_KEY.scan(snapshot, (user, version))?,
        BackupScope::Room(room) => tables::BACKUP_KEY.scan(snapshot, (user, version, room))?,
        BackupScope::Session(room, session) => {
            let key = tables::BACKUP_KEY.get(snapshot, (user, version, room, session))?;
            return Ok(key
                .map(|key| (room.clone(), session.clone(), key))
                .into_iter()
                .collect());
        }
    };
    rows.map(|row| row.map(|((_, _, room, session), key)| (room, session, key)))
        .collect()
}

fn delete(batch: &mut Batch<'_>, user: UserNid, version: u64, scope: &BackupScope) {
    match scope {
        BackupScope::All => tables::BACKUP_KEY.delete_prefix(batch, (user, version)),
        BackupScope::Room(room) => tables::BACKUP_KEY.delete_prefix(batch, (user, version, room)),
        BackupScope::Session(room, session) => {
            tables::BACKUP_KEY.delete(batch, (user, version, room, session));
        }
    }
}
