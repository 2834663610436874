//! What administrators decide about problems.

use std::collections::BTreeMap;

use super::{
    Feedback, Problem, ProblemId, Status, group_of,
    groups::with_sample,
    store::{self, people, reports},
    triage::no_such_problem,
};
use crate::{
    ApiError, ApiResult,
    storage::{Commit, tables},
};

/// Characters of the longest title or version.
const MAX_LENGTH: usize = 200;

/// A change of a problem: what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct ProblemChange {
    /// How far it is dealt with.
    pub status: Option<Status>,
    /// The version in which it is solved; none for an empty text.
    pub fixed_in: Option<String>,
    /// What it is called.
    pub title: Option<String>,
}

impl Feedback {
    /// Changes a problem.
    pub async fn change(&self, id: ProblemId, change: ProblemChange) -> ApiResult {
        let texts = [&change.fixed_in, &change.title];
        if texts
            .into_iter()
            .flatten()
            .any(|text| text.chars().count() > MAX_LENGTH)
        {
            return Err(ApiError::invalid_param(
                "A title or a version may have 200 characters.",
            ));
        }
        let _turn = self.inner.turn.lock().await;
        let Problem { id, mut row } = self.problem(id).await?;
        row.status = change.status.unwrap_or(row.status);
        if let Some(version) = change.fixed_in {
            row.fixed_in = Some(version).filter(|version| !version.is_empty());
        }
        if let Some(title) = change.title.filter(|title| !title.trim().is_empty()) {
            row.title = title.trim().to_owned();
            row.is_titled = true;
        }
        let commit = Commit::silent(move |batch| tables::PROBLEM.put(batch, id, &row));
        self.inner.storage.commit(commit).await?;
        Ok(())
    }

    /// Makes two problems one: what was written about `id` was about `same_as`.
    pub async fn merge(&self, id: ProblemId, same_as: ProblemId) -> ApiResult {
        let _turn = self.inner.turn.lock().await;
        let from = self.problem(id).await?;
        let mut into = self.problem(same_as).await?;
        if from.id == into.id {
            return Err(ApiError::invalid_param(
                "These are the same problem already.",
            ));
        }
        let (old, new) = (from.id, into.id);
        let (moved, merged_people, replies, names) = self
            .inner
            .storage
            .read(move |snapshot| {
                let mut everybody: BTreeMap<_, u64> = people(snapshot, new)?.into_iter().collect();
                for (user, at) in people(snapshot, old)? {
                    let last = everybody.entry(user).or_default();
                    *last = at.max(*last);
                }
                let mut replies = Vec::new();
                for row in tables::FEEDBACK_REPLY.scan(snapshot, (old,))? {
                    let ((_, pos), row) = row?;
                    replies.push((pos, row));
                }
                let mut names = vec![old];
                for row in tables::MERGED_PROBLEM.scan(snapshot, ())? {
                    let (name, target) = row?;
                    if target == old {
                        names.push(name);
                    }
                }
                ApiResult::Ok((reports(snapshot, old)?, everybody, replies, names))
            })
            .await?;
        let reporters: BTreeMap<_, _> = self
            .rows_of(old)
            .await?
            .into_iter()
            .map(|(pos, reporter, _)| (pos, reporter))
            .collect();
        let row = &mut into.row;
        row.people = u32::try_from(merged_people.len()).unwrap_or(u32::MAX);
        row.reports = row.reports.saturating_add(from.row.reports);
        row.first_at = row.first_at.min(from.row.first_at);
        row.last_at = row.last_at.max(from.row.last_at);
        for sample in from.row.samples {
            row.samples = with_sample(std::mem::take(&mut row.samples), sample);
        }
        let written = row.clone();
        let commit = Commit::silent(move |batch| {
            for (pos, report) in moved {
                if let Some(reporter) = reporters.get(&pos) {
                    tables::FEEDBACK_OF_USER.put(batch, (*reporter, pos), &new);
                }
                tables::FEEDBACK.put(batch, (new, pos), &report);
            }
            for (user, at) in merged_people {
                tables::PROBLEM_PERSON.put(batch, (new, user), &at);
            }
            for (pos, reply) in replies {
                tables::FEEDBACK_REPLY.put(batch, (new, pos), &reply);
            }
            for name in names {
                tables::MERGED_PROBLEM.put(batch, name, &new);
            }
            tables::FEEDBACK.delete_prefix(batch, (old,));
            tables::FEEDBACK_REPLY.delete_prefix(batch, (old,));
            tables::PROBLEM_PERSON.delete_prefix(batch, (old,));
            tables::PROBLEM.delete(batch, old);
            tables::PROBLEM.put(batch, new, &written);
        });
        self.inner.storage.commit(commit).await?;
        let mut groups = self.inner.groups.write();
        groups.remove(old);
        groups.put(new, group_of(&into.row));
        Ok(())
    }

    pub(super) async fn problem(&self, id: ProblemId) -> ApiResult<Problem> {
        let found = self
            .inner
            .storage
            .read(move |snapshot| store::problem(snapshot, id))
            .await?;
        found.ok_or_else(no_such_problem)
    }
}
