//! Sending to other servers.
//!
//! Events for others are logged in their own commits ([`project::Log`]). Each server that something is sent to has a
//! place in that log; a worker reads on from there and sends transactions, one at a time. So nothing is sent twice in
//! another order, nothing is lost when this server stops, and a server that is away costs nothing but its place.
//! [spec](https://spec.matrix.org/v1.19/server-server-api/#transactions)

mod device_lists;
mod next;
mod presence;
pub mod project;
pub mod rows;
mod trim;
mod worker;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use futures::FutureExt;
use parking_lot::Mutex;
use ruma::{
    OwnedServerName,
    api::federation::transactions::edu::{
        Edu, ReceiptContent, ReceiptData, ReceiptMap, TypingContent,
    },
    events::receipt::Receipt,
};
use tokio::sync::{Notify, broadcast::error::RecvError};

use self::rows::DestinationRow;
use crate::{
    Server,
    error::{ApiError, ApiResult},
    ids::StreamPos,
    rooms::{news::News, receipts::ReceiptThread, servers},
    storage::{Commit, tables},
};

/// Passing messages that wait for one server; when more come, the oldest are forgotten.
const PASSING: usize = 100;

/// The workers. Clones share them.
#[derive(Clone, Default)]
pub struct Outbound {
    workers: Arc<Mutex<HashMap<OwnedServerName, Arc<Destination>>>>,
    /// Held while the row of a server is read and written.
    rows: Arc<tokio::sync::Mutex<()>>,
}

/// What a worker is told.
#[derive(Default)]
struct Destination {
    wake: Notify,
    /// What is true for a moment only: who types, what was read. By what they replace each other in.
    passing: Mutex<BTreeMap<String, Edu>>,
}

impl Outbound {
    /// Begins to send, with what waited when the server stopped.
    pub fn start(&self, server: &Server) {
        let (outbound, all) = (self.clone(), server.clone());
        server
            .jobs
            .spawn("log of events for other servers", move || {
                let (outbound, all) = (outbound.clone(), all.clone());
                async move {
                    if let Err(error) = outbound.follow_log(&all).await {
                        tracing::error!(%error, "events for other servers could not be read");
                    }
                }
            });
        let (outbound, all) = (self.clone(), server.clone());
        server
            .jobs
            .spawn("passing news for other servers", move || {
                let (outbound, all) = (outbound.clone(), all.clone());
                async move { outbound.follow_news(&all).await }
            });
        let (outbound, all) = (self.clone(), server.clone());
        server.jobs.spawn("presence for other servers", move || {
            let (outbound, all) = (outbound.clone(), all.clone());
            async move { presence::follow(&outbound, &all).await }
        });
        let (outbound, all) = (self.clone(), server.clone());
        server.jobs.spawn("servers that come back", move || {
            let (outbound, all) = (outbound.clone(), all.clone());
            async move {
                let mut returns = all.federation.returns();
                loop {
                    tokio::select! {
                        () = all.jobs.stopping() => return,
                        returned = returns.recv() => match returned {
                            Ok(name) => outbound.wake(&all, &name),
                            Err(RecvError::Lagged(_)) => {}
                            Err(RecvError::Closed) => return,
                        },
                    }
                }
            }
        });
    }

    /// Wakes the workers of those whom new events concern.
    async fn follow_log(&self, server: &Server) -> ApiResult<()> {
        let mut positions = server.storage.positions();
        let mut done = StreamPos::ZERO;
        let mut trims = tokio::time::interval(trim::EVERY);
        loop {
            let position = *positions.borrow_and_update();
            let (from, rooms) = (done.plus(1), server.rooms.clone());
            let read = server.storage.read(move |snapshot| -> ApiResult<_> {
                let mut concerned: HashMap<OwnedServerName, StreamPos> = HashMap::new();
                for row in tables::FEDERATION_LOG.range(snapshot, from, position.plus(1))? {
                    let (pos, logged) = row?;
                    for name in next::recipients(snapshot, &logged)? {
                        concerned.entry(name).or_insert(pos);
                    }
                }
                let mut waiting = std::collections::BTreeSet::new();
                // No name of a server comes before this one.
                let least = ruma::server_name!("0");
                let edus = tables::OUTBOUND_EDU_AT.range(
                    snapshot,
                    (from, least),
                    (position.plus(1), least),
                )?;
                for row in edus {
                    waiting.insert(row?.0.1);
                }
                let mut begun = Vec::new();
                for (name, first) in &concerned {
                    if !tables::DESTINATION.contains(snapshot, name)? {
                        begun.push((name.clone(), StreamPos(first.0.saturating_sub(1))));
                    }
                }
                waiting.extend(concerned.into_keys());
                let devices = device_lists::News::read(&rooms, snapshot, position)?;
                Ok((waiting, begun, devices))
            });
            let (waiting, begun, devices) = read.await?;
            for (name, sent) in begun {
                let row = DestinationRow::up_to(sent);
                let commit =
                    Commit::silent(move |batch| tables::DESTINATION.put(batch, &name, &row));
                server.storage.commit(commit.ephemeral()).await?;
            }
            for name in &waiting {
                self.wake(server, name);
            }
            device_lists::tell(server, position, devices).await?;
            done = position;
            tokio::select! {
                () = server.jobs.stopping() => return Ok(()),
                changed = positions.changed() => changed.map_err(ApiError::internal)?,
                // Whoever an event up to here is for has a row now.
                _ = trims.tick() => self.trim(server, done).await?,
            }
        }
    }

    /// Forgets what of the log nobody needs, and has those look at it who have not done so for long: it may not concern
    /// them.
    async fn trim(&self, server: &Server, done: StreamPos) -> ApiResult<()> {
        let _turn = self.rows.lock().await;
        let (now, most) = (server.clock.now(), server.config.federation.kept_events);
        let read = server
            .storage
            .read(move |snapshot| trim::Plan::make(snapshot, done, now, most));
        let plan = read.await?;
        for name in &plan.idle {
            self.wake(server, name);
        }
        if !plan.is_empty() {
            let commit = Commit::silent(move |batch| plan.write(batch));
            server.storage.commit(commit).await?;
        }
        Ok(())
    }

    /// Has the worker of a server look for something to send.
    pub fn wake(&self, server: &Server, name: &OwnedServerName) {
        self.tell(server, name, |_| {});
    }

    /// Adds to what passes to one server, and has its worker look. Done while the workers are locked, so that none ends
    /// without having seen it.
    fn tell(
        &self,
        server: &Server,
        name: &OwnedServerName,
        add: impl FnOnce(&mut BTreeMap<String, Edu>),
    ) {
        if !server.federation.allows(name) {
            return;
        }
        let mut workers = self.workers.lock();
        let destination = workers.entry(name.clone()).or_insert_with(|| {
            let destination = Arc::new(Destination::default());
            let (outbound, all) = (self.clone(), server.clone());
            let (name, told) = (name.clone(), Arc::clone(&destination));
            server.jobs.track(async move {
                loop {
                    worker::run(&all, &name, &told).await;
                    if all.jobs.is_stopping() || outbound.ends(&name, &told) {
                        return;
                    }
                }
            });
            destination
        });
        let mut passing = destination.passing.lock();
        add(&mut passing);
        if passing.len() > PASSING {
            passing.pop_first();
        }
        drop(passing);
        destination.wake.notify_one();
    }

    /// Takes a worker that had nothing to do off the list, unless it was woken meanwhile.
    fn ends(&self, name: &OwnedServerName, destination: &Destination) -> bool {
        let mut workers = self.workers.lock();
        let is_woken = destination.wake.notified().now_or_never().is_some();
        if !is_woken {
            workers.remove(name);
        }
        !is_woken
    }

    /// Tells others of what passes in their rooms.
    async fn follow_news(&self, server: &Server) {
        let mut news = server.rooms.news();
        loop {
            let told = tokio::select! {
                () = server.jobs.stopping() => return,
                told = news.recv() => told,
            };
            match told {
                Ok(told) => {
                    if let Err(error) = self.pass(server, &told) {
                        tracing::warn!(%error, "other servers could not be told of what passes");
                    }
                }
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            }
        }
    }

    fn pass(&self, server: &Server, news: &News) -> ApiResult<()> {
        let snapshot = server.storage.snapshot();
        let room = match news {
            News::Typing { room, .. } | News::Read { room, .. } => *room,
            News::Entered { .. } | News::EnteredFrom { .. } => {
                presence::greet_soon(self, server, news);
                return Ok(());
            }
        };
        let names = servers::servers_in(&snapshot, room)?;
        if names.is_empty() {
            return Ok(());
        }
        let interner = server.storage.interner();
        let room_id = server.rooms.room_id(room)?;
        let (key, edu) = match news {
            News::Typing { user, typing, .. } => {
                let user = interner.user_id(*user)?;
                if user.server_name() != server.rooms.server_name() {
                    return Ok(());
                }
                let key = format!("typing {room_id} {user}");
                (key, Edu::Typing(TypingContent::new(room_id, user, *typing)))
            }
            News::Read {
                user,
                event,
                thread,
                ts,
                ..
            } => {
                if user.server_name() != server.rooms.server_name() {
                    return Ok(());
                }
                let key = format!("receipt {room_id} {user} {}", thread.as_key());
                let mut receipt = Receipt::new(*ts);
                receipt.thread = match thread {
                    ReceiptThread::Unthreaded => ruma::events::receipt::ReceiptThread::Unthreaded,
                    ReceiptThread::Main => ruma::events::receipt::ReceiptThread::Main,
                    ReceiptThread::Thread(root) => {
                        ruma::events::receipt::ReceiptThread::Thread(root.clone())
                    }
                };
                let data = ReceiptData::new(receipt, vec![event.clone()]);
                let map = ReceiptMap::new([(user.clone(), data)].into());
                (
                    key,
                    Edu::Receipt(ReceiptContent::new([(room_id, map)].into())),
                )
            }
            News::Entered { .. } | News::EnteredFrom { .. } => return Ok(()),
        };
        for name in names {
            self.tell(server, &name, |passing| {
                passing.insert(key.clone(), edu.clone());
            });
        }
        Ok(())
    }
}
