//! One worker for each room that has events waiting. Rooms do not wait for each other: what is missing in one of them
//! is asked for while the others go on.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use ruma::OwnedServerName;
use tokio::sync::oneshot;

use super::{
    gaps::{self, Filled},
    held,
};
use crate::{
    Server,
    error::{ApiError, ApiResult},
    events::Pdu,
    federation::policy,
    ids::{RoomNid, StreamPos},
    rooms::{receipts::NewReceipt, receive::Outcome},
    storage::{Commit, tables},
};

/// Receipts of a room that wait for their events.
const MOST_RECEIPTS: usize = 100;
/// Events that one change to a room takes in.
const AT_ONCE: usize = 50;

/// The pauses before events are tried again that could not be taken in.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// The rooms with a worker. Clones share them.
#[derive(Clone, Default)]
pub struct Inbound {
    /// Rooms with a worker; whether events came since it last looked.
    working: Arc<Mutex<HashSet<RoomNid>>>,
    again: Arc<Mutex<HashSet<RoomNid>>>,
    /// Where the queue of a room begins: every row before that is gone. Looking for the first row takes longer with each
    /// one that was removed, until RocksDB forgets those.
    begins: Arc<Mutex<HashMap<RoomNid, StreamPos>>>,
    /// Receipts for events that may still wait. They are tried once more when nothing does.
    receipts: Arc<Mutex<HashMap<RoomNid, Vec<NewReceipt>>>>,
    /// Those who want to know when a room has taken in what waits for it.
    watchers: Arc<Mutex<HashMap<RoomNid, Vec<oneshot::Sender<()>>>>>,
}

/// An event that waits.
struct Waiting {
    pos: StreamPos,
    origin: OwnedServerName,
    pdu: Pdu,
}

impl Inbound {
    /// Has a room take in what waits for it.
    pub fn wake(&self, server: &Server, room: RoomNid) {
        if !self.working.lock().insert(room) {
            self.again.lock().insert(room);
            // The worker may have ended between the two.
            if self.working.lock().contains(&room) {
                return;
            }
            self.again.lock().remove(&room);
            return self.wake(server, room);
        }
        let (inbound, all) = (self.clone(), server.clone());
        server.jobs.track(async move {
            let mut pause = FIRST_PAUSE;
            loop {
                inbound.again.lock().remove(&room);
                let watchers = inbound.watchers.lock().remove(&room).unwrap_or_default();
                if let Err(error) = drain(&all, room).await {
                    tracing::error!(?error, "events of other servers could not be taken in");
                    tokio::select! {
                        () = all.jobs.stopping() => {}
                        () = tokio::time::sleep(pause) => {}
                    }
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    inbound.again.lock().insert(room);
                } else if !all.jobs.is_stopping() {
                    for watcher in watchers {
                        // Whoever waited may have lost patience.
                        watcher.send(()).ok();
                    }
                }
                inbound.take_receipts(&all, room).await;
                let mut working = inbound.working.lock();
                if all.jobs.is_stopping() || !inbound.again.lock().contains(&room) {
                    working.remove(&room);
                    return;
                }
            }
        });
    }

    /// The same; what is returned resolves once everything that waited is taken in and on disk, and fails when that has
    /// to be tried again.
    pub(super) fn wake_and_watch(&self, server: &Server, room: RoomNid) -> oneshot::Receiver<()> {
        let (watcher, done) = oneshot::channel();
        let mut watchers = self.watchers.lock();
        watchers.entry(room).or_default().push(watcher);
        drop(watchers);
        self.wake(server, room);
        done
    }

    /// Tries a receipt again once the room has taken in what waits for it.
    pub(super) fn take_later(&self, server: &Server, room: RoomNid, receipt: NewReceipt) {
        let mut receipts = self.receipts.lock();
        let waiting = receipts.entry(room).or_default();
        if waiting.len() < MOST_RECEIPTS {
            waiting.push(receipt);
        }
        drop(receipts);
        self.wake(server, room);
    }

    async fn take_receipts(&self, server: &Server, room: RoomNid) {
        let waiting = self.receipts.lock().remove(&room);
        for receipt in waiting.into_iter().flatten() {
            if let Err(error) = server.rooms.set_receipt(room, receipt).await {
                tracing::debug!(%error, "a receipt is dropped");
            }
        }
    }

    /// Goes on with what waited when the server stopped.
    pub fn resume(&self, server: &Server) -> ApiResult<()> {
        let snapshot = server.storage.snapshot();
        let mut rooms = HashSet::new();
        for row in tables::STAGED_EVENT.scan(&snapshot, ())? {
            rooms.insert(row?.0.0);
        }
        for room in rooms {
            self.wake(server, room);
        }
        held::resume(server);
        Ok(())
    }
}

/// Why the worker stops taking in events.
enum Stop {
    /// All are taken in.
    Done,
    /// The next one has to see the others on disk.
    NextChange,
    /// Something is missing for this one.
    Gap(Box<(Waiting, Outcome)>),
}

async fn drain(server: &Server, room: RoomNid) -> ApiResult<()> {
    let begins = &server.inbound.begins;
    loop {
        let from = begins.lock().get(&room).copied();
        let waiting = waiting(server, room, from.unwrap_or(StreamPos::ZERO)).await?;
        let Some(last) = waiting.last().map(|event| event.pos) else {
            return Ok(());
        };
        if server.jobs.is_stopping() {
            return Ok(());
        }
        let were_all = waiting.len() < AT_ONCE;
        match take_in(server, room, waiting).await? {
            Stop::Done => {
                begins.lock().insert(room, last.plus(1));
                // Whoever puts more on the disk wakes the worker after that.
                if were_all {
                    return Ok(());
                }
            }
            Stop::NextChange => {}
            Stop::Gap(at) => {
                let (event, outcome) = *at;
                fill(server, room, event, outcome).await?;
            }
        }
    }
}

/// Takes in an event that lacks something once that was asked for, or drops it.
async fn fill(server: &Server, room: RoomNid, event: Waiting, outcome: Outcome) -> ApiResult<()> {
    let Waiting { pos, origin, pdu } = event;
    match gaps::fill(server, room, &origin, pdu, outcome).await {
        Ok(Filled::Nobody) => return held::hold(server, (room, pos)).await,
        Ok(Filled::Taken) => {}
        Err(error) => {
            tracing::info!(%error, %origin, "an event of another server is dropped");
        }
    }
    let done = Commit::silent(move |batch| tables::STAGED_EVENT.delete(batch, (room, pos)));
    server.storage.commit(done).await?;
    Ok(())
}

async fn waiting(server: &Server, room: RoomNid, from: StreamPos) -> ApiResult<Vec<Waiting>> {
    let read = server.storage.read(move |snapshot| -> ApiResult<_> {
        let mut waiting = Vec::new();
        let rows = tables::STAGED_EVENT.range(snapshot, (room, from), (room, StreamPos::MAX))?;
        for row in rows.take(AT_ONCE) {
            let ((_, pos), row) = row?;
            let pdu = Pdu::from_stored(&row.pdu).map_err(ApiError::internal)?;
            let origin = row.origin;
            waiting.push(Waiting { pos, origin, pdu });
        }
        Ok(waiting)
    });
    read.await
}

/// Takes in events as long as nothing is missing.
async fn take_in(server: &Server, room: RoomNid, mut waiting: Vec<Waiting>) -> ApiResult<Stop> {
    let events = waiting.iter().map(|event| event.pdu.clone()).collect();
    let events = policy::ask_about(server, room, events).await?;
    for (event, pdu) in waiting.iter_mut().zip(&events) {
        event.pdu = pdu.clone();
    }
    server.rooms.resolve_ahead(room, events).await?;
    let write = server.rooms.write_received(room, move |txn| {
        let mut taken = false;
        for event in waiting {
            let outcome = txn.receive(event.pdu.clone(), None)?;
            outcome.tell(event.pdu.event_id());
            match outcome {
                Outcome::Known
                | Outcome::Accepted(_)
                | Outcome::SoftFailed(_)
                | Outcome::Rejected(_) => {
                    taken = true;
                    let pos = event.pos;
                    txn.write(move |batch, _| tables::STAGED_EVENT.delete(batch, (room, pos)));
                }
                Outcome::NextChange if taken => return Ok(Stop::NextChange),
                outcome => return Ok(Stop::Gap(Box::new((event, outcome)))),
            }
        }
        Ok(Stop::Done)
    });
    write.await
}
