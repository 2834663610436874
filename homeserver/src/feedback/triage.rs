//! Problems as administrators see them: the most widespread first.

use std::time::Duration;

use ruma::MilliSecondsSinceUnixEpoch;

use super::{
    Category, Feedback, FeedbackRow, Problem, ProblemId, ReplyRow, Status,
    store::{self, people, problems, reports},
};
use crate::{
    ApiError, ApiResult,
    storage::{self, Snapshot, tables},
};

/// What counts as recently.
const RECENTLY: Duration = Duration::from_secs(30 * 24 * 3_600);

/// Which problems somebody wants to see.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted {
    /// Only those that are dealt with so far.
    pub status: Option<Status>,
    /// Only those of this kind.
    pub category: Option<Category>,
    /// How many at most.
    pub limit: usize,
}

/// A problem in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The problem.
    pub problem: Problem,
    /// How many different people reported it within the last thirty days.
    pub people_recently: u32,
}

/// A problem with all that was written about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Details {
    /// The problem.
    pub listed: Listed,
    /// What people wrote, oldest first.
    pub reports: Vec<FeedbackRow>,
    /// What they were answered, oldest first.
    pub replies: Vec<ReplyRow>,
    /// How many answers are still to be sent.
    pub untold: u32,
}

impl Feedback {
    /// Problems by how many different people they concern: recently, then ever, then by when they were last reported.
    pub async fn list(&self, wanted: Wanted) -> ApiResult<Vec<Listed>> {
        let since = self.recently();
        self.inner
            .storage
            .read(move |snapshot| {
                let mut listed = Vec::new();
                for problem in problems(snapshot)? {
                    let Problem { row, .. } = &problem;
                    let fits = wanted.status.is_none_or(|status| status == row.status)
                        && wanted
                            .category
                            .is_none_or(|category| category == row.category);
                    if fits {
                        listed.push(list(snapshot, problem, since)?);
                    }
                }
                listed.sort_by_key(|listed| {
                    let row = &listed.problem.row;
                    std::cmp::Reverse((listed.people_recently, row.people, row.last_at))
                });
                listed.truncate(wanted.limit);
                Ok(listed)
            })
            .await
    }

    /// A problem with all that was written about it.
    pub async fn details(&self, id: ProblemId) -> ApiResult<Details> {
        let since = self.recently();
        self.inner
            .storage
            .read(move |snapshot| {
                let problem = store::problem(snapshot, id)?.ok_or_else(no_such_problem)?;
                let id = problem.id;
                let reports = reports(snapshot, id)?;
                let mut replies = Vec::new();
                for row in tables::FEEDBACK_REPLY.scan(snapshot, (id,))? {
                    replies.push(row?.1);
                }
                let mut untold = 0;
                for row in tables::FEEDBACK_UNTOLD.scan(snapshot, ())? {
                    untold += u32::from(row?.1 == id);
                }
                Ok(Details {
                    listed: list(snapshot, problem, since)?,
                    reports: reports.into_iter().map(|(_, row)| row).collect(),
                    replies,
                    untold,
                })
            })
            .await
    }

    fn recently(&self) -> u64 {
        let now: MilliSecondsSinceUnixEpoch = self.inner.clock.now();
        u64::from(now.get()).saturating_sub(RECENTLY.as_millis() as u64)
    }
}

fn list(snapshot: &Snapshot<'_>, problem: Problem, since: u64) -> storage::Result<Listed> {
    let people = people(snapshot, problem.id)?;
    let recent = people.iter().filter(|(_, at)| *at >= since).count();
    Ok(Listed {
        people_recently: u32::try_from(recent).unwrap_or(u32::MAX),
        problem,
    })
}

pub(super) fn no_such_problem() -> ApiError {
    ApiError::not_found("There is no such problem.")
}
