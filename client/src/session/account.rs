//! Everything that belongs to the account signed in; dropping it stops all of it.

use std::{
    collections::{HashMap, VecDeque},
    future::Future,
    sync::Arc,
    time::Duration,
};

use futures_util::future::join_all;
use matrix_sdk::{
    Client,
    ruma::{OwnedRoomId, OwnedUserId},
};
use matrix_sdk_ui::sync_service::SyncService;
use tokio::{
    sync::{Notify, mpsc, watch},
    task::{AbortHandle, JoinHandle},
    time::{sleep, timeout},
};

use super::{
    Config,
    account_store::{Account, AccountStore, Keys},
    aftermath, brake,
    certificates::extra_roots,
    connection,
    direct::DirectChats,
    encryption,
    ending::{SessionEnded, Watch},
    feedback::Feedback,
    followed::Followed,
    media::MediaLoader,
    outbox::Outbox,
    profile,
    room::OpenRoom,
    room_list::{self, Nudge},
    rooms,
    server_facts::{self, Asker},
    sign_in::Opened,
    spaces,
    verification::{self, Step},
};
use crate::bridge::{
    command::{FeedbackCommand, RequestId, RoomsCommand, TimelineCommand, VerificationCommand},
    trouble::Trouble,
    update::{Answer, SessionState, Update},
};

/// Rooms that were open stay at hand, so that going back to one shows it at once.
const KEPT_ROOMS: usize = 64;
/// So many messages altogether; each of them takes several kilobytes. Opening a room anew takes some ten milliseconds
/// more.
const KEPT_MESSAGES: usize = 300;

/// How long rooms may take to do what was asked of them when the session is closed.
const LAST_COMMANDS: Duration = Duration::from_secs(3);

/// How long the sync may take to end, and then the databases to be closed. What was just asked of the server may hold up
/// both.
const LAST_WORK: Duration = Duration::from_secs(2);

pub(super) struct SignedIn {
    pub(super) client: Client,
    pub(super) account: Account,
    pub(super) keys: Keys,
    pub(super) media: MediaLoader,
    store: AccountStore,
    sync: Arc<SyncService>,
    open_rooms: HashMap<OwnedRoomId, OpenRoom>,
    /// The same, the one opened last at the end.
    recent: VecDeque<OwnedRoomId>,
    /// Rooms that are closed, and finish what was asked of them.
    closing: Vec<JoinHandle<()>>,
    nudges: mpsc::UnboundedSender<Nudge>,
    verification: mpsc::UnboundedSender<Step>,
    feedback: mpsc::UnboundedSender<(RequestId, FeedbackCommand)>,
    bot: watch::Receiver<Option<OwnedUserId>>,
    /// Asks the server again what it has.
    ask_server: Arc<Notify>,
    /// Whose chat is whose.
    direct: DirectChats,
    followed: Followed,
    outbox: Outbox,
    tasks: Vec<AbortHandle>,
}

impl SignedIn {
    /// Starts everything for an account. The room list known from last time is delivered before the server answers.
    pub(super) async fn start(
        opened: Opened,
        config: &Config,
        store: &AccountStore,
        outbox: Outbox,
        ended: mpsc::UnboundedSender<SessionEnded>,
    ) -> Result<Self, Trouble> {
        let Opened {
            client,
            base,
            account,
            keys,
            password,
        } = opened;
        // Before anything is asked of the server: it may refuse the first request.
        let changes = client.subscribe_to_session_changes();
        let sync = SyncService::builder(client.clone())
            .with_offline_mode()
            .build()
            .await;
        let sync = Arc::new(sync.map_err(|error| Trouble::Other(error.to_string()))?);
        let (nudges, nudged) = mpsc::unbounded_channel();
        let (steps, coming) = mpsc::unbounded_channel();
        let (reports, reported) = mpsc::unbounded_channel();
        let (known_bot, bot) = watch::channel(None);
        let media = MediaLoader::new(client.clone(), outbox.clone(), store.sounds(&account.id));
        client.send_queue().enable_upload_progress(true);
        outbox
            .send(Update::Session(SessionState::SignedIn(
                profile::known(&client, &account, store).await,
            )))
            .await;

        let mut this = Self {
            media,
            store: store.clone(),
            sync: sync.clone(),
            open_rooms: HashMap::new(),
            recent: VecDeque::new(),
            closing: Vec::new(),
            nudges: nudges.clone(),
            verification: steps.clone(),
            feedback: reports,
            bot,
            ask_server: Arc::default(),
            outbox: outbox.clone(),
            tasks: Vec::new(),
            account,
            keys: keys.clone(),
            direct: DirectChats::new(client.clone()),
            followed: Followed::new(sync.room_list_service()),
            client,
        };
        let watch = Watch {
            client: this.client.clone(),
            account: this.account.clone(),
            keys,
            store: store.clone(),
            ended,
        };
        this.spawn(watch.run(changes));
        let feedback = Feedback::new(
            this.client.clone(),
            &store.database(&this.account.id),
            extra_roots(config),
        )?;
        this.spawn(feedback.run(reported, sync.state(), outbox.clone()));
        let asker = Asker {
            client: this.client.clone(),
            http: server_facts::http(extra_roots(config))?,
            bot: known_bot,
            again: this.ask_server.clone(),
            outbox: outbox.clone(),
        };
        this.spawn(asker.run(sync.state()));
        encryption::introduce(&this.client, &base).await;
        this.spawn(verification::run(
            this.client.clone(),
            (this.direct.clone(), this.followed.clone()),
            base,
            steps,
            coming,
            outbox.clone(),
        ));
        this.spawn(room_list::watch(
            sync.room_list_service(),
            nudged,
            outbox.clone(),
        ));
        this.spawn(brake::tell_what_is_readable(
            this.client.clone(),
            nudges.clone(),
        ));
        room_list::watch_typing(&this.client, nudges);
        brake::hold(&this.client);
        let folder = store.database(&this.account.id);
        let to_mend = aftermath::rooms(&this.client, &folder).await;
        sync.start().await;
        this.spawn(aftermath::mend(this.client.clone(), folder, to_mend));
        this.spawn(connection::watch(
            this.client.clone(),
            sync,
            store.clone(),
            store.database(&this.account.id),
            outbox.clone(),
        ));
        this.spawn(connection::watch_queue(this.client.clone()));
        this.spawn(this.followed.clone().keep());
        this.spawn(spaces::watch(this.client.clone(), outbox.clone()));
        this.spawn(encryption::watch(this.client.clone(), password, outbox));
        this.client
            .send_queue()
            .respawn_tasks_for_rooms_with_unsent_requests()
            .await;
        this.refresh_profile();
        this.learn_upload_limit();
        Ok(this)
    }

    /// Hands a command to an open room, opening it if need be.
    pub(super) async fn timeline(
        &mut self,
        room: OwnedRoomId,
        request: RequestId,
        command: TimelineCommand,
    ) {
        let is_closed = self.open_rooms.get(&room).is_none_or(OpenRoom::is_closed);
        if is_closed && matches!(command, TimelineCommand::Close) {
            return self.outbox.answer(request, Ok(Answer::Done)).await;
        }
        if is_closed {
            match rooms::find(&self.client, &room) {
                Ok(found) => {
                    let opened = OpenRoom::open(
                        found,
                        self.outbox.clone(),
                        self.nudges.clone(),
                        self.bot.clone(),
                    );
                    self.open_rooms.insert(room.clone(), opened);
                }
                Err(trouble) => return self.outbox.answer(request, Err(trouble)).await,
            }
        }
        let opens = is_closed || matches!(command, TimelineCommand::Open);
        let sent = self
            .open_rooms
            .get(&room)
            .map(|open| open.send(request, command));
        if !matches!(sent, Some(Ok(()))) {
            self.outbox.answer(request, Err(Trouble::NotFound)).await;
        }
        if opens {
            self.opened(room).await;
        }
    }

    /// Asks the server for all that happens in this room, and lets go of those that were open longest ago.
    async fn opened(&mut self, room: OwnedRoomId) {
        self.recent.retain(|other| *other != room);
        self.recent.push_back(room.clone());
        let is_too_much =
            |this: &Self| this.recent.len() > KEPT_ROOMS || this.messages() > KEPT_MESSAGES;
        while self.recent.len() > 1 && is_too_much(self) {
            let oldest = self.recent.pop_front();
            if let Some(open) = oldest.and_then(|room| self.open_rooms.remove(&room)) {
                self.closing.retain(|task| !task.is_finished());
                self.closing.push(open.close());
            }
        }
        self.followed.open(room).await;
    }

    /// How many messages the rooms at hand hold.
    fn messages(&self) -> usize {
        self.open_rooms.values().map(OpenRoom::messages).sum()
    }

    /// Carries out what is asked of rooms.
    pub(super) fn rooms(&self, request: RequestId, command: RoomsCommand) {
        if let RoomsCommand::FetchPreview { room } = command {
            let (client, nudges) = (self.client.clone(), self.nudges.clone());
            return self.outbox.answer_later(request, async move {
                Ok(brake::fetch_preview(&rooms::find(&client, &room)?, &nudges).await)
            });
        }
        let (client, direct, ask_server) = (
            self.client.clone(),
            self.direct.clone(),
            self.ask_server.clone(),
        );
        self.outbox.answer_later(request, async move {
            let done = rooms::carry_out(&client, &direct, command).await;
            ask_server.notify_one();
            done
        });
    }

    /// Hands a command to the comparison of pictures.
    pub(super) async fn verify(&self, request: RequestId, command: VerificationCommand) {
        if self
            .verification
            .send(Step::Command(request, command))
            .is_err()
        {
            self.outbox.answer(request, Err(Trouble::NotFound)).await;
        }
    }

    /// Hands a command to the way of reports.
    pub(super) async fn report(&self, request: RequestId, command: FeedbackCommand) {
        if self.feedback.send((request, command)).is_err() {
            self.outbox.answer(request, Err(Trouble::NotFound)).await;
        }
    }

    /// What opens the account, with the tokens of now.
    pub(super) fn current_keys(&self) -> Keys {
        let tokens = self.client.session_tokens();
        Keys {
            tokens: tokens.unwrap_or_else(|| self.keys.tokens.clone()),
            ..self.keys.clone()
        }
    }

    /// Tries to reach the server now.
    pub(super) async fn reconnect(&self) {
        self.sync.start().await;
        self.client.send_queue().set_enabled(true).await;
    }

    /// Asks the server for the own profile, as soon as it can be reached, and tells the views.
    pub(super) fn refresh_profile(&mut self) {
        let (client, account) = (self.client.clone(), self.account.clone());
        let (store, outbox) = (self.store.clone(), self.outbox.clone());
        self.spawn(async move {
            loop {
                match profile::fetched(&client, &account, &store).await {
                    Ok(row) => {
                        let state = SessionState::SignedIn(row);
                        return outbox.send(Update::Session(state)).await;
                    }
                    Err(Trouble::NoConnection) => sleep(connection::RETRY).await,
                    Err(trouble) => return tracing::debug!(?trouble, "there is no profile"),
                }
            }
        });
    }

    /// Asks how large a file may be; the SDK remembers it, so that nobody waits for the answer who sends one.
    fn learn_upload_limit(&mut self) {
        let client = self.client.clone();
        self.spawn(async move {
            if let Err(error) = client.load_or_fetch_max_upload_size().await {
                tracing::info!(%error, "how large a file may be is not known");
            }
        });
    }

    /// Stops the sync so that nothing is written any more.
    pub(super) async fn stop(mut self) {
        self.close_rooms().await;
        if timeout(LAST_WORK, self.sync.stop()).await.is_err() {
            tracing::warn!("the sync did not end in time");
        }
        self.end_tasks();
        // The databases are closed too: Windows lets nobody remove files that are open.
        match timeout(LAST_WORK, self.client.pause()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the databases were not closed"),
            Err(_) => tracing::warn!("the databases were not closed in time"),
        }
    }

    /// What was written and sent just before is not lost.
    async fn close_rooms(&mut self) {
        let open = self.open_rooms.drain();
        self.closing.extend(open.map(|(_, room)| room.close()));
        let closed = join_all(&mut self.closing);
        if timeout(LAST_COMMANDS, closed).await.is_err() {
            tracing::warn!("a room was closed before everything asked of it was done");
            for task in &self.closing {
                task.abort();
            }
        }
    }

    fn end_tasks(&self) {
        for task in &self.tasks {
            task.abort();
        }
    }

    fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        let handle: JoinHandle<()> = tokio::spawn(task);
        self.tasks.retain(|task| !task.is_finished());
        self.tasks.push(handle.abort_handle());
    }
}

impl Drop for SignedIn {
    fn drop(&mut self) {
        self.end_tasks();
    }
}
