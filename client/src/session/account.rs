//! Everything that belongs to the account signed in; dropping it stops all of it.

use std::{collections::HashMap, future::Future, sync::Arc};

use matrix_sdk::{Client, SessionChange, ruma::OwnedRoomId};
use matrix_sdk_ui::sync_service::SyncService;
use tokio::{
    sync::mpsc,
    task::{AbortHandle, JoinHandle},
};

use super::{
    account_store::{Account, AccountStore, Keys},
    connection, encryption,
    media::MediaLoader,
    outbox::Outbox,
    profile,
    room::OpenRoom,
    room_list::{self, Nudge},
    rooms,
    sign_in::Opened,
    spaces,
};
use crate::bridge::{
    command::{RequestId, TimelineCommand},
    trouble::Trouble,
    update::{Answer, SessionState, Update},
};

/// The server ended the session from its side.
#[derive(Debug)]
pub(super) struct SessionEnded;

pub(super) struct SignedIn {
    pub(super) client: Client,
    pub(super) account: Account,
    pub(super) media: MediaLoader,
    sync: Arc<SyncService>,
    open_rooms: HashMap<OwnedRoomId, OpenRoom>,
    nudges: mpsc::UnboundedSender<Nudge>,
    outbox: Outbox,
    tasks: Vec<AbortHandle>,
}

impl SignedIn {
    /// Starts everything for an account. The room list known from last time is delivered before the server answers.
    pub(super) async fn start(
        opened: Opened,
        store: &AccountStore,
        outbox: Outbox,
        ended: mpsc::UnboundedSender<SessionEnded>,
    ) -> Result<Self, Trouble> {
        let Opened {
            client,
            account,
            keys,
            password,
        } = opened;
        let sync = SyncService::builder(client.clone())
            .with_offline_mode()
            .build()
            .await;
        let sync = Arc::new(sync.map_err(|error| Trouble::Other(error.to_string()))?);
        let (nudges, nudged) = mpsc::unbounded_channel();
        let media = MediaLoader::new(client.clone(), outbox.clone(), store.sounds(&account.id));
        client.send_queue().enable_upload_progress(true);
        outbox
            .send(Update::Session(SessionState::SignedIn(
                profile::known(&client, &account).await,
            )))
            .await;

        let mut this = Self {
            media,
            sync: sync.clone(),
            open_rooms: HashMap::new(),
            nudges: nudges.clone(),
            outbox: outbox.clone(),
            tasks: Vec::new(),
            account,
            client,
        };
        this.spawn(room_list::watch(
            sync.room_list_service(),
            nudged,
            outbox.clone(),
        ));
        room_list::watch_typing(&this.client, nudges);
        sync.start().await;
        this.spawn(connection::watch(this.client.clone(), sync, outbox.clone()));
        this.spawn(connection::watch_queue(this.client.clone()));
        this.spawn(spaces::watch(this.client.clone(), outbox.clone()));
        this.spawn(encryption::watch(this.client.clone(), password, outbox));
        this.spawn(watch_session(
            this.client.clone(),
            this.account.clone(),
            keys,
            store.clone(),
            ended,
        ));
        this.client
            .send_queue()
            .respawn_tasks_for_rooms_with_unsent_requests()
            .await;
        this.refresh_profile();
        Ok(this)
    }

    /// Hands a command to an open room, opening it if need be.
    pub(super) async fn timeline(
        &mut self,
        room: OwnedRoomId,
        request: RequestId,
        command: TimelineCommand,
    ) {
        if matches!(command, TimelineCommand::Close) {
            self.open_rooms.remove(&room);
            return self.outbox.answer(request, Ok(Answer::Done)).await;
        }
        if self.open_rooms.get(&room).is_none_or(OpenRoom::is_closed) {
            match rooms::find(&self.client, &room) {
                Ok(found) => {
                    self.sync
                        .room_list_service()
                        .subscribe_to_rooms(&[&room])
                        .await;
                    let opened = OpenRoom::open(found, self.outbox.clone(), self.nudges.clone());
                    self.open_rooms.insert(room.clone(), opened);
                }
                Err(trouble) => return self.outbox.answer(request, Err(trouble)).await,
            }
        }
        let sent = self
            .open_rooms
            .get(&room)
            .map(|open| open.send(request, command));
        if !matches!(sent, Some(Ok(()))) {
            self.outbox.answer(request, Err(Trouble::NotFound)).await;
        }
    }

    /// Tries to reach the server now.
    pub(super) async fn reconnect(&self) {
        self.sync.start().await;
        self.client.send_queue().set_enabled(true).await;
    }

    /// Asks the server for the own profile and tells the views.
    pub(super) fn refresh_profile(&mut self) {
        let (client, account, outbox) = (
            self.client.clone(),
            self.account.clone(),
            self.outbox.clone(),
        );
        self.spawn(async move {
            if let Some(row) = profile::fetched(&client, &account).await {
                outbox
                    .send(Update::Session(SessionState::SignedIn(row)))
                    .await;
            }
        });
    }

    /// Stops the sync so that nothing is written any more.
    pub(super) async fn stop(mut self) -> Client {
        self.open_rooms.clear();
        self.sync.stop().await;
        self.client.send_queue().set_enabled(false).await;
        self.client.clone()
    }

    fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        let handle: JoinHandle<()> = tokio::spawn(task);
        self.tasks.retain(|task| !task.is_finished());
        self.tasks.push(handle.abort_handle());
    }
}

impl Drop for SignedIn {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// Keeps refreshed tokens, and notices when the server ends the session.
async fn watch_session(
    client: Client,
    account: Account,
    mut keys: Keys,
    store: AccountStore,
    ended: mpsc::UnboundedSender<SessionEnded>,
) {
    let mut changes = client.subscribe_to_session_changes();
    while let Ok(change) = changes.recv().await {
        match change {
            SessionChange::TokensRefreshed => {
                let Some(tokens) = client.session_tokens() else {
                    continue;
                };
                keys.tokens = tokens;
                if account.shared_computer {
                    continue;
                }
                let (id, keys) = (account.id.clone(), keys.clone());
                if let Err(trouble) = store
                    .blocking(move |store| store.keep_keys(&id, &keys))
                    .await
                {
                    tracing::error!(?trouble, "new tokens were not kept");
                }
            }
            SessionChange::UnknownToken(_) => {
                if ended.send(SessionEnded).is_err() {
                    tracing::debug!("the session ended twice");
                }
                return;
            }
        }
    }
}
