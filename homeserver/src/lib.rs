//! The Fialka homeserver.

pub mod ids;
pub mod storage;
