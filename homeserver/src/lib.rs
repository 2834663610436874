//! The Fialka homeserver.

pub mod events;
pub mod ids;
pub mod rooms;
pub mod storage;
