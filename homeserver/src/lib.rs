//! The Fialka homeserver.

pub mod ids;
pub mod rooms;
pub mod storage;
