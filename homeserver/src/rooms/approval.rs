//! Changes of this server's users in rooms that name a policy server. Its answer takes time, so nobody asks under the
//! room's lock: a change that needs an answer is put aside, and made again with it. Where the room went on meanwhile,
//! what was approved stands beside that, as an event of another server would.
//! [spec](https://spec.matrix.org/v1.19/server-server-api/#asking-for-a-policy-server-signature-on-an-event)

use std::sync::Arc;

use http::StatusCode;
use parking_lot::Mutex;
use ruma::api::error::ErrorKind;

use super::{Rooms, event::RoomEvent, policy::Question, receive::Outcome, txn::Txn};
use crate::{
    error::{ApiError, ApiResult},
    events::Pdu,
    ids::RoomNid,
};

/// Answers that one change may need, those counted that the room was too quick for.
const MOST_QUESTIONS: usize = 20;

/// What the policy server said to a change so far.
#[derive(Default)]
pub(super) struct Approvals {
    /// Whether the change can be put aside and made again.
    can_wait: bool,
    /// What it has signed, in the order of the change.
    signed: Vec<Pdu>,
    used: usize,
    aside: Option<Aside>,
}

/// Why a change was put aside.
enum Aside {
    /// The policy server has to be asked first.
    Asks(Box<Question>),
    /// What it signed does not go together with what the room has become.
    Outdated,
}

impl Approvals {
    fn so_far(signed: Vec<Pdu>) -> Self {
        Self {
            can_wait: true,
            signed,
            ..Self::default()
        }
    }

    /// What the policy server has signed of an event that is about to be appended.
    fn take(&mut self, event: &Pdu) -> Option<Pdu> {
        let signed = self.signed.get(self.used)?;
        if !says_the_same(signed, event) {
            self.signed.truncate(self.used);
            return None;
        }
        self.used += 1;
        Some(signed.clone())
    }

    fn put_aside(&mut self, reason: Aside) -> ApiError {
        self.aside = Some(reason);
        waits()
    }
}

/// Whether two events differ in their place only.
fn says_the_same(one: &Pdu, other: &Pdu) -> bool {
    one.sender() == other.sender()
        && one.event_type() == other.event_type()
        && one.state_key() == other.state_key()
        && one.redacts() == other.redacts()
        && one.content().get() == other.content().get()
}

fn waits() -> ApiError {
    ApiError::internal(anyhow::anyhow!("the change waits for a policy server"))
}

impl Rooms {
    /// Like [`Rooms::write`] for what users of this server do: the room is not held up while its policy server looks at
    /// it. `change` may be made several times, only the last of which counts.
    pub async fn write_own<T: Send + 'static>(
        &self,
        room: RoomNid,
        change: impl Fn(&mut Txn<'_>) -> ApiResult<T> + Send + Sync + 'static,
    ) -> ApiResult<T> {
        let change = Arc::new(change);
        let mut signed = Vec::new();
        for _ in 0..MOST_QUESTIONS {
            let is_first = signed.is_empty();
            let aside = Arc::new(Mutex::new(None));
            let (change, put_aside, so_far) = (change.clone(), aside.clone(), signed.clone());
            let run = move |txn: &mut Txn<'_>| {
                txn.approvals = Approvals::so_far(so_far);
                let done = change(txn);
                match txn.approvals.aside.take() {
                    // Whatever the change made of that: nothing of it is written.
                    Some(reason) => {
                        *put_aside.lock() = Some((reason, txn.approvals.used));
                        Err(waits())
                    }
                    None => done,
                }
            };
            let done = match is_first {
                true => self.write(room, run).await,
                false => self.write_received(room, run).await,
            };
            let Some((reason, used)) = aside.lock().take() else {
                return done;
            };
            match reason {
                Aside::Asks(question) => {
                    signed.truncate(used);
                    let asked = tokio::task::spawn_blocking(move || question.ask());
                    signed.push(asked.await.map_err(ApiError::internal)??);
                }
                Aside::Outdated => signed.clear(),
            }
        }
        Err(ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            ErrorKind::Unknown,
            "The room changes faster than its policy server answers: try again later.",
        ))
    }
}

impl Txn<'_> {
    /// An event of this server with the signature of the room's policy server, if there is one. A change that cannot be
    /// put aside waits for the answer, and the room with it.
    pub(super) fn approved(&mut self, event: Pdu) -> ApiResult<Pdu> {
        if self.approvals.aside.is_some() {
            return Err(waits());
        }
        if let Some(signed) = self.approvals.take(&event) {
            return Ok(signed);
        }
        match self.question(&event)? {
            Some(question) if self.approvals.can_wait => {
                Err(self.approvals.put_aside(Aside::Asks(Box::new(question))))
            }
            Some(question) => question.ask(),
            None => Ok(event),
        }
    }

    /// Appends an event of this server that was approved when the room was as the event says. Where others were quicker,
    /// it stands beside theirs.
    pub(super) fn append_approved(&mut self, pdu: Pdu) -> ApiResult<Arc<RoomEvent>> {
        let newest = &self.head.extremities;
        let follows_all = newest.len() == pdu.prev_events().len()
            && newest.iter().all(|(_, id)| pdu.prev_events().contains(id));
        if follows_all {
            return self.record(pdu);
        }
        match self.receive(pdu, None)? {
            Outcome::Accepted(event) => Ok(event),
            Outcome::SoftFailed(reason) | Outcome::Rejected(reason) => {
                let message = format!("The room does not allow the event any more: {reason}");
                Err(ApiError::forbidden(message))
            }
            Outcome::NextChange if self.approvals.can_wait => {
                Err(self.approvals.put_aside(Aside::Outdated))
            }
            other => Err(ApiError::internal(anyhow::anyhow!(
                "an event of this server was not taken in: {other:?}"
            ))),
        }
    }
}
