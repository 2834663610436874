//! From an event to the pushers that have to be told of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use ruma::push::Action;

use super::{
    Inner,
    deliver::Wish,
    rules::Verdict,
    store::{self, PushEventRow, PusherKey, QueuedPushRow},
};
use crate::{
    error::{ApiError, ApiResult},
    ids::{StreamPos, UserNid},
    jobs::Jobs,
    rooms::rows::Membership,
    storage::{Commit, Snapshot, tables},
};

/// Events that become one commit.
const EVENTS_AT_ONCE: usize = 50;
/// The pause after an error of the database, which is not expected.
const PAUSE: std::time::Duration = std::time::Duration::from_secs(5);

/// Some events with the pushers that have to be told of them.
#[derive(Default)]
struct Expanded {
    events: Vec<StreamPos>,
    pushes: Vec<(PusherKey, StreamPos, QueuedPushRow)>,
}

/// Expands events until the server stops.
pub(super) async fn run(inner: Arc<Inner>, jobs: Jobs) {
    let mut bell = inner.pushable.events.listen(&inner.storage);
    loop {
        match inner.expand().await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => {
                tracing::error!("events could not be pushed: {error}");
                tokio::select! {
                    () = tokio::time::sleep(PAUSE) => continue,
                    () = jobs.stopping() => return,
                }
            }
        }
        tokio::select! {
            more = bell.next() => if !more { return },
            () = jobs.stopping() => return,
        }
    }
}

impl Inner {
    /// Expands some events. Says whether there may be more.
    async fn expand(self: &Arc<Self>) -> ApiResult<bool> {
        let this = Arc::clone(self);
        let expanded = self
            .storage
            .read(move |snapshot| {
                let mut expanded = Expanded::default();
                for row in tables::PUSH_EVENT.scan(snapshot, ())?.take(EVENTS_AT_ONCE) {
                    let (pos, row) = row?;
                    this.expand_event(snapshot, pos, &row, &mut expanded)?;
                    expanded.events.push(pos);
                }
                Ok::<_, ApiError>(expanded)
            })
            .await?;
        if expanded.events.is_empty() {
            return Ok(false);
        }
        let mut pushers: Vec<_> = expanded
            .pushes
            .iter()
            .map(|(key, ..)| key.clone())
            .collect();
        pushers.sort();
        pushers.dedup();
        let commit = Commit::silent(move |batch| {
            for pos in expanded.events {
                tables::PUSH_EVENT.delete(batch, pos);
            }
            for ((user, app_id, pushkey), pos, row) in expanded.pushes {
                tables::PUSH_QUEUE.put(batch, (user, app_id, pushkey, pos), &row);
            }
        });
        // Whatever a power failure takes back is expanded once more: gateways know events by their ids.
        self.storage.commit(commit.ephemeral()).await?;
        for key in pushers {
            self.wish(Wish::Push(key));
        }
        Ok(true)
    }

    fn expand_event(
        &self,
        snapshot: &Snapshot<'_>,
        pos: StreamPos,
        row: &PushEventRow,
        expanded: &mut Expanded,
    ) -> ApiResult<()> {
        let personal: BTreeMap<_, _> = row
            .personal
            .iter()
            .map(|(user, actions)| (UserNid(*user), actions))
            .collect();
        let by_default = notifies(&row.by_default)?;
        let Some(event) = self.rooms.event(snapshot, row.event)? else {
            return Ok(());
        };
        let sender = self.storage.interner().user(event.pdu.sender())?;
        let mut users: BTreeSet<_> = personal.keys().copied().collect();
        if by_default {
            let pushable = self.pushable.users.read().clone();
            for user in pushable.iter().map(UserNid) {
                if tables::MEMBER.contains(snapshot, (row.room, Membership::Join, user))? {
                    users.insert(user);
                }
            }
        }
        users.remove(&sender);
        for user in users {
            let actions = personal.get(&user).copied().unwrap_or(&row.by_default);
            if !notifies(actions)? {
                continue;
            }
            for (key, _) in store::pushers_of(snapshot, user)? {
                let queued = QueuedPushRow {
                    room: row.room,
                    event: row.event,
                    actions: actions.clone(),
                    queued: row.queued,
                };
                expanded.pushes.push((key, pos, queued));
            }
        }
        Ok(())
    }
}

fn notifies(actions: &str) -> ApiResult<bool> {
    let actions: Vec<Action> = serde_json::from_str(actions).map_err(ApiError::internal)?;
    Ok(Verdict::of(&actions).notify)
}
