//! Keeps the sync going and says whether the server can be reached.

use std::{sync::Arc, time::Duration};

use matrix_sdk::Client;
use matrix_sdk_ui::{
    room_list_service,
    sync_service::{State, SyncService},
};

use super::outbox::Outbox;
use crate::bridge::update::{Connection, Update};

/// Between attempts after an error that the sync service does not recover from by itself.
const RETRY: Duration = Duration::from_secs(5);

/// Reports changes of the connection, restarts a sync that has failed, and lets waiting messages go when the server
/// is back.
pub(super) async fn watch(client: Client, sync: Arc<SyncService>, outbox: Outbox) {
    let mut sync_states = sync.state();
    let mut list_states = sync.room_list_service().state();
    let mut shown = None;
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
        if matches!(state, State::Error(_) | State::Terminated) {
            if let State::Error(error) = &state {
                tracing::warn!(%error, "the sync stopped");
            }
            tokio::time::sleep(RETRY).await;
            sync.start().await;
        }
        tokio::select! {
            next = sync_states.next() => if next.is_none() { return },
            next = list_states.next() => if next.is_none() { return },
        }
    }
}

/// Messages refused for a passing reason (the server was restarting) switch their room's queue off: try again soon,
/// also when the sync never noticed.
pub(super) async fn watch_queue(client: Client) {
    let mut errors = client.send_queue().subscribe_errors();
    while let Ok(error) = errors.recv().await {
        tracing::info!(room = %error.room_id, recoverable = error.is_recoverable, "a message was not sent");
        if error.is_recoverable {
            tokio::time::sleep(RETRY).await;
            client.send_queue().set_enabled(true).await;
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
