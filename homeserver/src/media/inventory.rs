//! Which files there are: by user, and how much they are.

use std::collections::HashMap;

use parking_lot::Mutex;
use ruma::{MilliSecondsSinceUnixEpoch, OwnedServerName, ServerName, UInt};

use super::{Media, NOBODY, store::MediaRow};
use crate::{
    ApiError, ApiResult,
    ids::UserNid,
    storage::{self, Batch, Snapshot, Storage, tables},
};

/// A file as administrators see it.
#[derive(Clone, Debug)]
pub struct MediaInfo {
    /// The server of its address.
    pub server_name: OwnedServerName,
    /// The rest of its address.
    pub media_id: String,
    /// What is known of it.
    pub row: MediaRow,
    /// When it was last fetched, to a day.
    pub last_access: Option<MilliSecondsSinceUnixEpoch>,
    /// Who has hidden its content.
    pub quarantined_by: Option<String>,
    /// Whether quarantine by user or room leaves it alone.
    pub protected: bool,
}

/// How much somebody stores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Files.
    pub files: u64,
    /// Bytes, each file counted in full however often its content is stored.
    pub bytes: u64,
}

/// How much users store, once it was asked for.
#[derive(Default)]
pub(super) struct Ledger {
    known: Mutex<HashMap<UserNid, Usage>>,
}

impl Ledger {
    fn known(&self, user: UserNid) -> Option<Usage> {
        self.known.lock().get(&user).copied()
    }

    /// Counts a file, unless that is more than the quota.
    fn charge(&self, user: UserNid, stored: Usage, size: u64, quota: u64) -> bool {
        let mut known = self.known.lock();
        let usage = known.entry(user).or_insert(stored);
        let bytes = usage.bytes.saturating_add(size);
        if bytes > quota {
            return false;
        }
        usage.bytes = bytes;
        usage.files += 1;
        true
    }

    /// Takes a file out of the count.
    pub(super) fn refund(&self, user: UserNid, size: u64) {
        if let Some(usage) = self.known.lock().get_mut(&user) {
            usage.bytes = usage.bytes.saturating_sub(size);
            usage.files = usage.files.saturating_sub(1);
        }
    }
}

/// A file that was counted and is not stored yet: it is taken out of the count if it never is.
pub(super) struct Charge {
    media: Media,
    user: UserNid,
    size: u64,
    is_stored: bool,
}

impl Charge {
    /// The file is stored.
    pub(super) fn stored(mut self) {
        self.is_stored = true;
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        if !self.is_stored {
            self.media.inner.ledger.refund(self.user, self.size);
        }
    }
}

impl Media {
    /// Counts a file that a user is about to store. 403 if it is more than they may have.
    /// [spec](https://spec.matrix.org/v1.19/client-server-api/#content-repo-security-considerations)
    pub(super) async fn charge(&self, user: UserNid, size: u64) -> ApiResult<Option<Charge>> {
        let Some(quota) = self.inner.settings.quota.filter(|_| user != NOBODY) else {
            return Ok(None);
        };
        let stored = match self.inner.ledger.known(user) {
            Some(stored) => stored,
            None => self.usage_of(user).await?,
        };
        if self.inner.ledger.charge(user, stored, size, quota) {
            return Ok(Some(Charge {
                media: self.clone(),
                user,
                size,
                is_stored: false,
            }));
        }
        Err(ApiError::forbidden(format!(
            "This file would take you beyond your quota of {quota} bytes for uploaded files."
        )))
    }

    async fn usage_of(&self, user: UserNid) -> ApiResult<Usage> {
        self.inner
            .storage
            .read(move |snapshot| {
                let mut usage = Usage::default();
                for row in tables::MEDIA_OF_USER.scan(snapshot, (user,))? {
                    usage.files += 1;
                    usage.bytes += row?.1;
                }
                Ok(usage)
            })
            .await
    }

    /// How much each user has uploaded in a stretch of time.
    pub async fn usage_by_user(
        &self,
        from: Option<MilliSecondsSinceUnixEpoch>,
        until: Option<MilliSecondsSinceUnixEpoch>,
    ) -> ApiResult<HashMap<UserNid, Usage>> {
        let from = from.map_or(0, |from| from.get().into());
        let until = until.map_or(u64::MAX, |until| until.get().into());
        self.inner
            .storage
            .read(move |snapshot| {
                let mut all: HashMap<UserNid, Usage> = HashMap::new();
                for row in tables::MEDIA_OF_USER.scan(snapshot, ())? {
                    let ((user, created, _), size) = row?;
                    if (from..=until).contains(&created) {
                        let usage = all.entry(user).or_default();
                        usage.files += 1;
                        usage.bytes += size;
                    }
                }
                Ok(all)
            })
            .await
    }

    /// One file.
    pub async fn info(
        &self,
        server_name: &ServerName,
        media_id: &str,
    ) -> ApiResult<Option<MediaInfo>> {
        let (server_name, media_id) = (server_name.to_owned(), media_id.to_owned());
        self.inner
            .storage
            .read(move |snapshot| {
                let row = tables::MEDIA.get(snapshot, (&server_name, &media_id))?;
                row.map(|row| read_info(snapshot, server_name, media_id, row))
                    .transpose()
                    .map_err(Into::into)
            })
            .await
    }

    /// The files of a user of this server, oldest first.
    pub async fn of_user(&self, user: UserNid) -> ApiResult<Vec<MediaInfo>> {
        let own = self.inner.server_name.clone();
        self.inner
            .storage
            .read(move |snapshot| {
                let mut files = Vec::new();
                for row in tables::MEDIA_OF_USER.scan(snapshot, (user,))? {
                    let ((_, _, media_id), _) = row?;
                    if let Some(row) = tables::MEDIA.get(snapshot, (&own, &media_id))? {
                        files.push(read_info(snapshot, own.clone(), media_id, row)?);
                    }
                }
                Ok(files)
            })
            .await
    }
}

/// What administrators see of a file.
pub(super) fn read_info(
    snapshot: &Snapshot<'_>,
    server_name: OwnedServerName,
    media_id: String,
    row: MediaRow,
) -> storage::Result<MediaInfo> {
    let quarantine = tables::QUARANTINED_CONTENT.get(snapshot, row.hash)?;
    let last_access = tables::MEDIA_ACCESS.get(snapshot, (&server_name, &media_id))?;
    let last_access = last_access.and_then(|time| UInt::try_from(time).ok());
    Ok(MediaInfo {
        last_access: last_access.map(MilliSecondsSinceUnixEpoch),
        quarantined_by: quarantine.map(|row| row.by),
        protected: tables::PROTECTED_MEDIA.contains(snapshot, &media_id)?,
        server_name,
        media_id,
        row,
    })
}

/// Writes that a user has a file.
pub(super) fn put_of_user(batch: &mut Batch<'_>, media_id: &str, row: &MediaRow) {
    let created = u64::from(row.created.get());
    tables::MEDIA_OF_USER.put(batch, (row.uploader, created, media_id), &row.size);
}

/// Writes which user has which file, in a database from before that was kept.
pub(super) fn complete(storage: &Storage, own: &ServerName) -> storage::Result<()> {
    let missing = {
        let snapshot = storage.snapshot();
        if tables::MEDIA_OF_USER.scan(&snapshot, ())?.next().is_some() {
            return Ok(());
        }
        let rows = tables::MEDIA.scan(&snapshot, (own.to_owned(),))?;
        rows.collect::<storage::Result<Vec<_>>>()?
    };
    if missing.is_empty() {
        return Ok(());
    }
    storage.commit_blocking(storage::Commit::silent(move |batch| {
        for ((_, media_id), row) in missing {
            put_of_user(batch, &media_id, &row);
        }
    }))?;
    Ok(())
}
