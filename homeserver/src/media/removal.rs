//! Deleting files: one by one, and those that nobody has fetched for long.

use std::time::Duration;

use ruma::{MilliSecondsSinceUnixEpoch, OwnedServerName, ServerName, UInt};

use super::{Media, store::ContentHash};
use crate::{
    ApiError, ApiResult,
    storage::{self, Commit, Snapshot, tables},
};

/// Which files are to go.
#[derive(Clone, Debug)]
pub struct Unused {
    /// Those that nobody has fetched, nor uploaded, since then.
    pub before: MilliSecondsSinceUnixEpoch,
    /// With more bytes than this.
    pub larger_than: u64,
    /// Copies of other servers' files rather than files of this server.
    pub remote: bool,
    /// But not those with these `mxc://` addresses.
    pub kept: Vec<String>,
}

impl Media {
    /// Deletes an address, and its content if no other address has it. Whether there was one.
    pub async fn delete(&self, server_name: &ServerName, media_id: &str) -> ApiResult<bool> {
        // No upload that found the content there may get its row written while the content is deleted.
        let _turn = self.inner.placing.write().await;
        let key = (server_name.to_owned(), media_id.to_owned());
        let own = self.inner.server_name.clone();
        let (lookup, is_own) = (key.clone(), key.0 == own);
        let found = self
            .inner
            .storage
            .read(move |snapshot| {
                let Some(row) = tables::MEDIA.get(snapshot, (&lookup.0, &lookup.1))? else {
                    return Ok(None);
                };
                let is_last = is_only_reference(snapshot, row.hash)?;
                Ok::<_, ApiError>(Some((row, is_last)))
            })
            .await?;
        let Some((row, is_last)) = found else {
            return Ok(false);
        };
        let (hash, user, size) = (row.hash, row.uploader, row.size);
        let commit = Commit::silent(move |batch| {
            let (server_name, media_id) = (&key.0, &key.1);
            tables::MEDIA.delete(batch, (server_name, media_id));
            tables::MEDIA_OF_CONTENT.delete(batch, (hash, server_name, media_id));
            tables::MEDIA_ACCESS.delete(batch, (server_name, media_id));
            if is_own {
                let created = u64::from(row.created.get());
                tables::MEDIA_OF_USER.delete(batch, (user, created, media_id));
                tables::PROTECTED_MEDIA.delete(batch, media_id);
            }
        });
        self.inner.storage.commit(commit).await?;
        if is_own {
            self.inner.ledger.refund(user, size);
        }
        if is_last {
            // Should this fail, the next start finds a content without an address.
            self.inner.contents.delete(hash).await?;
        }
        Ok(true)
    }

    /// Deletes files that nobody has fetched for long. Their media ids. What is protected or in quarantine stays.
    pub async fn delete_unused(&self, unused: Unused) -> ApiResult<Vec<String>> {
        let own = self.inner.server_name.clone();
        let found = self
            .inner
            .storage
            .read(move |snapshot| Ok::<_, ApiError>(find_unused(snapshot, &own, &unused)?))
            .await?;
        let mut deleted = Vec::new();
        for (server_name, media_id) in found {
            if self.delete(&server_name, &media_id).await? {
                deleted.push(media_id);
            }
        }
        Ok(deleted)
    }

    /// Deletes what is older than the configuration keeps, and previews of pages that are no longer good.
    pub async fn expire(&self) -> ApiResult {
        let now = self.inner.clock.now();
        let settings = &self.inner.settings;
        for (keep, remote) in [(settings.keep_local, false), (settings.keep_remote, true)] {
            let Some(keep) = keep else { continue };
            let unused = Unused {
                before: before(now, keep),
                larger_than: 0,
                remote,
                kept: Vec::new(),
            };
            let deleted = self.delete_unused(unused).await?.len();
            if deleted > 0 {
                tracing::info!(
                    deleted,
                    remote,
                    "deleted files that nobody fetched for long"
                );
            }
        }
        let removed = self.remove_orphans().await?;
        if removed > 0 {
            tracing::info!(
                removed,
                "removed contents from the bucket that belong to no file"
            );
        }
        self.expire_previews().await
    }
}

/// Whether no more than one address has a content.
fn is_only_reference(snapshot: &Snapshot<'_>, hash: ContentHash) -> storage::Result<bool> {
    let mut addresses = tables::MEDIA_OF_CONTENT.scan(snapshot, (hash,))?;
    Ok(addresses.nth(1).transpose()?.is_none())
}

fn find_unused(
    snapshot: &Snapshot<'_>,
    own: &ServerName,
    unused: &Unused,
) -> storage::Result<Vec<(OwnedServerName, String)>> {
    let mut found = Vec::new();
    for row in tables::MEDIA.scan(snapshot, ())? {
        let ((server_name, media_id), row) = row?;
        if (server_name == own) == unused.remote
            || row.size <= unused.larger_than && unused.larger_than > 0
            || row.created >= unused.before
        {
            continue;
        }
        let fetched = tables::MEDIA_ACCESS.get(snapshot, (&server_name, &media_id))?;
        if fetched.is_some_and(|fetched| fetched >= u64::from(unused.before.get()))
            || tables::QUARANTINED_CONTENT.contains(snapshot, row.hash)?
            || !unused.remote && tables::PROTECTED_MEDIA.contains(snapshot, &media_id)?
            || unused
                .kept
                .contains(&format!("mxc://{server_name}/{media_id}"))
        {
            continue;
        }
        found.push((server_name, media_id));
    }
    Ok(found)
}

/// So long before a time.
pub(super) fn before(time: MilliSecondsSinceUnixEpoch, by: Duration) -> MilliSecondsSinceUnixEpoch {
    let by = UInt::try_from(by.as_millis()).unwrap_or(UInt::MAX);
    MilliSecondsSinceUnixEpoch(time.get().saturating_sub(by))
}
