//! The bot at work: sync, apply, write down, send.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, Result};
use bot_engine::{Event, Output, Settings, What, World};
use matrix_sdk::{
    Client, Room,
    config::SyncSettings,
    ruma::{
        OwnedRoomId, OwnedUserId,
        api::client::filter::{FilterDefinition, LazyLoadOptions},
        uint,
    },
    sync::SyncResponse,
};
use serde_json::Value;
use tokio::sync::{Mutex, Notify};

use crate::{
    config::Config,
    session::{Arrival, Desk, Mover, Reader, Sender, catch_up, has_support, secure, sign_in},
    store::Store,
};

const POLL: Duration = Duration::from_secs(30);
/// A deadline that is met at once still lets the sync go on.
const LEAST_WAIT: Duration = Duration::from_millis(10);
const KEYS_AGAIN: Duration = Duration::from_secs(5);
const AFTER_ERROR: Duration = Duration::from_secs(2);
/// Pages of history that are read when more happened than one sync tells.
const PAGES: usize = 20;
const PAGE: u32 = 100;

/// What the loop and the sender work on together.
pub(crate) struct Shared {
    pub(crate) store: Store,
    pub(crate) world: World,
    /// Things being sent just now.
    pub(crate) on_their_way: Vec<i64>,
}

struct Bot {
    client: Client,
    config: Arc<Config>,
    settings: Settings,
    own: OwnedUserId,
    shared: Arc<Mutex<Shared>>,
    news: Arc<Notify>,
    filter: FilterDefinition,
    mover: Mover,
    desk: Mutex<Desk>,
}

/// Milliseconds since 1970.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Signs in and works until it is asked to stop.
pub async fn run(config: &Config) -> Result<()> {
    let client = sign_in(config).await?;
    let own = client
        .user_id()
        .context("the server gave no user id")?
        .to_owned();
    let store = Store::open(&config.data_dir.join("bot.db"))?;
    store.prune(now())?;
    let world = store.world()?;
    tracing::info!(%own, games = world.open_games(), "signed in");
    let settings = config.settings(own.as_str(), has_support(&client, config).await);
    let shared = Arc::new(Mutex::new(Shared {
        store,
        world,
        on_their_way: Vec::new(),
    }));
    let desk = Desk::new(client.clone(), settings.clone(), shared.clone());
    let bot = Bot {
        settings,
        config: Arc::new(config.clone()),
        own,
        shared,
        mover: Mover::new(client.clone()),
        desk: Mutex::new(desk),
        news: Arc::new(Notify::new()),
        filter: filter(),
        client,
    };
    let sender = Sender::new(
        bot.client.clone(),
        bot.config.clone(),
        bot.shared.clone(),
        bot.news.clone(),
    );
    let keys = keep_keys(bot.client.clone(), config.data_dir.clone());
    tokio::select! {
        result = bot.work() => result,
        result = sender.run() => result,
        () = keys => Ok(()),
        () = stop() => Ok(()),
    }
}

/// Sets encryption up beside the work, then waits for ever.
async fn keep_keys(client: Client, data_dir: std::path::PathBuf) {
    while let Err(error) = secure(&client, &data_dir).await {
        tracing::warn!("encryption is not set up yet: {error:#}");
        tokio::time::sleep(KEYS_AGAIN).await;
    }
    tracing::info!("encryption is set up");
    std::future::pending::<()>().await;
}

async fn stop() {
    let terminated = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => signal.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminated => {}
    }
}

fn filter() -> FilterDefinition {
    let mut filter = FilterDefinition::default();
    filter.presence.not_types = vec!["*".to_owned()];
    filter.room.ephemeral.not_types = vec!["*".to_owned()];
    filter.room.timeline.limit = Some(uint!(100));
    filter.room.state.lazy_load_options = LazyLoadOptions::Enabled {
        include_redundant_members: false,
    };
    filter
}

impl Bot {
    async fn work(&self) -> Result<()> {
        let mut in_step = false;
        loop {
            if !in_step {
                if let Err(error) = self.get_in_step().await {
                    tracing::warn!("the server cannot be reached: {error:#}");
                    tokio::time::sleep(AFTER_ERROR).await;
                    continue;
                }
                in_step = true;
            }
            match self.sync().await {
                Ok(response) => self.take_sync(response).await?,
                Err(error) => {
                    tracing::warn!("the sync failed: {error:#}");
                    in_step = false;
                    tokio::time::sleep(AFTER_ERROR).await;
                }
            }
        }
    }

    /// Takes in what the library has seen and the bot has not.
    async fn get_in_step(&self) -> Result<()> {
        self.tick().await?;
        for room in self.client.invited_rooms() {
            self.accept(&room).await;
        }
        self.mover.look_at_all().await;
        let token = self.shared.lock().await.store.token()?;
        let Some(token) = token else {
            return Ok(());
        };
        let missed = catch_up(&self.client, &token, &self.filter).await?;
        let mut timelines = BTreeMap::new();
        for (id, missed) in missed {
            let Some(room) = self.client.get_room(&id) else {
                continue;
            };
            let mut events = Vec::new();
            if let Some(before) = missed.before {
                events = self.history(&room, &before, &token).await?;
            }
            for event in missed.events {
                events.push(self.decrypted(&room, event).await);
            }
            timelines.insert(id, events);
        }
        // The place stays: the library's own next sync may tell of these rooms again.
        self.take(timelines, None).await?;
        self.unlock().await
    }

    /// Waits for news of the server; time that is up meanwhile is acted on.
    async fn sync(&self) -> Result<SyncResponse> {
        let settings = SyncSettings::new()
            .timeout(POLL)
            .filter(self.filter.clone().into())
            .set_presence(matrix_sdk::ruma::presence::PresenceState::Online);
        let sync = self.client.sync_once(settings);
        tokio::pin!(sync);
        loop {
            let deadline = self.shared.lock().await.world.next_deadline();
            let wait = deadline.map_or(POLL, |at| {
                Duration::from_millis(u64::try_from(at - now()).unwrap_or(0))
            });
            // A sync that is not awaited to its end would be half taken in, so ticks happen beside it.
            tokio::select! {
                response = &mut sync => return Ok(response?),
                () = tokio::time::sleep(wait.clamp(LEAST_WAIT, POLL)) => self.tick().await?,
            }
        }
    }

    async fn take_sync(&self, response: SyncResponse) -> Result<()> {
        for id in response.rooms.invited.keys() {
            if let Some(room) = self.client.get_room(id) {
                self.accept(&room).await;
            }
        }
        let before = self.shared.lock().await.store.token()?;
        let mut timelines = BTreeMap::new();
        let mut changed = Vec::new();
        for (id, update) in response.rooms.joined {
            let Some(room) = self.client.get_room(&id) else {
                continue;
            };
            let mut events = Vec::new();
            if let (true, Some(gap), Some(before)) =
                (update.timeline.limited, update.timeline.prev_batch, &before)
                && self
                    .shared
                    .lock()
                    .await
                    .store
                    .joined(id.as_str())?
                    .is_some()
            {
                match self.history(&room, &gap, before).await {
                    Ok(history) => events = history,
                    Err(error) => {
                        tracing::warn!(%id, "a gap of the history was not filled: {error:#}");
                    }
                }
            }
            changed.push(room.clone());
            let parse = |json: &str| serde_json::from_str::<Value>(json).ok();
            events.extend(
                update
                    .timeline
                    .events
                    .iter()
                    .filter_map(|event| parse(event.raw().json().get())),
            );
            timelines.insert(id, events);
        }
        for id in response.rooms.left.keys() {
            let reader = self.reader();
            let what = What::Left {
                room: id.to_string(),
            };
            let event = reader.event(what);
            let id = format!("left {id} {}", response.next_batch);
            self.commit(vec![Arrival::Event { id, event }], None)
                .await?;
        }
        self.take(timelines, Some(&response.next_batch)).await?;
        if !response.to_device.is_empty() {
            self.desk.lock().await.take(&response.to_device);
            self.unlock().await?;
        }
        for room in changed {
            self.mover.look_at(&room).await;
        }
        Ok(())
    }

    fn reader(&self) -> Reader<'_> {
        Reader {
            client: &self.client,
            config: &self.config,
            own: &self.own,
            now: now(),
        }
    }

    /// Reads the timelines of rooms and takes them in, with the place they lead to.
    async fn take(
        &self,
        timelines: BTreeMap<OwnedRoomId, Vec<Value>>,
        token: Option<&str>,
    ) -> Result<()> {
        let reader = self.reader();
        let mut arrivals = Vec::new();
        for (id, events) in timelines {
            let Some(room) = self.client.get_room(&id) else {
                continue;
            };
            let shared = self.shared.lock().await;
            arrivals.extend(reader.timeline(&room, events, &shared.store).await?);
        }
        self.commit(arrivals, token).await
    }

    /// Applies events and writes down all that follows in one transaction.
    async fn commit(&self, arrivals: Vec<Arrival>, token: Option<&str>) -> Result<()> {
        let mut shared = self.shared.lock().await;
        let Shared {
            store,
            world,
            on_their_way,
        } = &mut *shared;
        let now = now();
        for arrival in &arrivals {
            if let Arrival::Own { transaction, event } = arrival
                && let Some(id) = store.id_of_transaction(transaction)
            {
                store.acknowledge(id, Some(event), now)?;
            }
        }
        let batch = store.batch()?;
        for arrival in arrivals {
            match arrival {
                Arrival::Own { .. } => {}
                Arrival::Joined { room, event } => batch.set_joined(&room, &event)?,
                Arrival::Locked { id, room, raw } => batch.wait_for_key(&id, &room, &raw, now)?,
                Arrival::Event { id, event } => {
                    batch.no_longer_waits(&id)?;
                    if batch.see(&id, now)? {
                        let outputs = world.apply(&self.settings, &event);
                        for output in &outputs {
                            batch.queue(output, on_their_way)?;
                        }
                        if is_worth_logging(&event, &outputs) {
                            batch.log(&event)?;
                        }
                    }
                }
            }
        }
        batch.write(&world.take_changes())?;
        if let Some(token) = token {
            batch.set_token(token)?;
        }
        // An error here ends the process: what is in memory is ahead of the disk, and the next start reads the disk.
        batch.commit()?;
        self.news.notify_one();
        Ok(())
    }

    async fn tick(&self) -> Result<()> {
        let is_due = self
            .shared
            .lock()
            .await
            .world
            .next_deadline()
            .is_some_and(|at| at <= now());
        if !is_due {
            return Ok(());
        }
        let event = self.reader().event(What::Tick);
        let id = format!("tick {} {:016x}", event.at, event.seed);
        self.commit(vec![Arrival::Event { id, event }], None).await
    }

    async fn accept(&self, room: &Room) {
        let inviter = room
            .invite_details()
            .await
            .ok()
            .and_then(|invite| invite.inviter);
        let inviter = inviter.map(|member| member.user_id().to_string());
        let id = room.room_id();
        if let Err(error) = self
            .shared
            .lock()
            .await
            .store
            .note_invite(id.as_str(), inviter.as_deref())
        {
            tracing::warn!(%id, "an invitation was not noted: {error:#}");
        }
        if let Err(error) = room.join().await {
            tracing::warn!(%id, %error, "the bot could not join");
        }
    }

    /// The events between two places, oldest first.
    async fn history(&self, room: &Room, from: &str, to: &str) -> Result<Vec<Value>> {
        let mut events = Vec::new();
        let mut from = Some(from.to_owned());
        for _ in 0..PAGES {
            let Some(at) = from.take() else {
                break;
            };
            let mut options = matrix_sdk::room::MessagesOptions::backward().from(at.as_str());
            options.to = Some(to.to_owned());
            options.limit = PAGE.into();
            let page = room.messages(options).await?;
            if page.chunk.is_empty() {
                break;
            }
            events.extend(
                page.chunk.iter().filter_map(|event| {
                    serde_json::from_str::<Value>(event.raw().json().get()).ok()
                }),
            );
            from = page.end;
        }
        events.reverse();
        Ok(events)
    }

    /// Tries again what could not be decrypted.
    async fn unlock(&self) -> Result<()> {
        let waiting = self.shared.lock().await.store.waiting()?;
        let mut timelines: BTreeMap<OwnedRoomId, Vec<Value>> = BTreeMap::new();
        for locked in waiting {
            let id = matrix_sdk::ruma::RoomId::parse(&locked.room)?;
            if let Some(room) = self.client.get_room(&id) {
                let event = self
                    .decrypted(&room, serde_json::from_str(&locked.raw)?)
                    .await;
                if event["type"] != "m.room.encrypted" {
                    timelines.entry(id).or_default().push(event);
                }
            }
        }
        if timelines.is_empty() {
            Ok(())
        } else {
            self.take(timelines, None).await
        }
    }

    /// The event in the clear, or as it is when that is not possible.
    async fn decrypted(&self, room: &Room, event: Value) -> Value {
        if event["type"] != "m.room.encrypted" {
            return event;
        }
        let Ok(raw) = serde_json::value::to_raw_value(&event) else {
            return event;
        };
        let raw = matrix_sdk::ruma::serde::Raw::<
            matrix_sdk::ruma::events::room::encrypted::OriginalSyncRoomEncryptedEvent,
        >::from_json(raw);
        match room.decrypt_event(&raw, None).await {
            Ok(clear) if !clear.kind.is_utd() => {
                serde_json::from_str(clear.raw().json().get()).unwrap_or(event)
            }
            _ => event,
        }
    }
}

/// What changed nothing and said nothing need not be kept, and neither do ticks.
fn is_worth_logging(event: &Event, outputs: &[Output]) -> bool {
    !matches!(event.what, What::Tick) && !outputs.is_empty()
}
