//! What can be done with an event that waits, and how it ends.

use ruma::{OwnedEventId, events::TimelineEventType};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    Delayed, no_such_event,
    store::{DelayedEventRow, ENDED, End, Outcome},
};
use crate::{
    ApiError, ApiResult,
    events::Draft,
    ids::UserNid,
    rooms::{
        draft,
        redact::Redaction,
        send::{DELAYED, Transaction},
    },
    storage::{Commit, Snapshot, tables},
    users::may_send,
};

/// Ended events of one user that are remembered.
const REMEMBERED: usize = 1_000;

/// What can be done with an event that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Its waiting begins anew.
    Restart,
    /// It is sent now.
    Send,
    /// It is never sent.
    Cancel,
}

impl Action {
    /// From the word in a path or a body.
    pub fn parse(word: &str) -> ApiResult<Self> {
        match word {
            "restart" => Ok(Self::Restart),
            "send" => Ok(Self::Send),
            "cancel" => Ok(Self::Cancel),
            _ => Err(ApiError::invalid_param(
                "The action is \"restart\", \"send\" or \"cancel\".",
            )),
        }
    }
}

/// A delayed event and whether it is too late for it.
struct Found {
    row: DelayedEventRow,
    is_overtaken: bool,
    may_send: bool,
}

impl Delayed {
    /// Does something with a waiting event. Knowing its id is enough.
    pub async fn update(&self, id: &str, action: Action) -> ApiResult {
        let user = self.find(id).await?.row.user;
        let _turn = self.inner.users.lock(user).await;
        let found = self.find(id).await?;
        let Some(row) = self.settle(id, &found).await? else {
            return after_the_end(self.find(id).await?.row.outcome, action);
        };
        match action {
            Action::Restart => self.restart(id, row).await,
            Action::Cancel => self.end(id, row, End::Cancelled).await,
            Action::Send => {
                // An event that cannot be sent now goes on waiting: perhaps it can later.
                let event = self.deliver(id, &row, found.may_send).await?;
                self.end(id, row, End::Sent(event.into())).await
            }
        }
    }

    /// Sends an event whose time has come.
    pub(super) async fn fire(&self, id: &str) -> ApiResult {
        let user = match self.find(id).await {
            Ok(found) => found.row.user,
            // Its row went meanwhile.
            Err(error) if error.status() == http::StatusCode::NOT_FOUND => return Ok(()),
            Err(error) => return Err(error),
        };
        let _turn = self.inner.users.lock(user).await;
        let found = self.find(id).await?;
        let Some(row) = self.settle(id, &found).await? else {
            return Ok(());
        };
        if row.due() > self.now() {
            return Ok(());
        }
        let end = match self.deliver(id, &row, found.may_send).await {
            Ok(event) => End::Sent(event.into()),
            Err(error) if error.status().is_server_error() => return Err(error),
            Err(error) => End::Failed {
                errcode: error
                    .kind()
                    .map_or_else(String::new, |kind| kind.errcode().to_string()),
                error: error.message().to_owned(),
            },
        };
        self.end(id, row, end).await
    }

    async fn find(&self, id: &str) -> ApiResult<Found> {
        let id = id.to_owned();
        self.read(move |this, snapshot| {
            let row = tables::DELAYED_EVENT.get(snapshot, &id)?;
            let row = row.ok_or_else(no_such_event)?;
            Ok(Found {
                is_overtaken: row.outcome.is_none() && this.is_overtaken(snapshot, &row)?,
                may_send: may_send(snapshot, row.user)?,
                row,
            })
        })
        .await
    }

    /// The event if it still waits. One that was overtaken is ended here.
    async fn settle(&self, id: &str, found: &Found) -> ApiResult<Option<DelayedEventRow>> {
        if found.row.outcome.is_some() {
            return Ok(None);
        }
        if found.is_overtaken {
            let end = End::Failed {
                errcode: "M_UNKNOWN".to_owned(),
                error: "Somebody else has changed this state since the event was scheduled."
                    .to_owned(),
            };
            self.end(id, found.row.clone(), end).await?;
            return Ok(None);
        }
        Ok(Some(found.row.clone()))
    }

    async fn restart(&self, id: &str, before: DelayedEventRow) -> ApiResult {
        let after = DelayedEventRow {
            running_since: self.now(),
            ..before.clone()
        };
        let id = id.to_owned();
        let commit = Commit::silent(move |batch| {
            before.delete_places(batch, &id);
            after.put(batch, &id);
        });
        // Clients restart every few seconds. One that is lost with the power would have been late anyway.
        self.inner.storage.commit(commit.ephemeral()).await?;
        Ok(())
    }

    async fn end(&self, id: &str, before: DelayedEventRow, end: End) -> ApiResult {
        let at = self.now();
        let user = before.user;
        let oldest = self
            .read(move |_, snapshot| Ok(oldest_of_too_many(snapshot, user)?))
            .await?;
        let after = DelayedEventRow {
            outcome: Some(Outcome { at, end }),
            ..before.clone()
        };
        let id = id.to_owned();
        let commit = Commit::silent(move |batch| {
            before.delete_places(batch, &id);
            after.put(batch, &id);
            if let Some((id, row)) = oldest {
                row.delete(batch, &id);
            }
        });
        self.inner.storage.commit(commit).await?;
        Ok(())
    }

    /// Sends the event as its sender would now. A crash before the row says so sends it no second time.
    pub(super) async fn deliver(
        &self,
        id: &str,
        row: &DelayedEventRow,
        may_send: bool,
    ) -> ApiResult<OwnedEventId> {
        if !may_send {
            return Err(ApiError::forbidden(
                "The sender's account may not send events any more.",
            ));
        }
        let rooms = &self.inner.rooms;
        let sender = self.inner.storage.interner().user_id(row.user)?;
        let transaction = Transaction {
            user: row.user,
            device: DELAYED.to_owned(),
            scope: "delayed".to_owned(),
            id: id.to_owned(),
        };
        let content: Box<RawValue> =
            serde_json::from_str(&row.content).map_err(ApiError::internal)?;
        let kind = TimelineEventType::from(row.event_type.as_str());
        if kind == TimelineEventType::RoomRedaction
            && row.state_key.is_none()
            && let Some(redaction) = redaction(&content)
        {
            let redaction = Redaction {
                sender,
                target: redaction.redacts,
                reason: redaction.reason,
                is_suspended: false,
            };
            return rooms.redact(row.room, redaction, transaction).await;
        }
        let draft = Draft {
            state_key: row.state_key.clone(),
            ..draft::message(&sender, kind, &content, self.inner.clock.now())?
        };
        rooms.send(row.room, draft, Some(transaction)).await
    }
}

#[derive(Deserialize)]
struct RedactionContent {
    redacts: OwnedEventId,
    reason: Option<String>,
}

/// What a redaction says, which room versions write in different places.
fn redaction(content: &RawValue) -> Option<RedactionContent> {
    serde_json::from_str(content.get()).ok()
}

/// Whether an action agrees with how the event has ended: a repeated request succeeds.
fn after_the_end(outcome: Option<Outcome>, action: Action) -> ApiResult {
    let was_sent = outcome.is_some_and(|outcome| matches!(outcome.end, End::Sent(_)));
    match (action, was_sent) {
        (Action::Send, true) | (Action::Cancel, false) => Ok(()),
        (_, was_sent) => {
            let message = if was_sent {
                "The delayed event has been sent already."
            } else {
                "The delayed event has been cancelled already."
            };
            Err(ApiError::with_code(
                http::StatusCode::CONFLICT,
                "M_UNKNOWN",
                message,
            ))
        }
    }
}

/// The ended event that is forgotten for another one, if a user has that many.
fn oldest_of_too_many(
    snapshot: &Snapshot<'_>,
    user: UserNid,
) -> crate::storage::Result<Option<(String, DelayedEventRow)>> {
    let keys = tables::DELAYED_OF_USER.scan(snapshot, (user, ENDED))?;
    let mut first = None;
    for (count, key) in keys.enumerate() {
        let ((.., id), ()) = key?;
        if count == 0 {
            first = Some(id);
        } else if count + 1 >= REMEMBERED {
            let Some(id) = first else { break };
            let row = tables::DELAYED_EVENT.get(snapshot, &id)?;
            return Ok(row.map(|row| (id, row)));
        }
    }
    Ok(None)
}
