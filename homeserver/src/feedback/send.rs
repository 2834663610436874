//! Taking what somebody reports.

use ruma::{MilliSecondsSinceUnixEpoch, OwnedMxcUri, OwnedUserId};

use super::{
    Category, Feedback, FeedbackRow, KEPT_PROBLEMS, Problem, ProblemId, ProblemRow, Seen, Status,
    group_of, groups,
    store::{self, problems, reports},
};
use crate::{
    ApiError, ApiResult,
    ids::{StreamPos, UserNid},
    storage::{self, Batch, Commit, Snapshot, tables},
};

/// Characters of the longest report.
const MAX_TEXT_LENGTH: usize = 4_000;
/// Bytes of what a client may say of itself.
const MAX_DIAGNOSTICS_LENGTH: usize = 16 * 1024;
/// Letters of the longest id of a report.
const MAX_ID_LENGTH: usize = 64;
/// Characters of a title that is made of a report.
const TITLE_LENGTH: usize = 80;
/// Reports of one problem whose words are kept. The people are counted on.
const KEPT_REPORTS: usize = 200;
/// Reports somebody is shown of their own.
const SHOWN_OWN: usize = 100;

/// What somebody reports.
#[derive(Clone, Debug)]
pub struct NewFeedback {
    /// Their client's id for it: the same id again is the same report.
    pub client_id: String,
    /// Of what kind it is.
    pub category: Category,
    /// Their words.
    pub text: String,
    /// The problem it is about, if they chose one.
    pub same_as: Option<ProblemId>,
    /// When it was written.
    pub written_at: Option<MilliSecondsSinceUnixEpoch>,
    /// A picture of the window.
    pub screenshot: Option<OwnedMxcUri>,
    /// What the client says of itself: a JSON object.
    pub diagnostics: Option<String>,
}

/// Something somebody reported, with the problem it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Own {
    /// What they wrote.
    pub row: FeedbackRow,
    /// The problem.
    pub seen: Seen,
}

impl NewFeedback {
    /// Refuses what is too much or too little.
    pub fn check(&self) -> ApiResult {
        let is_id = |id: &str| {
            (1..=MAX_ID_LENGTH).contains(&id.len())
                && id
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
        };
        if !is_id(&self.client_id) {
            return Err(ApiError::invalid_param(
                "\"id\" has 1 to 64 letters a-z, digits, or \"_.-\".",
            ));
        }
        if self.text.chars().count() > MAX_TEXT_LENGTH {
            return Err(ApiError::invalid_param(
                "\"text\" may have 4000 characters.",
            ));
        }
        if self.text.trim().is_empty() && self.same_as.is_none() {
            return Err(ApiError::invalid_param("\"text\" is empty."));
        }
        let diagnostics = self.diagnostics.as_deref().unwrap_or("{}");
        if diagnostics.len() > MAX_DIAGNOSTICS_LENGTH {
            return Err(ApiError::too_large("\"diagnostics\" may have 16384 bytes."));
        }
        Ok(())
    }
}

/// What is known about a report before it is written.
struct Place {
    problem: Problem,
    /// Whether the person has not reported it before.
    is_new_person: bool,
    /// Reports of the problem whose words make room.
    dropped: Vec<(StreamPos, UserNid)>,
    /// A problem that makes room.
    evicted: Option<ProblemId>,
}

impl Feedback {
    /// The problem of a report that came before, if it did.
    pub async fn sent(&self, user: UserNid, client_id: &str) -> ApiResult<Option<Seen>> {
        let client_id = client_id.to_owned();
        self.inner
            .storage
            .read(move |snapshot| {
                let Some(pos) = tables::FEEDBACK_SENT.get(snapshot, (user, &client_id))? else {
                    return Ok(None);
                };
                match tables::FEEDBACK_OF_USER.get(snapshot, (user, pos))? {
                    Some(id) => Ok(super::see(snapshot, user, id)?),
                    None => Ok(None),
                }
            })
            .await
    }

    /// Takes a report: a person is counted with the problem it is about, which may be a new one.
    pub async fn send(
        &self,
        user: UserNid,
        user_id: OwnedUserId,
        new: NewFeedback,
    ) -> ApiResult<Seen> {
        new.check()?;
        let _turn = self.inner.turn.lock().await;
        if let Some(seen) = self.sent(user, &new.client_id).await? {
            return Ok(seen);
        }
        let now = self.inner.clock.now();
        let terms = groups::terms(&new.text);
        let recognised = self.recognise(&new, &terms);
        let row = FeedbackRow {
            reporter: user_id,
            client_id: new.client_id,
            at: now,
            written_at: new.written_at.filter(|written| *written <= now),
            category: new.category,
            text: new.text,
            screenshot: new.screenshot,
            diagnostics: new.diagnostics,
        };
        let (chosen, report) = (new.same_as, row.clone());
        let mut place = self
            .inner
            .storage
            .read(move |snapshot| place(snapshot, user, chosen.or(recognised), chosen, &report))
            .await?;
        let problem = &mut place.problem.row;
        problem.samples = groups::with_sample(std::mem::take(&mut problem.samples), terms);
        problem.reports += 1;
        problem.people += u32::from(place.is_new_person);
        problem.last_at = now;
        // What comes back after everybody was told that it is solved is not solved.
        if problem.status == Status::Told {
            problem.status = Status::New;
        }
        self.write(user, row, &place).await?;
        Ok(Seen {
            problem: place.problem,
            mine: true,
        })
    }

    /// The problem that a report is about by its words.
    fn recognise(&self, new: &NewFeedback, terms: &[String]) -> Option<ProblemId> {
        let is_idea = new.category == Category::Idea;
        let groups = self.inner.groups.read();
        let found = groups.similar(terms, Some(is_idea));
        found
            .into_iter()
            .find(groups::Match::is_same)
            .map(|found| found.id)
    }

    async fn write(&self, user: UserNid, row: FeedbackRow, place: &Place) -> ApiResult {
        let Problem { id, row: problem } = place.problem.clone();
        let evicted = match place.evicted {
            Some(evicted) => Some((evicted, self.rows_of(evicted).await?)),
            None => None,
        };
        let dropped = place.dropped.clone();
        let at = u64::from(row.at.get());
        let commit = Commit::new(move |batch, pos| {
            if let Some((evicted, rows)) = evicted {
                remove(batch, evicted, &rows);
            }
            for (pos, reporter) in dropped {
                tables::FEEDBACK.delete(batch, (id, pos));
                tables::FEEDBACK_OF_USER.delete(batch, (reporter, pos));
            }
            tables::PROBLEM.put(batch, id, &problem);
            tables::PROBLEM_PERSON.put(batch, (id, user), &at);
            tables::FEEDBACK_SENT.put(batch, (user, &row.client_id), &pos);
            tables::FEEDBACK_OF_USER.put(batch, (user, pos), &id);
            tables::FEEDBACK.put(batch, (id, pos), &row);
        });
        self.inner.storage.commit(commit).await?;
        let mut groups = self.inner.groups.write();
        if let Some(evicted) = place.evicted {
            groups.remove(evicted);
        }
        groups.put(id, group_of(&place.problem.row));
        Ok(())
    }

    /// The reports of a problem with the numbers of those who made them.
    pub(super) async fn rows_of(
        &self,
        id: ProblemId,
    ) -> ApiResult<Vec<(StreamPos, UserNid, String)>> {
        let storage = self.inner.storage.clone();
        self.inner
            .storage
            .read(move |snapshot| {
                let mut rows = Vec::new();
                for (pos, row) in reports(snapshot, id)? {
                    rows.push((pos, storage.interner().user(&row.reporter)?, row.client_id));
                }
                Ok(rows)
            })
            .await
    }

    /// What somebody has reported, newest first.
    pub async fn own(&self, user: UserNid) -> ApiResult<Vec<Own>> {
        self.inner
            .storage
            .read(move |snapshot| {
                let mut own = Vec::new();
                for row in tables::FEEDBACK_OF_USER.scan_back(snapshot, (user,))? {
                    let ((_, pos), id) = row?;
                    let seen = super::see(snapshot, user, id)?;
                    let row = tables::FEEDBACK.get(snapshot, (id, pos))?;
                    own.extend(row.zip(seen).map(|(row, seen)| Own { row, seen }));
                    if own.len() == SHOWN_OWN {
                        break;
                    }
                }
                Ok(own)
            })
            .await
    }

    /// Removes the words of somebody who left for good and wants them gone. They stay counted.
    pub async fn erase(&self, user: UserNid) -> ApiResult {
        let _turn = self.inner.turn.lock().await;
        let (reports, lonely) = self
            .inner
            .storage
            .read(move |snapshot| {
                let (mut reports, mut lonely) = (Vec::new(), Vec::new());
                for row in tables::FEEDBACK_OF_USER.scan(snapshot, (user,))? {
                    let ((_, pos), id) = row?;
                    reports.push((id, pos));
                    // The title is made of their words.
                    let problem = store::problem(snapshot, id)?;
                    let is_theirs = |row: &ProblemRow| row.people == 1 && !row.is_titled;
                    if problem.is_some_and(|problem| is_theirs(&problem.row)) {
                        lonely.push(id);
                    }
                }
                ApiResult::Ok((reports, lonely))
            })
            .await?;
        let gone = lonely.clone();
        let commit = Commit::silent(move |batch| {
            for (id, pos) in reports {
                tables::FEEDBACK.delete(batch, (id, pos));
            }
            tables::FEEDBACK_OF_USER.delete_prefix(batch, (user,));
            tables::FEEDBACK_SENT.delete_prefix(batch, (user,));
            for id in gone {
                remove(batch, id, &[]);
            }
        });
        self.inner.storage.commit(commit).await?;
        let mut groups = self.inner.groups.write();
        for id in lonely {
            groups.remove(id);
        }
        Ok(())
    }
}

/// Where a report belongs.
fn place(
    snapshot: &Snapshot<'_>,
    user: UserNid,
    id: Option<ProblemId>,
    chosen: Option<ProblemId>,
    report: &FeedbackRow,
) -> ApiResult<Place> {
    let known = match id {
        Some(id) => store::problem(snapshot, id)?,
        None => None,
    };
    if known.is_none() && chosen.is_some() {
        return Err(ApiError::not_found("There is no such problem."));
    }
    let Some(problem) = known else {
        return Ok(Place {
            problem: Problem {
                id: store::next_id(snapshot)?,
                row: new_problem(report),
            },
            is_new_person: true,
            dropped: Vec::new(),
            evicted: superfluous(snapshot)?,
        });
    };
    let mut dropped = Vec::new();
    if problem.row.reports as usize >= KEPT_REPORTS {
        let kept = reports(snapshot, problem.id)?;
        let excess = (kept.len() + 1).saturating_sub(KEPT_REPORTS);
        for (pos, row) in kept.into_iter().take(excess) {
            let reporter = tables::USER_NID.get(snapshot, row.reporter.as_str())?;
            dropped.extend(reporter.map(|reporter| (pos, reporter)));
        }
    }
    Ok(Place {
        is_new_person: !tables::PROBLEM_PERSON.contains(snapshot, (problem.id, user))?,
        dropped,
        evicted: None,
        problem,
    })
}

fn new_problem(report: &FeedbackRow) -> ProblemRow {
    ProblemRow {
        title: title(&report.text),
        is_titled: false,
        category: report.category,
        status: Status::New,
        fixed_in: None,
        first_at: report.at,
        last_at: report.at,
        people: 0,
        reports: 0,
        samples: Vec::new(),
    }
}

/// The problem that makes room for another one when there are too many: one that is dealt with, or else the one that was
/// not reported for the longest time.
fn superfluous(snapshot: &Snapshot<'_>) -> storage::Result<Option<ProblemId>> {
    let mut all = problems(snapshot)?;
    if all.len() < KEPT_PROBLEMS {
        return Ok(None);
    }
    all.sort_by_key(|problem| (problem.row.status != Status::Told, problem.row.last_at));
    Ok(all.first().map(|problem| problem.id))
}

/// Removes a problem with everything that was written about it.
fn remove(batch: &mut Batch<'_>, id: ProblemId, rows: &[(StreamPos, UserNid, String)]) {
    for (pos, reporter, client_id) in rows {
        tables::FEEDBACK_OF_USER.delete(batch, (*reporter, *pos));
        tables::FEEDBACK_SENT.delete(batch, (*reporter, client_id));
    }
    tables::FEEDBACK.delete_prefix(batch, (id,));
    tables::FEEDBACK_REPLY.delete_prefix(batch, (id,));
    tables::PROBLEM_PERSON.delete_prefix(batch, (id,));
    tables::PROBLEM.delete(batch, id);
}

/// The beginning of a text, cut after a word.
pub(super) fn title(text: &str) -> String {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty());
    let line = line.unwrap_or_default();
    if line.chars().count() <= TITLE_LENGTH {
        return line.to_owned();
    }
    let cut: String = line.chars().take(TITLE_LENGTH).collect();
    let end = cut.rfind(char::is_whitespace).unwrap_or(cut.len());
    format!("{}…", cut[..end].trim_end_matches([',', '.', ':', ' ']))
}
