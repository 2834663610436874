//! Rooms: their events, state, members and summaries.

pub mod admit;
pub mod aliases;
mod approval;
pub mod blocking;
pub mod by_time;
mod canonical_alias;
pub mod create;
pub mod deletion;
pub mod directory;
pub mod draft;
mod erasure;
pub mod event;
pub mod gaps;
pub mod head;
mod heroes;
pub mod history;
pub mod invite_permission;
pub mod look;
pub mod members;
pub mod membership;
pub mod mutual;
pub mod news;
pub mod outside;
pub mod past;
pub mod policy;
pub mod preview;
mod profile;
pub mod project;
pub mod promotion;
pub mod receipts;
pub mod receive;
pub mod redact;
mod refusal;
pub mod relations;
mod resolving;
mod restricted;
pub mod retention;
pub mod routes;
pub mod rows;
pub mod send;
pub mod servers;
pub mod serving;
pub mod show;
pub mod spaces;
pub mod state;
pub mod state_events;
mod summary;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
pub mod third_party;
pub mod thread_subscriptions;
pub mod timeline;
pub mod txn;
pub mod typing;
pub mod upgrade;
pub mod viewer;

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{Arc, OnceLock, atomic::AtomicU64},
};

use parking_lot::{Mutex, RwLock};
use quick_cache::sync::Cache;
use ruma::{
    OwnedEventId, OwnedRoomId, OwnedServerName, RoomId, ServerName,
    room_version_rules::RoomVersionRules, signatures::Ed25519KeyPair,
};

use self::{
    event::RoomEvent,
    head::Head,
    project::Projection,
    state::{
        auth_chain::ChainCache,
        node::{Node, NodeHash},
        resolve::Changes,
        tree::{NewNodes, NodeStore, StateRoot},
    },
    txn::Txn,
};
use crate::{
    clock::SharedClock,
    error::{ApiError, ApiResult},
    events::Signer,
    ids::{EventNid, RoomNid, UserNid},
    storage::{self, Commit, Snapshot, Storage, tables},
};

/// Events kept in memory, parsed.
const CACHED_EVENTS: usize = 8_000;
/// Nodes of state trees kept in memory.
const CACHED_NODES: usize = 20_000;
/// Rooms whose heads may be in memory before unused ones are dropped.
const CACHED_HEADS: usize = 4_000;

/// Bytes of auth chains kept in memory.
const CACHED_CHAINS: usize = 16 << 20;

/// Resolutions of states kept in memory.
const CACHED_RESOLUTIONS: usize = 500;

/// Events that have a number before they are taken in.
const NUMBERS_AHEAD: usize = 1_000;

/// Receipts, and subscriptions to threads, that may be taken at once.
const TURNS: usize = 32;

/// The service. Clones share it.
#[derive(Clone)]
pub struct Rooms {
    inner: Arc<Inner>,
}

struct Inner {
    storage: Storage,
    clock: SharedClock,
    server_name: OwnedServerName,
    key: Ed25519KeyPair,
    events: Cache<EventNid, Arc<RoomEvent>>,
    nodes: Cache<NodeHash, Arc<Node>>,
    chains: ChainCache,
    /// How states were resolved: those that met, and what changes in the first of them.
    resolved: Cache<Vec<StateRoot>, Arc<Changes>>,
    /// Numbers that events will get which are about to be taken in.
    numbers: Cache<OwnedEventId, EventNid>,
    news: tokio::sync::broadcast::Sender<news::News>,
    changed: Mutex<VecDeque<(EventNid, event::Changed)>>,
    heads: Mutex<HashMap<RoomNid, Arc<tokio::sync::Mutex<Option<Head>>>>>,
    projections: OnceLock<Vec<Arc<dyn Projection>>>,
    policy_client: OnceLock<Arc<dyn policy::AskPolicyServer>>,
    erasers: OnceLock<Vec<Arc<dyn deletion::Eraser>>>,
    /// Rooms that are being deleted.
    closing: RwLock<HashSet<RoomNid>>,
    /// Tells that there is something to delete.
    deletion_wake: tokio::sync::Notify,
    /// The time of the newest create event made here, in milliseconds.
    last_creation: AtomicU64,
    typing: typing::Typing,
    erased: erasure::Erased,
    /// Held while an alias is taken or given up.
    alias_turn: tokio::sync::Mutex<()>,
    /// See [`Rooms::turn_of`]; each for those whose numbers have the same remainder.
    turns: [tokio::sync::Mutex<()>; TURNS],
}

type HeadGuard = tokio::sync::OwnedMutexGuard<Option<Head>>;

impl Rooms {
    /// The service over a database, signing with `key` in the name of `server_name`.
    pub fn new(
        storage: Storage,
        clock: SharedClock,
        server_name: OwnedServerName,
        key: Ed25519KeyPair,
    ) -> Self {
        let inner = Inner {
            storage,
            clock,
            server_name,
            key,
            events: Cache::new(CACHED_EVENTS),
            nodes: Cache::new(CACHED_NODES),
            chains: ChainCache::with_capacity(CACHED_CHAINS),
            resolved: Cache::new(CACHED_RESOLUTIONS),
            numbers: Cache::new(NUMBERS_AHEAD),
            news: tokio::sync::broadcast::Sender::new(news::UNSEEN),
            changed: Mutex::default(),
            heads: Mutex::default(),
            projections: OnceLock::new(),
            policy_client: OnceLock::new(),
            erasers: OnceLock::new(),
            closing: RwLock::default(),
            deletion_wake: tokio::sync::Notify::new(),
            last_creation: AtomicU64::new(0),
            typing: typing::Typing::default(),
            erased: erasure::Erased::default(),
            alias_turn: tokio::sync::Mutex::default(),
            turns: Default::default(),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Has other domains write their rows with every event. The first call counts.
    pub fn set_projections(&self, projections: Vec<Arc<dyn Projection>>) {
        drop(self.inner.projections.set(projections));
    }

    fn projections(&self) -> &[Arc<dyn Projection>] {
        self.inner.projections.get().map_or(&[], Vec::as_slice)
    }

    /// The database.
    pub fn storage(&self) -> &Storage {
        &self.inner.storage
    }

    /// The clock.
    pub fn clock(&self) -> &SharedClock {
        &self.inner.clock
    }

    /// In whose name events are signed.
    pub fn signer(&self) -> Signer<'_> {
        Signer {
            server_name: &self.inner.server_name,
            key: &self.inner.key,
        }
    }

    /// This server's name.
    pub fn server_name(&self) -> &ServerName {
        &self.inner.server_name
    }

    /// The number of a room that exists here.
    pub fn find(&self, id: &RoomId) -> ApiResult<RoomNid> {
        let nid = self.storage().interner().find_room(id)?;
        nid.ok_or_else(|| ApiError::not_found("This server does not know the room."))
    }

    /// The same for somebody who wants to change the room: one that nobody here knows is refused like one the user is
    /// not in, so that nobody learns which exist.
    pub fn find_to_write(&self, id: &RoomId) -> ApiResult<RoomNid> {
        let nid = self.storage().interner().find_room(id)?;
        nid.ok_or_else(refusal::not_joined)
    }

    /// Changes a room that exists: `change` runs on a blocking thread under the room's lock, its appended events and
    /// rows become one commit, and the result is returned once that is on disk.
    pub async fn write<T: Send + 'static>(
        &self,
        room: RoomNid,
        change: impl FnOnce(&mut Txn<'_>) -> ApiResult<T> + Send + 'static,
    ) -> ApiResult<T> {
        let guard = self.lock(room).await;
        self.require_open(room)?;
        self.write_locked(room, guard, None, change).await
    }

    /// Like [`Rooms::write`] for events of other servers, which look at the room's newest events: a message of this
    /// server gives back the lock before it is on disk, so this waits until it is.
    pub async fn write_received<T: Send + 'static>(
        &self,
        room: RoomNid,
        change: impl FnOnce(&mut Txn<'_>) -> ApiResult<T> + Send + 'static,
    ) -> ApiResult<T> {
        let guard = self.lock(room).await;
        self.require_open(room)?;
        if guard.as_ref().is_some_and(|head| head.is_ahead) {
            let behind_them = Commit::silent(|_| {}).ephemeral();
            self.storage().commit(behind_them).await?;
        }
        self.write_locked(room, guard, None, change).await
    }

    /// Changes a room that is being deleted, which nobody else may.
    async fn write_closing<T: Send + 'static>(
        &self,
        room: RoomNid,
        change: impl FnOnce(&mut Txn<'_>) -> ApiResult<T> + Send + 'static,
    ) -> ApiResult<T> {
        let guard = self.lock(room).await;
        self.write_locked(room, guard, None, change).await
    }

    /// Makes a room: like [`Rooms::write`] for a room that has no events yet.
    pub(super) async fn write_new<T: Send + 'static>(
        &self,
        room: RoomNid,
        rules: &'static RoomVersionRules,
        version: String,
        change: impl FnOnce(&mut Txn<'_>) -> ApiResult<T> + Send + 'static,
    ) -> ApiResult<T> {
        let guard = self.lock(room).await;
        self.require_open(room)?;
        let empty = Some(Head::empty(rules, &version));
        self.write_locked(room, guard, empty, change).await
    }

    /// Held while a receipt of a user or a subscription to a thread is taken: it is compared with the one before.
    async fn turn_of(&self, user: UserNid) -> tokio::sync::MutexGuard<'_, ()> {
        let turns = &self.inner.turns;
        turns[user.0 as usize % turns.len()].lock().await
    }

    /// Runs reading code on a blocking thread over one snapshot.
    pub async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Self, &Snapshot<'_>) -> ApiResult<T> + Send + 'static,
    ) -> ApiResult<T> {
        let rooms = self.clone();
        self.storage()
            .read(move |snapshot| read(&rooms, snapshot))
            .await
    }

    async fn write_locked<T: Send + 'static>(
        &self,
        room: RoomNid,
        guard: HeadGuard,
        empty: Option<Head>,
        change: impl FnOnce(&mut Txn<'_>) -> ApiResult<T> + Send + 'static,
    ) -> ApiResult<T> {
        let this = self.clone();
        // A task of its own: a client that goes away ends its request, but must not give the lock back before the
        // change is on disk, where the next one looks for it.
        let done = tokio::spawn(async move {
            let rooms = this.clone();
            let prepared =
                tokio::task::spawn_blocking(move || this.prepare(room, empty, guard, change));
            let (result, queued) = prepared.await.map_err(ApiError::internal)??;
            let Some((receipt, guard)) = queued else {
                return Ok(result);
            };
            if let Err(error) = receipt.await {
                // The head in memory is ahead of a commit that was refused: read it again.
                drop(guard);
                *rooms.lock(room).await = None;
                return Err(error.into());
            }
            Ok(result)
        });
        done.await.map_err(ApiError::internal)?
    }

    #[expect(
        clippy::type_complexity,
        reason = "the guard is returned only where the next change must wait"
    )]
    fn prepare<T>(
        &self,
        room: RoomNid,
        empty: Option<Head>,
        mut guard: HeadGuard,
        change: impl FnOnce(&mut Txn<'_>) -> ApiResult<T>,
    ) -> ApiResult<(T, Option<(storage::Receipt, Option<HeadGuard>)>)> {
        let snapshot = self.storage().snapshot();
        let head = match guard.take() {
            Some(head) => head,
            None => match (Head::load(self, &snapshot, room)?, empty) {
                (Some(head), _) | (None, Some(head)) => head,
                (None, None) => {
                    return Err(ApiError::not_found("This server does not know the room."));
                }
            },
        };
        *guard = Some(head.clone());
        let store = self.nodes(&snapshot);
        let room_id = self.storage().interner().room_id(room)?;
        let mut txn = Txn::new(self, &snapshot, room, room_id, head, NewNodes::on(&store));
        let result = match change(&mut txn) {
            Ok(result) => result,
            Err(error) => {
                if guard.as_ref().is_some_and(Head::is_empty) {
                    *guard = None;
                }
                return Err(error);
            }
        };
        if txn.is_empty() {
            return Ok((result, None));
        }
        let waits = txn.head.waits;
        let (commit, head) = txn.finish()?;
        let receipt = self.storage().submit(commit)?;
        *guard = Some(head.settled());
        Ok((result, Some((receipt, waits.then_some(guard)))))
    }

    async fn lock(&self, room: RoomNid) -> HeadGuard {
        self.slot(room).lock_owned().await
    }

    fn slot(&self, room: RoomNid) -> Arc<tokio::sync::Mutex<Option<Head>>> {
        let mut heads = self.inner.heads.lock();
        if heads.len() > CACHED_HEADS {
            heads.retain(|_, slot| Arc::strong_count(slot) > 1);
        }
        Arc::clone(heads.entry(room).or_default())
    }

    /// Looks at a room that is in memory and not being changed.
    fn peek<T>(&self, room: RoomNid, look: impl FnOnce(&Head) -> T) -> Option<T> {
        let slot = self.slot(room);
        let head = slot.try_lock().ok()?;
        head.as_ref().map(look)
    }

    /// The summary of a room, if it has events here.
    pub fn summary(
        &self,
        snapshot: &Snapshot<'_>,
        room: RoomNid,
    ) -> storage::Result<Option<rows::RoomSummary>> {
        tables::ROOM.get(snapshot, room)
    }

    /// The id of a room.
    pub fn room_id(&self, room: RoomNid) -> storage::Result<OwnedRoomId> {
        self.storage().interner().room_id(room)
    }

    /// State trees as of a snapshot. Nodes never change, so the cache serves every snapshot.
    pub fn nodes<'a>(&'a self, snapshot: &'a Snapshot<'a>) -> Nodes<'a> {
        Nodes {
            rooms: self,
            snapshot,
        }
    }
}

/// Reads nodes of state trees.
pub struct Nodes<'a> {
    rooms: &'a Rooms,
    snapshot: &'a Snapshot<'a>,
}

impl NodeStore for Nodes<'_> {
    type Error = storage::Error;

    fn node(&self, hash: &NodeHash) -> storage::Result<Arc<Node>> {
        if let Some(node) = self.rooms.inner.nodes.get(hash) {
            return Ok(node);
        }
        let missing = storage::Error::Corrupt("a node of a state tree is missing");
        let bytes = tables::STATE_NODE
            .get(self.snapshot, hash.0)?
            .ok_or(missing)?;
        let node = Node::decode(&bytes)
            .map_err(|_| storage::Error::Corrupt("a node of a state tree is malformed"))?;
        self.rooms.inner.nodes.insert(*hash, Arc::clone(&node));
        Ok(node)
    }
}
