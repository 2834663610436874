//! Hiding contents from everybody.
//!
//! What is hidden is a content, not an address: whoever has the same file under another address loses it too, and
//! uploading it again does not bring it back.

use ruma::{OwnedServerName, ServerName, UserId};

use super::{Media, download::not_found, store::QuarantineRow};
use crate::{
    ApiError, ApiResult,
    storage::{Commit, tables},
};

impl Media {
    /// Hides the contents of some addresses, except of those that are protected. How many addresses were meant that
    /// could be fetched before.
    pub async fn quarantine(
        &self,
        media: Vec<(OwnedServerName, String)>,
        by: &UserId,
    ) -> ApiResult<u64> {
        let own = self.inner.server_name.clone();
        let (count, hashes) = self
            .inner
            .storage
            .read(move |snapshot| {
                let (mut count, mut hashes) = (0, Vec::new());
                for (server_name, media_id) in media {
                    let is_protected = server_name == own
                        && tables::PROTECTED_MEDIA.contains(snapshot, &media_id)?;
                    let Some(row) = tables::MEDIA.get(snapshot, (&server_name, &media_id))? else {
                        continue;
                    };
                    if is_protected || tables::QUARANTINED_CONTENT.contains(snapshot, row.hash)? {
                        continue;
                    }
                    count += 1;
                    hashes.push(row.hash);
                }
                Ok::<_, ApiError>((count, hashes))
            })
            .await?;
        let row = QuarantineRow {
            by: by.to_string(),
            at: self.inner.clock.now(),
        };
        let commit = Commit::silent(move |batch| {
            for hash in hashes {
                tables::QUARANTINED_CONTENT.put(batch, hash, &row);
            }
        });
        self.inner.storage.commit(commit).await?;
        Ok(count)
    }

    /// Lets everybody see the content of an address again.
    pub async fn unquarantine(&self, server_name: &ServerName, media_id: &str) -> ApiResult {
        let info = self.info(server_name, media_id).await?;
        let hash = info.ok_or_else(not_found)?.row.hash;
        let commit = Commit::silent(move |batch| tables::QUARANTINED_CONTENT.delete(batch, hash));
        self.inner.storage.commit(commit).await?;
        Ok(())
    }

    /// Says whether quarantine leaves a file of this server alone.
    pub async fn protect(&self, media_id: &str, protected: bool) -> ApiResult {
        let own = self.inner.server_name.clone();
        if self.info(&own, media_id).await?.is_none() {
            return Err(not_found());
        }
        let media_id = media_id.to_owned();
        let commit = Commit::silent(move |batch| {
            if protected {
                tables::PROTECTED_MEDIA.put(batch, &media_id, &());
            } else {
                tables::PROTECTED_MEDIA.delete(batch, &media_id);
            }
        });
        self.inner.storage.commit(commit).await?;
        Ok(())
    }
}
