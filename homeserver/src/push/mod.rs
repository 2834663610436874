//! Push: which events notify whom, how many of them are unread, and telling devices that are not connected.
//!
//! Nearly everybody has the default push rules, so these are evaluated once per event, not once per member. The result
//! is a running count in the room's timeline. Only for those for whom the result may be another one (named, mentioned,
//! or with rules of their own) the rules are evaluated one by one, and a row is written where the result differs.
//!
//! An event that somebody with a pusher may have to hear of leaves one row in its own commit (`PUSH_EVENT`).
//! [`expand`] turns it into rows of pushers, and [`deliver`] empties those queues, each in order and for itself, until
//! the gateway has taken them or they are too old to matter. Both survive a restart, since rows go only when they are
//! done with.

mod badge;
mod conditions;
mod deliver;
mod erase;
mod expand;
mod glob;
mod notification;
pub mod notifications;
mod permission;
mod project;
mod pushers;
pub mod routes;
mod rules;
pub mod store;
pub mod unread;

use std::sync::Arc;

use parking_lot::RwLock;
use roaring::RoaringBitmap;
use tokio::sync::mpsc;

use self::{deliver::Wish, rules::Nobody};
pub use self::{erase::UnreadEraser, project::PushProjection, pushers::NewPusher, unread::Unread};
use crate::{
    account_data::AccountData,
    clock::SharedClock,
    error::ApiResult,
    ids::UserNid,
    jobs::Jobs,
    outbound::Outbound,
    rooms::Rooms,
    storage::{Doorbell, Snapshot, Storage, tables},
};

/// The service. Clones share everything.
#[derive(Clone)]
pub struct Push {
    inner: Arc<Inner>,
}

struct Inner {
    storage: Storage,
    clock: SharedClock,
    account_data: AccountData,
    rooms: Rooms,
    outbound: Outbound,
    /// Whether gateways may be asked without TLS: inside a private network.
    allow_plain: bool,
    nobody: Nobody,
    pushable: Arc<Pushable>,
    wishes: mpsc::UnboundedSender<Wish>,
    /// Taken by the job that delivers.
    wished: tokio::sync::Mutex<mpsc::UnboundedReceiver<Wish>>,
}

/// Who has pushers, and the bell for events that are to be pushed.
#[derive(Default)]
struct Pushable {
    users: RwLock<RoaringBitmap>,
    events: Doorbell,
}

impl Pushable {
    fn load(snapshot: &Snapshot<'_>) -> ApiResult<Self> {
        let pushable = Self::default();
        for row in tables::PUSHER.scan(snapshot, ())? {
            let ((user, ..), _) = row?;
            pushable.users.write().insert(user.0);
        }
        Ok(pushable)
    }

    fn is_empty(&self) -> bool {
        self.users.read().is_empty()
    }

    fn has(&self, user: UserNid) -> bool {
        self.users.read().contains(user.0)
    }
}

impl Push {
    /// The service over the domains below it.
    pub fn new(
        clock: SharedClock,
        account_data: AccountData,
        rooms: Rooms,
        outbound: Outbound,
        allow_plain: bool,
    ) -> ApiResult<Self> {
        let storage = rooms.storage().clone();
        let pushable = Pushable::load(&storage.snapshot())?;
        let (wishes, wished) = mpsc::unbounded_channel();
        let inner = Inner {
            clock,
            account_data,
            outbound,
            allow_plain,
            nobody: Nobody::new(rooms.server_name())?,
            pushable: Arc::new(pushable),
            wishes,
            wished: tokio::sync::Mutex::new(wished),
            rooms,
            storage,
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// What has to be written with every event.
    pub fn projection(&self) -> PushProjection {
        PushProjection(Arc::clone(&self.inner))
    }

    /// Starts pushing.
    pub fn start(&self, jobs: &Jobs) {
        let (inner, stop) = (Arc::clone(&self.inner), jobs.clone());
        jobs.spawn("push queues", move || {
            expand::run(Arc::clone(&inner), stop.clone())
        });
        let (inner, stop) = (Arc::clone(&self.inner), jobs.clone());
        jobs.spawn("push delivery", move || {
            deliver::run(Arc::clone(&inner), stop.clone())
        });
    }

    /// Tells a user's devices how much is unread, after the user has read something.
    pub fn user_read(&self, user: UserNid) {
        if self.inner.pushable.has(user) {
            self.inner.wish(Wish::Badge(user));
        }
    }
}

impl Inner {
    fn wish(&self, wish: Wish) {
        if self.wishes.send(wish).is_err() {
            tracing::error!("nothing delivers pushes any longer");
        }
    }
}
