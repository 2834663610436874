//! Bringing notifications to gateways.
//!
//! Each pusher has a queue of its own and at most one request under way, so that its notifications arrive in order and a
//! gateway that is slow delays nobody else's. A gateway that does not answer is asked again after a pause that doubles;
//! a notification that could not be brought within a day is dropped.
//! [spec](https://spec.matrix.org/v1.19/push-gateway-api/#homeserver-behaviour)

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use http::Method;
use ruma::MilliSecondsSinceUnixEpoch;
use serde::Deserialize;
use serde_json::Value;
use tokio::{sync::Semaphore, task::JoinSet};

use super::{
    Inner, badge,
    notification::{self, Due},
    store::{self, PusherFailureRow, PusherKey, PusherRow, QueuedPushRow, parts},
};
use crate::{
    error::{ApiError, ApiResult},
    ids::{StreamPos, UserNid},
    jobs::Jobs,
    outbound::{Call, Origin},
    storage::{Commit, tables},
};

/// Requests to gateways at once.
const REQUESTS_AT_ONCE: usize = 64;
/// How long a gateway may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of the longest answer.
const MAX_ANSWER: usize = 64 * 1024;
/// The pause after the first failure.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(60 * 60);
/// A notification that is older is of no use any longer.
const OUTDATED: Duration = Duration::from_secs(24 * 60 * 60);

/// Something to be delivered.
#[derive(Debug)]
pub(super) enum Wish {
    /// Events wait for a pusher.
    Push(PusherKey),
    /// The counts of a user may have become smaller.
    Badge(UserNid),
}

/// What a pusher has to do next.
enum Next {
    /// Nothing waits, or there is no such pusher any longer.
    Done,
    /// The gateway has failed and is not to be asked before a while has passed.
    Wait(Duration),
    /// An event that has become pointless.
    Drop(StreamPos),
    /// An event.
    Send(StreamPos, Box<PusherRow>, Value),
}

/// What a pusher's task ends with.
struct Ended {
    key: PusherKey,
    /// The count the device was told last, if it was told.
    told: Option<u64>,
}

struct Delivery {
    inner: Arc<Inner>,
    jobs: Jobs,
    requests: Arc<Semaphore>,
    tasks: JoinSet<Ended>,
    /// Pushers with a task, and whether there is something new for it.
    running: HashMap<PusherKey, Again>,
    /// What devices were told last. Forgotten at a restart, where one count too many is told.
    told: HashMap<PusherKey, u64>,
}

#[derive(Clone, Copy, Default)]
struct Again {
    push: bool,
    badge: bool,
}

/// Delivers until the server stops.
pub(super) async fn run(inner: Arc<Inner>, jobs: Jobs) {
    let mut wished = inner.wished.lock().await;
    let mut delivery = Delivery {
        inner: Arc::clone(&inner),
        jobs: jobs.clone(),
        requests: Arc::new(Semaphore::new(REQUESTS_AT_ONCE)),
        tasks: JoinSet::new(),
        running: HashMap::new(),
        told: HashMap::new(),
    };
    match inner.waiting().await {
        Ok(waiting) => waiting
            .into_iter()
            .for_each(|key| delivery.take(key, true, false)),
        Err(error) => tracing::error!("waiting pushes could not be read: {error}"),
    }
    loop {
        tokio::select! {
            wish = wished.recv() => match wish {
                Some(Wish::Push(key)) => delivery.take(key, true, false),
                Some(Wish::Badge(user)) => delivery.badges(user).await,
                None => return,
            },
            Some(ended) = delivery.tasks.join_next() => match ended {
                Ok(ended) => delivery.ended(ended),
                Err(error) => tracing::error!("a pusher's task failed: {error}"),
            },
            () = jobs.stopping() => return,
        }
    }
}

impl Delivery {
    fn take(&mut self, key: PusherKey, push: bool, badge: bool) {
        if let Some(again) = self.running.get_mut(&key) {
            again.push |= push;
            again.badge |= badge;
            return;
        }
        self.running.insert(key.clone(), Again::default());
        let told = self.told.get(&key).copied();
        let (inner, jobs) = (Arc::clone(&self.inner), self.jobs.clone());
        let requests = Arc::clone(&self.requests);
        self.tasks.spawn(async move {
            let task = Task {
                inner,
                jobs,
                requests,
                key,
                told,
            };
            task.run(badge).await
        });
    }

    async fn badges(&mut self, user: UserNid) {
        let pushers = self
            .inner
            .storage
            .read(move |snapshot| store::pushers_of(snapshot, user))
            .await;
        match pushers {
            Ok(pushers) => {
                for (key, _) in pushers {
                    self.take(key, false, true);
                }
            }
            Err(error) => tracing::error!("pushers could not be read: {error}"),
        }
    }

    fn ended(&mut self, ended: Ended) {
        match ended.told {
            Some(told) => self.told.insert(ended.key.clone(), told),
            None => self.told.remove(&ended.key),
        };
        let again = self.running.remove(&ended.key).unwrap_or_default();
        if again.push || again.badge {
            self.take(ended.key, again.push, again.badge);
        }
    }
}

/// One pusher at work.
struct Task {
    inner: Arc<Inner>,
    jobs: Jobs,
    requests: Arc<Semaphore>,
    key: PusherKey,
    told: Option<u64>,
}

impl Task {
    async fn run(mut self, badge: bool) -> Ended {
        let ended = async {
            self.empty_queue().await?;
            if badge && !self.jobs.is_stopping() {
                self.update_badge().await?;
            }
            Ok::<_, ApiError>(())
        };
        if let Err(error) = ended.await {
            tracing::error!("a pusher is stuck until the next event: {error}");
        }
        Ended {
            key: self.key,
            told: self.told,
        }
    }

    async fn empty_queue(&mut self) -> ApiResult<()> {
        while !self.jobs.is_stopping() {
            match self.next().await? {
                Next::Done => return Ok(()),
                Next::Wait(pause) => {
                    tokio::select! {
                        () = tokio::time::sleep(pause) => {}
                        () = self.jobs.stopping() => {}
                    }
                }
                Next::Drop(pos) => self.done(pos).await?,
                Next::Send(pos, pusher, body) => self.send(pos, &pusher, &body).await?,
            }
        }
        Ok(())
    }

    /// Decides, over one snapshot, what comes next.
    async fn next(&self) -> ApiResult<Next> {
        let (inner, key) = (Arc::clone(&self.inner), self.key.clone());
        let now = self.inner.clock.now();
        self.inner
            .storage
            .read(move |snapshot| {
                let Some(pusher) = tables::PUSHER.get(snapshot, parts(&key))? else {
                    return Ok(Next::Done);
                };
                let first = tables::PUSH_QUEUE.scan(snapshot, parts(&key))?.next();
                let Some(((.., pos), queued)) = first.transpose()? else {
                    return Ok(Next::Done);
                };
                if is_outdated(&queued, now) {
                    return Ok(Next::Drop(pos));
                }
                let failure = tables::PUSHER_FAILURE.get(snapshot, parts(&key))?;
                let wait = failure.map_or(Duration::ZERO, |failure| until(failure.next, now));
                if !wait.is_zero() {
                    return Ok(Next::Wait(wait));
                }
                let due = Due {
                    key: &key,
                    pusher: &pusher,
                    queued: &queued,
                    pos,
                };
                match notification::build(&inner, snapshot, &due)? {
                    Some(body) => Ok(Next::Send(pos, Box::new(pusher), body)),
                    None => Ok(Next::Drop(pos)),
                }
            })
            .await
    }

    async fn send(&mut self, pos: StreamPos, pusher: &PusherRow, body: &Value) -> ApiResult<()> {
        if self.notify(pusher, body).await? {
            self.told = Some(notification::unread_in(body));
            return self.done(pos).await;
        }
        let key = self.key.clone();
        let now = self.inner.clock.now();
        let failure = self
            .inner
            .storage
            .read(move |snapshot| tables::PUSHER_FAILURE.get(snapshot, parts(&key)))
            .await
            .map_err(ApiError::internal)?;
        let tries = failure.map_or(1, |failure| failure.tries.saturating_add(1));
        let row = PusherFailureRow {
            tries,
            next: later(now, pause(tries)),
        };
        let key = self.key.clone();
        let commit =
            Commit::silent(move |batch| tables::PUSHER_FAILURE.put(batch, parts(&key), &row));
        self.inner.storage.commit(commit.ephemeral()).await?;
        Ok(())
    }

    /// Removes an event from the queue.
    async fn done(&self, pos: StreamPos) -> ApiResult<()> {
        let key = self.key.clone();
        let commit = Commit::silent(move |batch| {
            let (user, app_id, pushkey) = parts(&key);
            tables::PUSH_QUEUE.delete(batch, (user, app_id, pushkey, pos));
            tables::PUSHER_FAILURE.delete(batch, parts(&key));
        });
        self.inner.storage.commit(commit.ephemeral()).await?;
        Ok(())
    }

    /// Tells the device how much is unread, unless it knows.
    async fn update_badge(&mut self) -> ApiResult<()> {
        let (inner, key) = (Arc::clone(&self.inner), self.key.clone());
        let found = self
            .inner
            .storage
            .read(move |snapshot| {
                let Some(pusher) = tables::PUSHER.get(snapshot, parts(&key))? else {
                    return Ok::<_, ApiError>(None);
                };
                let unread = badge::unread(&inner.rooms, snapshot, key.0)?;
                Ok(Some((pusher, unread)))
            })
            .await?;
        let Some((pusher, unread)) = found.filter(|(_, unread)| self.told != Some(*unread)) else {
            return Ok(());
        };
        let body = notification::counts_only(&self.key, &pusher, unread)?;
        // The next count makes up for one that does not arrive.
        if self.notify(&pusher, &body).await? {
            self.told = Some(unread);
        }
        Ok(())
    }

    /// Asks the gateway. Says whether it has taken the notification.
    async fn notify(&self, pusher: &PusherRow, body: &Value) -> ApiResult<bool> {
        let permit = self.requests.acquire().await.map_err(ApiError::internal)?;
        let call =
            Call::new(Method::POST, &pusher.url, Origin::User).map_err(ApiError::internal)?;
        let call = call.json(body).map_err(ApiError::internal)?;
        let answer = self
            .inner
            .outbound
            .send(call.within(PATIENCE).at_most(MAX_ANSWER))
            .await;
        drop(permit);
        match answer {
            Ok(answer) if answer.status.is_success() => {
                self.remove_rejected(&answer.body).await?;
                Ok(true)
            }
            Ok(answer) => {
                tracing::debug!(status = %answer.status, "a push gateway refused");
                Ok(false)
            }
            Err(error) => {
                tracing::debug!("a push gateway did not answer: {error}");
                Ok(false)
            }
        }
    }

    /// Removes the pusher if the gateway does not know its device any longer.
    async fn remove_rejected(&self, answer: &[u8]) -> ApiResult<()> {
        #[derive(Default, Deserialize)]
        struct Answer {
            #[serde(default)]
            rejected: HashSet<String>,
        }
        let answer: Answer = serde_json::from_slice(answer).unwrap_or_default();
        if answer.rejected.contains(&self.key.2) {
            self.inner.delete_pusher(self.key.clone()).await?;
        }
        Ok(())
    }
}

impl Inner {
    /// The pushers that something waits for.
    async fn waiting(self: &Arc<Self>) -> ApiResult<HashSet<PusherKey>> {
        self.storage
            .read(|snapshot| {
                let mut waiting = HashSet::new();
                for row in tables::PUSH_QUEUE.scan(snapshot, ())? {
                    let ((user, app_id, pushkey, _), _) = row?;
                    waiting.insert((user, app_id, pushkey));
                }
                Ok(waiting)
            })
            .await
    }
}

fn is_outdated(queued: &QueuedPushRow, now: MilliSecondsSinceUnixEpoch) -> bool {
    let age = u64::from(now.get()).saturating_sub(queued.queued.get().into());
    u128::from(age) > OUTDATED.as_millis()
}

/// How long it is until a moment. A clock that was set back does not make anybody wait longer than the longest pause.
fn until(moment: MilliSecondsSinceUnixEpoch, now: MilliSecondsSinceUnixEpoch) -> Duration {
    let wait = u64::from(moment.get()).saturating_sub(now.get().into());
    Duration::from_millis(wait).min(LONGEST_PAUSE)
}

fn later(now: MilliSecondsSinceUnixEpoch, by: Duration) -> MilliSecondsSinceUnixEpoch {
    let by = ruma::UInt::try_from(by.as_millis()).unwrap_or(ruma::UInt::MAX);
    MilliSecondsSinceUnixEpoch(now.get().saturating_add(by))
}

/// The pause after so many failures.
fn pause(tries: u32) -> Duration {
    let doubled = 2_u32.checked_pow(tries.saturating_sub(1));
    doubled
        .and_then(|times| FIRST_PAUSE.checked_mul(times))
        .map_or(LONGEST_PAUSE, |pause| pause.min(LONGEST_PAUSE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_an_hour() {
        let seconds: Vec<_> = [1, 2, 3, 10, 13, 100]
            .map(|tries| pause(tries).as_secs())
            .into();
        assert_eq!(seconds, [1, 2, 4, 512, 3600, 3600]);
    }
}
