//! Addresses that are given out before there is a file.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixmediav1create)

use std::time::Duration;

use http::StatusCode;
use ruma::{MilliSecondsSinceUnixEpoch, OwnedMxcUri, ServerName, UInt, api::error::ErrorKind};

use super::{Media, Upload, download::not_found, store::ReservedMediaRow, upload::new_media_id};
use crate::{
    ApiError, ApiResult,
    ids::UserNid,
    storage::{self, Commit, Snapshot, tables},
};

/// How long a file may take to come.
const LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);
/// Addresses without a file that one user may have.
const MAX_PENDING: usize = 100;

impl Media {
    /// Gives out an address for a file that comes later, and tells until when.
    pub async fn reserve(
        &self,
        user: UserNid,
    ) -> ApiResult<(OwnedMxcUri, MilliSecondsSinceUnixEpoch)> {
        // One at a time, so that nobody gets more than they may by asking often enough at once.
        let _turn = self.inner.reserving.lock().await;
        let now = self.inner.clock.now();
        let (pending, expired) = self
            .inner
            .storage
            .read(move |snapshot| reserved_by(snapshot, user, now))
            .await?;
        if pending.len() >= MAX_PENDING {
            let first = pending.iter().copied().min().unwrap_or(now);
            let wait = u64::from(first.get()).saturating_sub(now.get().into());
            return Err(ApiError::limit_exceeded(Duration::from_millis(wait)));
        }
        let lifetime = UInt::try_from(LIFETIME.as_millis()).unwrap_or(UInt::MAX);
        let expires = MilliSecondsSinceUnixEpoch(now.get().saturating_add(lifetime));
        let media_id = new_media_id();
        let uri = self.uri(&media_id);
        let commit = Commit::silent(move |batch| {
            for media_id in expired {
                tables::RESERVED_MEDIA.delete(batch, &media_id);
                tables::RESERVED_MEDIA_OF_USER.delete(batch, (user, &media_id));
            }
            tables::RESERVED_MEDIA_OF_USER.put(batch, (user, &media_id), &expires.get().into());
            let row = ReservedMediaRow { user, expires };
            tables::RESERVED_MEDIA.put(batch, media_id, &row);
        });
        self.inner.storage.commit(commit).await?;
        Ok((uri, expires))
    }

    /// Receives the file of an address that was given out before.
    /// [spec](https://spec.matrix.org/v1.19/client-server-api/#put_matrixmediav3uploadservernamemediaid)
    pub async fn fill(
        &self,
        server_name: &ServerName,
        media_id: String,
        upload: Upload,
    ) -> ApiResult {
        if server_name != self.inner.server_name {
            return Err(ApiError::not_found(
                "Only addresses of this server can be filled here.",
            ));
        }
        let user = upload.uploader;
        self.check_fillable(user, media_id.clone()).await?;
        let taken = self.take(upload, false).await?;
        // Two files may have come for one address: the second one must not replace the first.
        let _turn = self.inner.reserving.lock().await;
        self.check_fillable(user, media_id.clone()).await?;
        self.keep(media_id, taken).await?;
        self.inner.arrivals.send_replace(());
        Ok(())
    }

    async fn check_fillable(&self, user: UserNid, media_id: String) -> ApiResult {
        let this = self.clone();
        self.inner
            .storage
            .read(move |snapshot| {
                let key = (&this.inner.server_name, &media_id);
                if tables::MEDIA.contains(snapshot, key)? {
                    let message = "This address has a file already.";
                    let kind = ErrorKind::CannotOverwriteMedia;
                    return Err(ApiError::new(StatusCode::CONFLICT, kind, message));
                }
                let reserved = this
                    .reservation(snapshot, &media_id)?
                    .ok_or_else(not_found)?;
                if reserved.user != user {
                    let message = "Somebody else was given this address.";
                    return Err(ApiError::forbidden(message));
                }
                Ok(())
            })
            .await
    }

    /// Whether a file may still come for a media id.
    pub(super) fn is_reserved(
        &self,
        snapshot: &Snapshot<'_>,
        media_id: &str,
    ) -> storage::Result<bool> {
        Ok(self.reservation(snapshot, media_id)?.is_some())
    }

    fn reservation(
        &self,
        snapshot: &Snapshot<'_>,
        media_id: &str,
    ) -> storage::Result<Option<ReservedMediaRow>> {
        let row = tables::RESERVED_MEDIA.get(snapshot, media_id)?;
        let now = self.inner.clock.now();
        Ok(row.filter(|row| row.expires > now))
    }
}

/// The ends of a user's reservations, and the media ids of those that are over.
fn reserved_by(
    snapshot: &Snapshot<'_>,
    user: UserNid,
    now: MilliSecondsSinceUnixEpoch,
) -> storage::Result<(Vec<MilliSecondsSinceUnixEpoch>, Vec<String>)> {
    let (mut pending, mut expired) = (Vec::new(), Vec::new());
    for row in tables::RESERVED_MEDIA_OF_USER.scan(snapshot, (user,))? {
        let ((_, media_id), expires) = row?;
        let expires = MilliSecondsSinceUnixEpoch(UInt::try_from(expires).unwrap_or(UInt::MAX));
        if expires > now {
            pending.push(expires);
        } else {
            expired.push(media_id);
        }
    }
    Ok((pending, expired))
}
