//! Rows of feedback.

use ruma::{MilliSecondsSinceUnixEpoch, OwnedMxcUri, OwnedUserId};
use serde::{Deserialize, Serialize};

use crate::{
    ids::{StreamPos, UserNid},
    records,
    storage::{Key, KeyOf, Result, Snapshot, Value, tables},
};

/// Names a problem: a small number that people can say to each other.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct ProblemId(pub u64);

impl Key for ProblemId {
    fn encode(&self, out: &mut Vec<u8>) {
        Key::encode(&self.0, out);
    }
    fn decode(input: &mut &[u8]) -> Result<Self> {
        Ok(Self(u64::decode(input)?))
    }
}

impl KeyOf<Self> for ProblemId {
    fn encode(&self, out: &mut Vec<u8>) {
        Key::encode(self, out);
    }
}

impl Value for ProblemId {
    fn to_bytes(&self) -> Result<Vec<u8>> {
        self.0.to_bytes()
    }
    fn from_bytes(bytes: &[u8]) -> Result<Self> {
        u64::from_bytes(bytes).map(Self)
    }
}

/// What kind of words somebody writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Category {
    /// Something does not work.
    Broken,
    /// Something works, but not comfortably.
    Awkward,
    /// Somebody does not understand something.
    Unclear,
    /// Somebody wishes for something.
    Idea,
}

/// How far a problem is dealt with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Nobody has looked at it.
    New,
    /// An administrator has seen that it is one.
    Confirmed,
    /// It is solved, in a version or otherwise.
    Fixed,
    /// It is solved, and those who reported it know.
    Told,
}

/// A problem: what several people wrote about the same thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProblemRow {
    /// What it is called: the beginning of the first report until an administrator finds better words.
    pub title: String,
    /// Whether an administrator wrote the title.
    pub is_titled: bool,
    /// Of what kind it is: what the first report says.
    pub category: Category,
    /// How far it is dealt with.
    pub status: Status,
    /// The version in which it is solved.
    pub fixed_in: Option<String>,
    /// When it was first reported.
    pub first_at: MilliSecondsSinceUnixEpoch,
    /// When it was last reported.
    pub last_at: MilliSecondsSinceUnixEpoch,
    /// How many different people reported it.
    pub people: u32,
    /// How often it was reported.
    pub reports: u32,
    /// The terms of a few reports, by which further ones are recognised.
    pub samples: Vec<Vec<String>>,
}

/// What one person wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedbackRow {
    /// Who.
    pub reporter: OwnedUserId,
    /// The id that their client gave it.
    pub client_id: String,
    /// When it came.
    pub at: MilliSecondsSinceUnixEpoch,
    /// When it was written, if it waited for the network.
    pub written_at: Option<MilliSecondsSinceUnixEpoch>,
    /// Of what kind it is.
    pub category: Category,
    /// Their words; may be empty for somebody who only says "me too".
    pub text: String,
    /// A picture of the window.
    pub screenshot: Option<OwnedMxcUri>,
    /// What the client says of itself: a JSON object.
    pub diagnostics: Option<String>,
}

/// An answer to everybody who reported a problem.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplyRow {
    /// When it was written.
    pub at: MilliSecondsSinceUnixEpoch,
    /// What it says.
    pub text: String,
    /// To how many people it goes.
    pub people: u32,
}

records!(ProblemRow = 1, FeedbackRow = 1, ReplyRow = 1);

/// A problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Its number.
    pub id: ProblemId,
    /// What is known of it.
    pub row: ProblemRow,
}

/// A problem, also by the number it had before it turned out to be the same as another one.
pub(super) fn problem(snapshot: &Snapshot<'_>, id: ProblemId) -> Result<Option<Problem>> {
    let id = tables::MERGED_PROBLEM.get(snapshot, id)?.unwrap_or(id);
    let row = tables::PROBLEM.get(snapshot, id)?;
    Ok(row.map(|row| Problem { id, row }))
}

/// Every problem.
pub(super) fn problems(snapshot: &Snapshot<'_>) -> Result<Vec<Problem>> {
    let rows = tables::PROBLEM.scan(snapshot, ())?;
    rows.map(|row| row.map(|(id, row)| Problem { id, row }))
        .collect()
}

/// A number that no problem has had.
pub(super) fn next_id(snapshot: &Snapshot<'_>) -> Result<ProblemId> {
    let last = tables::PROBLEM
        .scan_back(snapshot, ())?
        .next()
        .transpose()?;
    let merged = tables::MERGED_PROBLEM
        .scan_back(snapshot, ())?
        .next()
        .transpose()?;
    let last = last.map_or(0, |(id, _)| id.0);
    let merged = merged.map_or(0, |(id, _)| id.0);
    Ok(ProblemId(last.max(merged) + 1))
}

/// What was written about a problem, oldest first.
pub(super) fn reports(
    snapshot: &Snapshot<'_>,
    id: ProblemId,
) -> Result<Vec<(StreamPos, FeedbackRow)>> {
    let rows = tables::FEEDBACK.scan(snapshot, (id,))?;
    rows.map(|row| row.map(|((_, pos), row)| (pos, row)))
        .collect()
}

/// Who reported a problem, and when last, in milliseconds.
pub(super) fn people(snapshot: &Snapshot<'_>, id: ProblemId) -> Result<Vec<(UserNid, u64)>> {
    let rows = tables::PROBLEM_PERSON.scan(snapshot, (id,))?;
    rows.map(|row| row.map(|((_, user), at)| (user, at)))
        .collect()
}
