//! The Fialka homeserver.

pub mod clock;
pub mod config;
pub mod error;
pub mod events;
pub mod hub;
pub mod ids;
pub mod maintenance;
pub mod rooms;
pub mod storage;
pub mod sync;
