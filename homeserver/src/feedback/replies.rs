//! Answers to those who reported a problem.
//!
//! An answer is a row for everybody who is to get it, in the commit that takes it; a job sends them one by one as notices
//! of the server and removes the rows. A server that is killed goes on afterwards, and nobody is told twice: the notice
//! carries a transaction id.

use std::{fmt::Write as _, time::Duration};

use ruma::UserId;
use serde_json::{Value, json};

use super::{
    Feedback, Problem, ProblemId, ReplyRow, Status,
    store::{self, people, reports},
};
use crate::{
    ApiError, ApiResult,
    admin::{Admin, Notice},
    ids::{StreamPos, UserNid},
    jobs::Jobs,
    rooms::send::Transaction,
    storage::{Commit, tables},
    users::Users,
};

/// Characters of the longest answer.
const MAX_LENGTH: usize = 4_000;
/// Characters of somebody's own words that they are reminded of.
const MAX_QUOTE_LENGTH: usize = 200;
/// How long to wait before an answer that could not be sent is tried again.
const PAUSE: Duration = Duration::from_secs(60);
/// The device in the transaction ids of answers; no device has such an id.
const DEVICE: &str = "\0feedback";

/// An answer that somebody is to get.
struct Untold {
    pos: StreamPos,
    user: UserNid,
    id: ProblemId,
}

impl Feedback {
    /// Answers everybody who reported a problem; returns how many people that are. A problem that is fixed counts as told
    /// afterwards.
    pub async fn reply(&self, id: ProblemId, text: String) -> ApiResult<u32> {
        if text.trim().is_empty() || text.chars().count() > MAX_LENGTH {
            return Err(ApiError::invalid_param(
                "An answer has 1 to 4000 characters.",
            ));
        }
        let _turn = self.inner.turn.lock().await;
        let Problem { id, mut row } = self.problem(id).await?;
        let people = self
            .inner
            .storage
            .read(move |snapshot| people(snapshot, id))
            .await?;
        let count = u32::try_from(people.len()).unwrap_or(u32::MAX);
        let reply = ReplyRow {
            at: self.inner.clock.now(),
            text,
            people: count,
        };
        if row.status == Status::Fixed {
            row.status = Status::Told;
        }
        let commit = Commit::new(move |batch, pos| {
            for (user, _) in people {
                tables::FEEDBACK_UNTOLD.put(batch, (pos, user), &id);
            }
            tables::FEEDBACK_REPLY.put(batch, (id, pos), &reply);
            tables::PROBLEM.put(batch, id, &row);
        });
        self.inner.storage.commit(commit).await?;
        self.inner.replied.notify_one();
        Ok(count)
    }

    /// Sends answers until the server stops.
    pub async fn run_replies(self, users: Users, admin: Admin, jobs: Jobs) {
        loop {
            let pause = match self.send_replies(&users, &admin, &jobs).await {
                Ok(()) => None,
                Err(error) => {
                    tracing::warn!("an answer to feedback could not be sent yet: {error}");
                    Some(PAUSE)
                }
            };
            let wait = async {
                match pause {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => self.inner.replied.notified().await,
                }
            };
            tokio::select! {
                () = wait => {}
                () = jobs.stopping() => return,
            }
        }
    }

    async fn send_replies(&self, users: &Users, admin: &Admin, jobs: &Jobs) -> ApiResult {
        while !jobs.is_stopping() {
            let next = self
                .inner
                .storage
                .read(|snapshot| {
                    let row = tables::FEEDBACK_UNTOLD.scan(snapshot, ())?.next();
                    let row = row.transpose()?;
                    ApiResult::Ok(row.map(|((pos, user), id)| Untold { pos, user, id }))
                })
                .await?;
            let Some(next) = next else { return Ok(()) };
            let key = (next.pos, next.user);
            match self.tell(next, users, admin).await {
                // Whoever has left or does not want to hear gets nothing; trying again would change nothing.
                Err(error) if error.status().is_client_error() => {
                    tracing::info!("an answer to feedback is not sent: {error}");
                }
                result => result?,
            }
            let commit = Commit::silent(move |batch| tables::FEEDBACK_UNTOLD.delete(batch, key));
            self.inner.storage.commit(commit).await?;
        }
        Ok(())
    }

    async fn tell(&self, untold: Untold, users: &Users, admin: &Admin) -> ApiResult {
        let Untold { pos, user, id } = untold;
        let user_id = self.inner.storage.interner().user_id(user)?;
        let Some(account) = users.account(&user_id).await? else {
            return Ok(());
        };
        if account.row.deactivated {
            return Ok(());
        }
        let Some(content) = self.message(id, pos, &user_id).await? else {
            return Ok(());
        };
        let notice = Notice {
            event_type: "m.room.message".into(),
            state_key: None,
            content,
        };
        let transaction = Transaction {
            user,
            device: DEVICE.to_owned(),
            scope: "reply".to_owned(),
            id: pos.0.to_string(),
        };
        admin
            .send_notice(&account, notice, Some(transaction))
            .await?;
        Ok(())
    }

    /// The message to one of those who reported a problem: the answer below what they wrote.
    async fn message(
        &self,
        id: ProblemId,
        pos: StreamPos,
        user_id: &UserId,
    ) -> ApiResult<Option<Value>> {
        let user_id = user_id.to_owned();
        let found = self
            .inner
            .storage
            .read(move |snapshot| {
                // It may have become part of another problem meanwhile.
                let Some(problem) = store::problem(snapshot, id)? else {
                    return ApiResult::Ok(None);
                };
                let reply = tables::FEEDBACK_REPLY.get(snapshot, (problem.id, pos))?;
                let own = reports(snapshot, problem.id)?
                    .into_iter()
                    .map(|(_, row)| row)
                    .rfind(|row| row.reporter == user_id && !row.text.trim().is_empty());
                ApiResult::Ok(reply.map(|reply| (problem, reply, own)))
            })
            .await?;
        Ok(found.map(|(problem, reply, own)| {
            let words = own.map_or(problem.row.title.clone(), |own| own.text);
            let mut content = message(&clipped(words.trim()), reply.text.trim());
            content["org.fialka.feedback"] =
                json!({ "problem": problem.id, "status": problem.row.status });
            content
        }))
    }
}

fn message(quote: &str, text: &str) -> Value {
    let mut body = String::new();
    for line in quote.lines() {
        writeln!(body, "> {line}").expect("writing to a text cannot fail");
    }
    json!({
        "msgtype": "m.text",
        "body": format!("{body}\n{text}"),
        "format": "org.matrix.custom.html",
        "formatted_body": format!("<blockquote>{}</blockquote><p>{}</p>", html(quote), html(text)),
    })
}

fn clipped(text: &str) -> String {
    if text.chars().count() <= MAX_QUOTE_LENGTH {
        return text.to_owned();
    }
    let cut: String = text.chars().take(MAX_QUOTE_LENGTH).collect();
    format!("{}…", cut.trim_end())
}

fn html(text: &str) -> String {
    let escaped = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    escaped.lines().collect::<Vec<_>>().join("<br>")
}
