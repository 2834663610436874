//! Files of other servers, kept here after they were fetched once.

use ruma::ServerName;

use super::{
    Media,
    download::{File, Stored, is_media_id},
    upload::{Upload, blocking},
};
use crate::{
    ApiResult,
    ids::UserNid,
    storage::{Commit, tables},
};

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
        let key = (server_name.to_owned(), media_id.to_owned());
        let this = self.clone();
        self.inner
            .storage
            .read(move |snapshot| {
                let row = tables::MEDIA.get(snapshot, key)?;
                Ok(row.map(|row| this.stored(row)))
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
        let (row, received) = self.take(upload).await?;
        let this = self.clone();
        blocking(move || this.inner.blobs.keep(received)).await?;
        let (server_name, media_id, kept) =
            (server_name.to_owned(), media_id.to_owned(), row.clone());
        let commit = Commit::silent(move |batch| {
            tables::MEDIA_OF_CONTENT.put(batch, (kept.hash, &server_name, &media_id), &());
            tables::MEDIA.put(batch, (server_name, media_id), &kept);
        });
        self.inner.storage.commit(commit).await?;
        Ok(self.stored(row))
    }

    fn stored(&self, row: super::store::MediaRow) -> Stored {
        let file = File {
            path: self.inner.blobs.path(&row.hash),
            size: row.size,
        };
        Stored { row, file }
    }
}
