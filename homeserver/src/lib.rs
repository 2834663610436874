//! The Fialka homeserver.
//!
//! [`Server`] is the composition root: it holds the configuration, the clock and the domains, and is what every
//! route receives. docs/ARCHITECTURE.md shows how the domains depend on each other.

pub mod account_data;
pub mod clock;
pub mod config;
pub mod error;
pub mod events;
pub mod hub;
pub mod ids;
pub mod maintenance;
pub mod push;
pub mod read_cache;
pub mod rooms;
pub mod storage;
pub mod sync;
pub mod users;

use std::{ops::Deref, sync::Arc};

pub use self::{
    config::Config,
    error::{ApiError, ApiResult},
};

/// The running server: cheap to clone, the same for every request.
#[derive(Clone)]
pub struct Server(Arc<Domains>);

/// What a [`Server`] is made of.
pub struct Domains {
    /// The validated configuration.
    pub config: Config,
    /// Where the time comes from.
    pub clock: clock::SharedClock,
    /// The database.
    pub storage: storage::Storage,
    /// Who waits for what.
    pub hub: hub::Hub,
    /// Accounts, sessions, devices, profiles.
    pub users: users::Users,
    /// What clients keep here for their users.
    pub account_data: account_data::AccountData,
    /// Rooms.
    pub rooms: rooms::Rooms,
    /// What clients of sliding sync have been told.
    pub connections: sync::sliding::connections::Connections,
}

impl Server {
    /// Puts the parts together.
    pub fn new(domains: Domains) -> Self {
        Self(Arc::new(domains))
    }
}

impl Deref for Server {
    type Target = Domains;

    fn deref(&self) -> &Domains {
        &self.0
    }
}
