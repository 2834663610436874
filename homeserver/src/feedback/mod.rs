//! What people say about Fialka itself: what is broken, awkward or unclear, and what they wish for.
//!
//! Reports of the same thing are one [`Problem`] ([`groups`] recognises them). What counts is how many *different people*
//! a problem concerns, so that is what is counted, shown to whoever is about to report it too, and sorted by when
//! administrators ask. Answers go to everybody who reported a problem, as a notice of the server.

mod changes;
mod groups;
mod replies;
pub mod routes;
mod send;
pub mod store;
#[cfg(test)]
mod tests;
mod triage;

use std::sync::Arc;

use parking_lot::RwLock;
use tokio::sync::{Mutex, Notify};

pub use self::{
    changes::ProblemChange,
    send::NewFeedback,
    store::{Category, FeedbackRow, Problem, ProblemId, ProblemRow, ReplyRow, Status},
    triage::{Details, Listed, Wanted},
};
use self::{
    groups::{Group, Groups},
    store::problems,
};
use crate::{
    clock::SharedClock,
    error::ApiResult,
    ids::UserNid,
    storage::{self, Snapshot, Storage, tables},
};

/// Problems that are kept.
const KEPT_PROBLEMS: usize = 5_000;
/// Problems that somebody is shown while they write.
const SHOWN_SIMILAR: usize = 3;
/// A problem that so many people reported is no secret of the first one of them.
const PEOPLE_WHO_MAKE_PUBLIC: u32 = 2;

/// The service. Clones share it.
#[derive(Clone)]
pub struct Feedback {
    inner: Arc<Inner>,
}

struct Inner {
    storage: Storage,
    clock: SharedClock,
    groups: RwLock<Groups>,
    /// Held while problems change.
    turn: Mutex<()>,
    /// There are answers to be sent.
    replied: Notify,
}

/// A problem as people see it who are no administrators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The problem.
    pub problem: Problem,
    /// Whether the person has reported it.
    pub mine: bool,
}

impl Seen {
    /// The title, unless it is the words of a single other person: these are for administrators only.
    pub fn title(&self) -> Option<&str> {
        let row = &self.problem.row;
        let is_public = row.is_titled || row.people >= PEOPLE_WHO_MAKE_PUBLIC;
        (self.mine || is_public).then_some(row.title.as_str())
    }
}

impl Feedback {
    /// The feedback in a database.
    pub fn open(storage: Storage, clock: SharedClock) -> storage::Result<Self> {
        let mut groups = Groups::default();
        for problem in problems(&storage.snapshot())? {
            groups.put(problem.id, group_of(&problem.row));
        }
        Ok(Self {
            inner: Arc::new(Inner {
                storage,
                clock,
                groups: RwLock::new(groups),
                turn: Mutex::default(),
                replied: Notify::new(),
            }),
        })
    }

    /// Problems that somebody may be about to report again, the closest one first.
    pub async fn similar(
        &self,
        user: UserNid,
        text: &str,
        category: Option<Category>,
    ) -> ApiResult<Vec<Seen>> {
        let is_idea = category.map(|category| category == Category::Idea);
        let terms = groups::terms(text);
        let found = self.inner.groups.read().similar(&terms, is_idea);
        self.inner
            .storage
            .read(move |snapshot| {
                let mut seen = Vec::new();
                for found in found.iter().take(SHOWN_SIMILAR) {
                    seen.extend(see(snapshot, user, found.id)?);
                }
                Ok(seen)
            })
            .await
    }
}

/// A problem as a person sees it.
fn see(snapshot: &Snapshot<'_>, user: UserNid, id: ProblemId) -> storage::Result<Option<Seen>> {
    let Some(problem) = store::problem(snapshot, id)? else {
        return Ok(None);
    };
    let mine = tables::PROBLEM_PERSON.contains(snapshot, (problem.id, user))?;
    Ok(Some(Seen { problem, mine }))
}

fn group_of(row: &ProblemRow) -> Group {
    Group {
        is_idea: row.category == Category::Idea,
        samples: row.samples.clone(),
    }
}
