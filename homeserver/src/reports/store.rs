//! Rows of reports.

use ruma::{MilliSecondsSinceUnixEpoch, OwnedEventId, OwnedRoomId, OwnedUserId};
use serde::{Deserialize, Serialize};

use super::{Found, Wanted};
use crate::{
    records,
    storage::{Key, KeyOf, Result, Scan, Snapshot, tables},
};

/// Names a report: the position at which it came, so that later ones have greater numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReportId(pub u64);

impl Key for ReportId {
    fn encode(&self, out: &mut Vec<u8>) {
        Key::encode(&self.0, out);
    }
    fn decode(input: &mut &[u8]) -> Result<Self> {
        Ok(Self(u64::decode(input)?))
    }
}

impl KeyOf<Self> for ReportId {
    fn encode(&self, out: &mut Vec<u8>) {
        Key::encode(self, out);
    }
}

/// What is reported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Subject {
    /// A room.
    Room {
        /// The room.
        room: OwnedRoomId,
    },
    /// An event.
    Event {
        /// Its room.
        room: OwnedRoomId,
        /// The event.
        event: OwnedEventId,
        /// Who sent it.
        sender: OwnedUserId,
    },
    /// A user.
    User {
        /// The user.
        user: OwnedUserId,
    },
}

/// Of what kind it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubjectKind {
    /// A room.
    Room,
    /// An event.
    Event,
    /// A user.
    User,
}

impl Subject {
    /// Of what kind it is.
    pub fn kind(&self) -> SubjectKind {
        match self {
            Self::Room { .. } => SubjectKind::Room,
            Self::Event { .. } => SubjectKind::Event,
            Self::User { .. } => SubjectKind::User,
        }
    }
}

/// A report as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportRow {
    /// When it was made.
    pub at: MilliSecondsSinceUnixEpoch,
    /// Who made it.
    pub reporter: OwnedUserId,
    /// About what.
    pub subject: Subject,
    /// Why.
    pub reason: Option<String>,
    /// How bad it is, from -100 to 0, as clients before v1.18 of the specification say.
    pub score: Option<i64>,
}

records!(ReportRow = 1);

impl ReportRow {
    /// The room that is reported, or in which the reported event is.
    pub fn room(&self) -> Option<&OwnedRoomId> {
        match &self.subject {
            Subject::Room { room } | Subject::Event { room, .. } => Some(room),
            Subject::User { .. } => None,
        }
    }

    /// The user who is reported, or whose event is.
    pub fn about(&self) -> Option<&OwnedUserId> {
        match &self.subject {
            Subject::User { user } => Some(user),
            Subject::Event { sender, .. } => Some(sender),
            Subject::Room { .. } => None,
        }
    }

    fn fits(&self, wanted: &Wanted) -> bool {
        let fits = |wanted: &Option<OwnedUserId>, user: Option<&OwnedUserId>| {
            wanted.is_none() || wanted.as_ref() == user
        };
        wanted.kind.is_none_or(|kind| kind == self.subject.kind())
            && fits(&wanted.reporter, Some(&self.reporter))
            && fits(&wanted.about, self.about())
            && (wanted.room.is_none() || wanted.room.as_ref() == self.room())
    }
}

/// A report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Its number.
    pub id: ReportId,
    /// What it says.
    pub row: ReportRow,
}

pub(super) fn get(snapshot: &Snapshot<'_>, id: ReportId) -> Result<Option<Report>> {
    let row = tables::REPORT.get(snapshot, id)?;
    Ok(row.map(|row| Report { id, row }))
}

pub(super) fn count(snapshot: &Snapshot<'_>) -> Result<usize> {
    let mut count = 0;
    for row in tables::REPORT.scan(snapshot, ())? {
        row?;
        count += 1;
    }
    Ok(count)
}

pub(super) fn oldest(snapshot: &Snapshot<'_>, count: usize) -> Result<Vec<ReportId>> {
    let rows = tables::REPORT.scan(snapshot, ())?.take(count);
    rows.map(|row| row.map(|(id, _)| id)).collect()
}

pub(super) fn find(snapshot: &Snapshot<'_>, wanted: &Wanted) -> Result<Found> {
    let scan: Scan<'_, ReportId, ReportRow> = if wanted.oldest_first {
        tables::REPORT.scan(snapshot, ())?
    } else {
        tables::REPORT.scan_back(snapshot, ())?
    };
    let is_after = |id: ReportId| match wanted.after {
        None => true,
        Some(after) if wanted.oldest_first => id > after,
        Some(after) => id < after,
    };
    let (mut reports, mut total) = (Vec::new(), 0);
    for row in scan {
        let (id, row) = row?;
        if !row.fits(wanted) {
            continue;
        }
        total += 1;
        if is_after(id) && reports.len() < wanted.limit {
            reports.push(Report { id, row });
        }
    }
    Ok(Found { reports, total })
}
