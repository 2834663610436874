//! Contents in a bucket that no media id stands for: of uploads that were not completed, and of deletions that could not
//! reach the service.
//!
//! In a folder such contents are found when the server starts. Reading the list of a bucket takes longer, so it is done
//! once a day beside everything else, and contents that may belong to an upload that is under way are left alone.

use std::time::Duration;

use futures::{StreamExt, TryStreamExt};

use super::{Media, store::ContentHash};
use crate::{
    ApiResult,
    storage::{Snapshot, tables},
};

/// What was written later than this long ago may be waiting for its row.
const SETTLED: Duration = Duration::from_secs(24 * 60 * 60);
/// Contents that are looked up at once.
const AT_ONCE: usize = 1_000;

impl Media {
    /// Removes contents from the bucket that no media id stands for. Returns how many.
    pub(super) async fn remove_orphans(&self) -> ApiResult<usize> {
        let Some(bucket) = self.inner.contents.bucket() else {
            return Ok(0);
        };
        let now = u64::from(self.inner.clock.now().get());
        let before = now.saturating_sub(SETTLED.as_millis() as u64);
        let mut orphans = Vec::new();
        let mut listed = bucket.contents_before(before).try_chunks(AT_ONCE);
        while let Some(some) = listed.next().await {
            let some = some.map_err(|error| error.1)?;
            let unknown = self.inner.storage.read(move |snapshot| {
                let mut unknown = Vec::new();
                for hash in some {
                    if !is_known(snapshot, hash)? {
                        unknown.push(hash);
                    }
                }
                ApiResult::Ok(unknown)
            });
            orphans.extend(unknown.await?);
        }
        let mut removed = 0;
        for hash in orphans {
            // No upload that found the content there may get its row written while the content is deleted.
            let _turn = self.inner.placing.write().await;
            let is_known = self
                .inner
                .storage
                .read(move |snapshot| is_known(snapshot, hash));
            if !is_known.await? {
                bucket.delete(&hash).await?;
                removed += 1;
            }
        }
        Ok(removed)
    }
}

fn is_known(snapshot: &Snapshot<'_>, hash: ContentHash) -> crate::storage::Result<bool> {
    let mut addresses = tables::MEDIA_OF_CONTENT.scan(snapshot, (hash,))?;
    Ok(addresses.next().transpose()?.is_some())
}
