//! Messages of users who left for good and asked that newcomers do not see what they wrote.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3accountdeactivate)
//!
//! Nothing is redacted: those who were in a room before can still read. Others are shown the events as a redaction would
//! leave them.

use std::{collections::HashMap, sync::Arc};

use parking_lot::RwLock;
use ruma::RoomVersionId;

use super::{Rooms, event::RoomEvent, viewer::Viewer};
use crate::{
    error::{ApiError, ApiResult},
    events::{redact::redact, versions},
    ids::{StreamPos, UserNid},
    storage::{Commit, Result, Snapshot, tables},
};

/// The users, each with when they asked for it. Nearly always there are few.
#[derive(Default)]
pub(super) struct Erased(RwLock<HashMap<UserNid, StreamPos>>);

impl Rooms {
    /// Reads who was erased, before anything is shown.
    pub fn load_erased(&self) -> Result<()> {
        let snapshot = self.storage().snapshot();
        let rows = tables::ERASED_USER.scan(&snapshot, ())?;
        let erased = rows.collect::<Result<HashMap<_, _>>>()?;
        *self.inner.erased.0.write() = erased;
        Ok(())
    }

    /// From now on hides what a user wrote from those who come later.
    pub async fn erase_sender(&self, user: UserNid) -> ApiResult {
        let commit = Commit::new(move |batch, pos| tables::ERASED_USER.put(batch, user, &pos));
        let at = self.storage().commit(commit).await?;
        self.inner.erased.0.write().entry(user).or_insert(at);
        Ok(())
    }

    /// Who sent an event and was erased since, and when.
    fn erased_sender(&self, event: &RoomEvent) -> ApiResult<Option<(UserNid, StreamPos)>> {
        // The room itself, its name and members, stays as it is.
        if self.inner.erased.0.read().is_empty() || event.pdu.state_key().is_some() {
            return Ok(None);
        }
        let Some(sender) = self.storage().interner().find_user(event.pdu.sender())? else {
            return Ok(None);
        };
        let at = self.inner.erased.0.read().get(&sender).copied();
        Ok(at.map(|at| (sender, at)))
    }

    /// Whether an event is given to other servers only as a redaction would leave it: who of their users was there when
    /// its sender was erased, only they know, and those have it.
    pub(super) fn is_erased(&self, event: &RoomEvent) -> ApiResult<bool> {
        Ok(self.erased_sender(event)?.is_some())
    }

    /// What is left of an event for somebody who came after its sender was erased; none if they see it as it is.
    pub(super) fn erased_for(
        &self,
        snapshot: &Snapshot<'_>,
        event: &RoomEvent,
        viewer: &Viewer<'_>,
    ) -> ApiResult<Option<Arc<RoomEvent>>> {
        let Some((sender, at)) = self.erased_sender(event)? else {
            return Ok(None);
        };
        let was_there = viewer
            .row
            .as_ref()
            .is_some_and(|row| row.was_joined && row.joined_at <= at);
        if was_there || viewer.user == sender {
            return Ok(None);
        }
        let summary = self.summary(snapshot, event.row.room)?;
        let version = summary.and_then(|summary| RoomVersionId::try_from(summary.version).ok());
        let rules = version
            .as_ref()
            .and_then(versions::rules)
            .ok_or_else(|| ApiError::internal(anyhow::anyhow!("a room has no known version")))?;
        Ok(Some(Arc::new(RoomEvent {
            nid: event.nid,
            row: event.row.clone(),
            pdu: redact(&event.pdu, rules).map_err(ApiError::internal)?,
        })))
    }
}
