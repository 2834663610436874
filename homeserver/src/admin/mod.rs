//! What administrators do over HTTP: the part of the Synapse admin API that existing tools use.
//!
//! The routes share their functions with the command line; only what no other domain has is here: rooms as
//! administrators see them, work that goes on after its request was answered, and notices of the server.

mod media_in_rooms;
mod notices;
pub mod redaction;
pub mod rooms;
pub mod routes;
pub mod shutdown;
pub mod store;
pub mod tasks;

use std::sync::Arc;

pub use self::notices::Notice;
use self::{notices::Notices, tasks::Tasks};
use ruma::RoomVersionId;

use crate::{
    Config, account_data::AccountData, clock::SharedClock, config, rooms::Rooms, storage::Storage,
    users::Users,
};

/// The service. Clones share it.
#[derive(Clone)]
pub struct Admin {
    inner: Arc<Inner>,
}

struct Inner {
    rooms: Rooms,
    users: Users,
    account_data: AccountData,
    config: config::ServerNotices,
    /// The version of rooms made here.
    room_version: RoomVersionId,
    tasks: Tasks,
    notices: Notices,
}

impl Admin {
    /// The service over the domains that it administers.
    pub fn new(
        storage: Storage,
        clock: SharedClock,
        users: Users,
        rooms: Rooms,
        account_data: AccountData,
        config: &Config,
    ) -> Self {
        let inner = Inner {
            rooms,
            users,
            account_data,
            config: config.server_notices.clone(),
            room_version: config.rooms.default_version.clone(),
            tasks: Tasks::new(storage, clock),
            notices: Notices::default(),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Work that goes on after its request was answered.
    pub fn tasks(&self) -> &Tasks {
        &self.inner.tasks
    }
}
