//! Sending what is queued: in order within a room, rooms beside each other, each thing once.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use anyhow::Result;
use bot_engine::Output;
use matrix_sdk::{
    Client, HttpError,
    ruma::api::error::{ErrorKind, RetryAfter},
};
use tokio::{
    sync::{Mutex, Notify},
    task::JoinSet,
    time::Instant,
};

use super::deliver::{Delivery, deliver};
use crate::{
    config::Config,
    run::{Shared, now},
    store::Queued,
};

const AT_ONCE: usize = 6;
const MESSAGES_A_MINUTE: usize = 20;
const REACTIONS_A_MINUTE: usize = 60;
const MINUTE: Duration = Duration::from_secs(60);
const BETWEEN_EDITS: Duration = Duration::from_secs(1);
const MOST_TRIES: u32 = 12;
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// Sends until the process ends.
pub(crate) struct Sender {
    client: Client,
    config: Arc<Config>,
    shared: Arc<Mutex<Shared>>,
    news: Arc<Notify>,
    paces: HashMap<String, Pace>,
}

/// What a room was sent lately, and when it may be sent more.
#[derive(Default)]
struct Pace {
    messages: VecDeque<Instant>,
    reactions: VecDeque<Instant>,
    edit: Option<Instant>,
    not_before: Option<Instant>,
    /// Failures in a row.
    failures: u32,
}

/// How one delivery ended.
struct Done {
    queued: Queued,
    outcome: Outcome,
}

enum Outcome {
    Sent(Option<String>),
    /// It never will be: the bot is not in the room, or the server does not take it.
    Hopeless(String),
    /// The server has no time, or is not there: tried until it is.
    Later(Option<Duration>, String),
    /// Something is wrong that may be right after a while, but not for ever.
    Doubtful(String),
}

impl Sender {
    pub(crate) fn new(
        client: Client,
        config: Arc<Config>,
        shared: Arc<Mutex<Shared>>,
        news: Arc<Notify>,
    ) -> Self {
        Self {
            client,
            config,
            shared,
            news,
            paces: HashMap::new(),
        }
    }

    pub(crate) async fn run(mut self) -> Result<()> {
        let mut under_way: JoinSet<Done> = JoinSet::new();
        let mut busy: HashSet<String> = HashSet::new();
        loop {
            let wait = self.start_what_is_due(&mut under_way, &mut busy).await?;
            tokio::select! {
                Some(done) = under_way.join_next() => {
                    let done = done?;
                    busy.remove(&done.queued.queue);
                    self.finish(done).await?;
                }
                () = self.news.notified() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Starts deliveries and says when the next one may be due.
    async fn start_what_is_due(
        &mut self,
        under_way: &mut JoinSet<Done>,
        busy: &mut HashSet<String>,
    ) -> Result<Duration> {
        let mut shared = self.shared.lock().await;
        let waiting = shared.store.next_of_each_queue()?;
        let now = Instant::now();
        let mut wait = LONGEST_WAIT;
        for queued in waiting {
            if under_way.len() >= AT_ONCE {
                break;
            }
            if busy.contains(&queued.queue) {
                continue;
            }
            let pace = self.paces.entry(queued.queue.clone()).or_default();
            let due = pace.due(&queued.output, now);
            if due > now {
                wait = wait.min(due - now);
                continue;
            }
            pace.note(&queued.output, now);
            busy.insert(queued.queue.clone());
            shared.on_their_way.push(queued.id);
            let delivery = Delivery {
                client: self.client.clone(),
                config: self.config.clone(),
                shared: self.shared.clone(),
                transaction: shared.store.transaction_id(queued.id),
            };
            under_way.spawn(async move {
                let outcome = match deliver(delivery, &queued.output).await {
                    Ok(event) => Outcome::Sent(event),
                    Err(error) => judge(&error),
                };
                Done { queued, outcome }
            });
        }
        Ok(wait)
    }

    async fn finish(&mut self, done: Done) -> Result<()> {
        let shared = self.shared.clone();
        let mut shared = shared.lock().await;
        let id = done.queued.id;
        shared.on_their_way.retain(|other| *other != id);
        match done.outcome {
            Outcome::Sent(event) => {
                shared.store.acknowledge(id, event.as_deref(), now())?;
                if let Some(pace) = self.paces.get_mut(&done.queued.queue) {
                    pace.failures = 0;
                }
            }
            Outcome::Hopeless(reason) => {
                tracing::warn!(
                    queue = done.queued.queue,
                    reason,
                    "not sent, and not tried again"
                );
                shared.store.acknowledge(id, None, now())?;
            }
            Outcome::Doubtful(reason) if done.queued.tries >= MOST_TRIES => {
                tracing::warn!(
                    queue = done.queued.queue,
                    reason,
                    "not sent after many tries"
                );
                shared.store.acknowledge(id, None, now())?;
            }
            Outcome::Doubtful(reason) => {
                shared.store.count_try(id)?;
                self.wait(done.queued.queue, None, done.queued.tries, &reason);
            }
            Outcome::Later(after, reason) => {
                let pace = self.paces.entry(done.queued.queue.clone()).or_default();
                pace.failures += 1;
                let failures = pace.failures;
                self.wait(done.queued.queue, after, failures, &reason);
            }
        }
        Ok(())
    }

    /// Leaves a queue alone for a time that doubles.
    fn wait(&mut self, queue: String, after: Option<Duration>, failures: u32, reason: &str) {
        tracing::info!(queue, reason, "not sent yet");
        let doubled = Duration::from_millis(500) * 2u32.saturating_pow(failures.min(10));
        let after = after.unwrap_or(doubled).min(LONGEST_WAIT);
        self.paces.entry(queue).or_default().not_before = Some(Instant::now() + after);
    }
}

impl Pace {
    /// When the output may be sent.
    fn due(&self, output: &Output, now: Instant) -> Instant {
        let mut due = self.not_before.unwrap_or(now);
        let (sent, most) = match output {
            Output::React { .. } => (&self.reactions, REACTIONS_A_MINUTE),
            _ => (&self.messages, MESSAGES_A_MINUTE),
        };
        if let Some(oldest) = sent.len().checked_sub(most).and_then(|at| sent.get(at)) {
            due = due.max(*oldest + MINUTE);
        }
        if let (
            Output::Send {
                edit_of: Some(_), ..
            },
            Some(edit),
        ) = (output, self.edit)
        {
            due = due.max(edit + BETWEEN_EDITS);
        }
        due
    }

    fn note(&mut self, output: &Output, now: Instant) {
        let (sent, most) = match output {
            Output::React { .. } => (&mut self.reactions, REACTIONS_A_MINUTE),
            _ => (&mut self.messages, MESSAGES_A_MINUTE),
        };
        sent.push_back(now);
        if sent.len() > most {
            sent.pop_front();
        }
        if matches!(
            output,
            Output::Send {
                edit_of: Some(_),
                ..
            }
        ) {
            self.edit = Some(now);
        }
    }
}

/// Whether another try is worth it.
fn judge(error: &anyhow::Error) -> Outcome {
    let reason = format!("{error:#}");
    let http = error
        .chain()
        .find_map(|cause| match cause.downcast_ref::<matrix_sdk::Error>() {
            Some(matrix_sdk::Error::Http(error)) => Some(error.as_ref()),
            _ => cause.downcast_ref::<HttpError>(),
        });
    let Some(http) = http else {
        return Outcome::Doubtful(reason);
    };
    match http.client_api_error_kind() {
        Some(ErrorKind::LimitExceeded(limit)) => {
            let after = match limit.retry_after {
                Some(RetryAfter::Delay(delay)) => Some(delay),
                _ => None,
            };
            Outcome::Later(after, reason)
        }
        Some(
            ErrorKind::Forbidden | ErrorKind::NotFound | ErrorKind::TooLarge | ErrorKind::BadJson,
        ) => Outcome::Hopeless(reason),
        Some(_) => Outcome::Doubtful(reason),
        // No answer in Matrix's words: the server is away, or a proxy speaks for it.
        None => Outcome::Later(None, reason),
    }
}

#[cfg(test)]
mod tests {
    use bot_engine::{Slot, To};

    use super::*;

    #[tokio::test]
    async fn a_room_gets_twenty_messages_a_minute_and_an_edit_a_second() {
        let send = |edit_of: Option<&str>| Output::Send {
            to: To::Room("!r:x".to_owned()),
            slot: Slot("s".to_owned()),
            text: String::new(),
            edit_of: edit_of.map(|slot| Slot(slot.to_owned())),
            reply_to: None,
            mentions: Vec::new(),
        };
        let start = Instant::now();
        let mut pace = Pace::default();
        for _ in 0..MESSAGES_A_MINUTE {
            assert_eq!(pace.due(&send(None), start), start);
            pace.note(&send(None), start);
        }
        assert_eq!(pace.due(&send(None), start), start + MINUTE);
        let mut pace = Pace::default();
        pace.note(&send(Some("s")), start);
        assert_eq!(pace.due(&send(Some("s")), start), start + BETWEEN_EDITS);
        assert_eq!(pace.due(&send(None), start), start);
    }
}
