//! Files of other servers, kept here after they were fetched once.

use ruma::ServerName;

use super::{
    Media,
    download::{Stored, is_media_id, not_found},
    upload::Upload,
};
use crate::{ApiError, ApiResult, ids::UserNid, storage::tables};

/// Stands for users whose files are not uploads to this server.
pub const NOBODY: UserNid = UserNid(0);

impl Media {
    /// The file of another server, if it was fetched before.
    pub async fn find_fetched(
        &self,
        server_name: &ServerName,
        media_id: &str,
    ) -> ApiResult<Option<Stored>> {
        if !is_media_id(media_id) {
            return Ok(None);
        }
        let (server_name, media_id) = (server_name.to_owned(), media_id.to_owned());
        let this = self.clone();
        self.inner
            .storage
            .read(move |snapshot| {
                let Some(row) = tables::MEDIA.get(snapshot, (&server_name, &media_id))? else {
                    return Ok(None);
                };
                // It is known and hidden: nobody fetches it again.
                if tables::QUARANTINED_CONTENT.contains(snapshot, row.hash)? {
                    return Err(not_found());
                }
                let fetched = tables::MEDIA_ACCESS.get(snapshot, (&server_name, &media_id))?;
                this.note_access(server_name, media_id, fetched);
                Ok(Some(this.stored(row)))
            })
            .await
    }

    /// Keeps a file of another server, as it comes in. It is bounded like an upload.
    pub async fn keep_fetched(
        &self,
        server_name: &ServerName,
        media_id: &str,
        upload: Upload,
    ) -> ApiResult<Stored> {
        let taken = self.take(upload, true).await?;
        let row = self
            .keep_as(server_name.to_owned(), media_id.to_owned(), taken)
            .await?;
        let hash = row.hash;
        let quarantined = self
            .inner
            .storage
            .read(move |snapshot| {
                Ok::<_, ApiError>(tables::QUARANTINED_CONTENT.contains(snapshot, hash)?)
            })
            .await?;
        if quarantined {
            return Err(not_found());
        }
        Ok(self.stored(row))
    }

    fn stored(&self, row: super::store::MediaRow) -> Stored {
        let file = self.inner.contents.file(&row.hash, row.size);
        Stored { row, file }
    }
}
