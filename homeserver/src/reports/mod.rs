//! What users report to the administrators: events, rooms and other users.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#reporting-content)
//!
//! Reports are kept until an administrator removes them, or until there are too many: then the oldest go.

pub mod routes;
pub mod store;

use std::sync::Arc;

use ruma::{OwnedEventId, OwnedRoomId, OwnedUserId, RoomId, UserId};
use tokio::sync::Mutex;

pub use self::store::{Report, ReportId, ReportRow, Subject, SubjectKind};
use crate::{
    clock::SharedClock,
    error::{ApiError, ApiResult},
    rooms::{Rooms, look::Reader},
    storage::{Commit, Storage, tables},
    users::Users,
};

/// Reports that are kept.
const KEPT: usize = 20_000;
/// Bytes of the longest reason. Whoever has more to say can say it in a message.
const MAX_REASON_LENGTH: usize = 4_000;

/// The reports. Clones share everything.
#[derive(Clone)]
pub struct Reports {
    storage: Storage,
    clock: SharedClock,
    users: Users,
    rooms: Rooms,
    /// How many there are, once they were counted. Held while one is added or removed.
    count: Arc<Mutex<Option<usize>>>,
}

/// Which reports somebody wants to see.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Only those after this one in the order asked for.
    pub after: Option<ReportId>,
    /// Whether the oldest come first.
    pub oldest_first: bool,
    /// Only those of this user.
    pub reporter: Option<OwnedUserId>,
    /// Only those about this room or its events.
    pub room: Option<OwnedRoomId>,
    /// Only those about this.
    pub kind: Option<SubjectKind>,
    /// Only those about this user or their events.
    pub about: Option<OwnedUserId>,
    /// How many at most.
    pub limit: usize,
}

/// Some reports.
#[derive(Clone, Debug)]
pub struct Found {
    /// The reports.
    pub reports: Vec<Report>,
    /// How many there are that fit, without the limit.
    pub total: usize,
}

impl Reports {
    /// The reports in a database.
    pub fn new(storage: Storage, clock: SharedClock, users: Users, rooms: Rooms) -> Self {
        Self {
            storage,
            clock,
            users,
            rooms,
            count: Arc::default(),
        }
    }

    /// Takes a report of a room, which the reporter need not be in.
    pub async fn report_room(
        &self,
        reporter: &UserId,
        room_id: &RoomId,
        reason: String,
    ) -> ApiResult {
        let room = self.rooms.find(room_id)?;
        let known = self
            .rooms
            .read(move |rooms, snapshot| Ok(rooms.summary(snapshot, room)?.is_some()))
            .await?;
        if !known {
            return Err(ApiError::not_found("This server does not know the room."));
        }
        let subject = Subject::Room {
            room: room_id.to_owned(),
        };
        self.add(reporter, subject, Some(reason), None).await
    }

    /// Takes a report of an event. Only those who are in the room and can see the event may report it.
    pub async fn report_event(
        &self,
        reader: Reader,
        (room_id, event_id): (OwnedRoomId, OwnedEventId),
        reason: Option<String>,
        score: Option<i64>,
    ) -> ApiResult {
        let reporter = reader.user.clone();
        let unknown =
            || ApiError::not_found("There is no such event, or you are not in the room it is in.");
        let event = event_id.clone();
        let seen = self.rooms.look(reader, &room_id, move |look| {
            look.require_joined()?;
            Ok(look.reported_event(&event)?.pdu.sender().to_owned())
        });
        // Why it cannot be reported is nobody's business.
        let sender = seen.await.map_err(|error| {
            if error.status().is_client_error() {
                unknown()
            } else {
                error
            }
        })?;
        let subject = Subject::Event {
            room: room_id,
            event: event_id,
            sender,
        };
        self.add(&reporter, subject, reason, score).await
    }

    /// Takes a report of a user.
    pub async fn report_user(
        &self,
        reporter: &UserId,
        user_id: &UserId,
        reason: String,
    ) -> ApiResult {
        let is_known = if user_id.server_name() == self.users.server_name() {
            self.users.account(user_id).await?.is_some()
        } else {
            self.storage.interner().find_user(user_id)?.is_some()
        };
        if !is_known {
            return Err(ApiError::not_found("This server does not know the user."));
        }
        let subject = Subject::User {
            user: user_id.to_owned(),
        };
        self.add(reporter, subject, Some(reason), None).await
    }

    async fn add(
        &self,
        reporter: &UserId,
        subject: Subject,
        reason: Option<String>,
        score: Option<i64>,
    ) -> ApiResult {
        if reason
            .as_ref()
            .is_some_and(|reason| reason.len() > MAX_REASON_LENGTH)
        {
            return Err(ApiError::invalid_param(
                "The reason of a report may have 4000 bytes.",
            ));
        }
        let row = ReportRow {
            at: self.clock.now(),
            reporter: reporter.to_owned(),
            subject,
            reason,
            score,
        };
        let mut count = self.count.lock().await;
        let before = self.counted(&mut count).await?;
        let excess = (before + 1).saturating_sub(KEPT);
        let oldest = self
            .storage
            .read(move |snapshot| store::oldest(snapshot, excess))
            .await?;
        let removed = oldest.len();
        let commit = Commit::new(move |batch, pos| {
            for id in oldest {
                tables::REPORT.delete(batch, id);
            }
            tables::REPORT.put(batch, ReportId(pos.0), &row);
        });
        self.storage.commit(commit).await?;
        *count = Some(before + 1 - removed);
        Ok(())
    }

    async fn counted(&self, count: &mut Option<usize>) -> ApiResult<usize> {
        if let Some(count) = *count {
            return Ok(count);
        }
        let counted = self.storage.read(store::count).await?;
        *count = Some(counted);
        Ok(counted)
    }

    /// Reports that fit, newest first unless asked otherwise.
    pub async fn find(&self, wanted: Wanted) -> ApiResult<Found> {
        Ok(self
            .storage
            .read(move |snapshot| store::find(snapshot, &wanted))
            .await?)
    }

    /// One report.
    pub async fn get(&self, id: ReportId) -> ApiResult<Option<Report>> {
        Ok(self
            .storage
            .read(move |snapshot| store::get(snapshot, id))
            .await?)
    }

    /// Removes a report that was dealt with. Whether there was one.
    pub async fn remove(&self, id: ReportId) -> ApiResult<bool> {
        let mut count = self.count.lock().await;
        if self.get(id).await?.is_none() {
            return Ok(false);
        }
        let commit = Commit::silent(move |batch| tables::REPORT.delete(batch, id));
        self.storage.commit(commit).await?;
        *count = count.map(|count| count.saturating_sub(1));
        Ok(true)
    }
}

#[cfg(test)]
mod tests;
