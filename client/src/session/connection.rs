//! Keeps the sync going and says whether the server can be reached.

use std::{collections::VecDeque, path::PathBuf, sync::Arc, time::Duration};

use matrix_sdk::Client;
use matrix_sdk_ui::{
    room_list_service,
    sync_service::{State, SyncService},
};

use tokio::time::Instant;

use super::{account_store::AccountStore, outbox::Outbox, storage};
use crate::bridge::update::{Connection, Update};

/// Between attempts after an error that the sync service does not recover from by itself.
pub(super) const RETRY: Duration = Duration::from_secs(5);

/// A sync that cannot keep what it gets is begun again at once, for ever: so many changes in this time are too many.
const RESTLESS: usize = 12;
const RESTLESS_TIME: Duration = Duration::from_secs(10);

/// Reports changes of the connection, restarts a sync that has failed, and lets waiting messages go when the server
/// is back. While there is no room on the disk under `folder`, nothing is synced, because nothing could be kept.
pub(super) async fn watch(
    client: Client,
    sync: Arc<SyncService>,
    store: AccountStore,
    folder: PathBuf,
    outbox: Outbox,
) {
    let mut sync_states = sync.state();
    let mut list_states = sync.room_list_service().state();
    let mut shown = None;
    let mut changes = VecDeque::new();
    loop {
        let state = sync_states.get();
        let connection = combine(&state, &list_states.get());
        if shown != Some(connection) {
            if connection == Connection::Online {
                client.send_queue().set_enabled(true).await;
            }
            outbox.send(Update::Connection(connection)).await;
            shown = Some(connection);
        }
        let restless = is_restless(&mut changes, Instant::now());
        if restless || matches!(state, State::Offline | State::Error(_) | State::Terminated) {
            if let State::Error(error) = &state {
                tracing::warn!(%error, "the sync stopped");
            }
            if !storage::has_room(&store, &folder).await {
                sync.stop().await;
                outbox.send(Update::DiskFull(true)).await;
                while !storage::has_room(&store, &folder).await {
                    tokio::time::sleep(RETRY).await;
                }
                outbox.send(Update::DiskFull(false)).await;
                sync.start().await;
            } else if restless {
                tracing::warn!("the sync begins again and again");
                sync.stop().await;
                tokio::time::sleep(RETRY).await;
                sync.start().await;
            } else if !matches!(state, State::Offline) {
                tokio::time::sleep(RETRY).await;
                sync.start().await;
            }
        }
        tokio::select! {
            next = sync_states.next() => match next {
                Some(_) => changes.push_back(Instant::now()),
                None => return,
            },
            next = list_states.next() => if next.is_none() { return },
        }
    }
}

fn is_restless(changes: &mut VecDeque<Instant>, now: Instant) -> bool {
    while changes
        .front()
        .is_some_and(|change| now.duration_since(*change) > RESTLESS_TIME)
    {
        changes.pop_front();
    }
    let restless = changes.len() > RESTLESS;
    if restless {
        changes.clear();
    }
    restless
}

/// A message that was not sent switches its room's queue off. One that was refused for good is out of it: the others go
/// on. One that was refused for a passing reason (the server was restarting) is tried again soon, also when the sync
/// never noticed.
pub(super) async fn watch_queue(client: Client) {
    let mut errors = client.send_queue().subscribe_errors();
    while let Ok(error) = errors.recv().await {
        tracing::info!(room = %error.room_id, recoverable = error.is_recoverable, "a message was not sent");
        if error.is_recoverable {
            tokio::time::sleep(RETRY).await;
            client.send_queue().set_enabled(true).await;
        } else if let Some(room) = client.get_room(&error.room_id) {
            room.send_queue().set_enabled(true);
        }
    }
}

fn combine(sync: &State, list: &room_list_service::State) -> Connection {
    match (sync, list) {
        (State::Offline | State::Error(_) | State::Terminated, _) => Connection::Offline,
        (
            State::Running,
            room_list_service::State::Running | room_list_service::State::SettingUp,
        ) => Connection::Online,
        (State::Idle | State::Running, _) => Connection::Connecting,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_changes_in_a_short_time_are_restless_and_many_in_a_long_time_are_not() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut slow: VecDeque<_> = (0..40).map(|number| after(number * 5)).collect();
        assert!(!is_restless(&mut slow, after(200)));
        let mut fast: VecDeque<_> = (0..13).map(|_| start).collect();
        assert!(is_restless(&mut fast, after(3)));
        assert!(!is_restless(&mut fast, after(3)), "it is told once");
    }
}
