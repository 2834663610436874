//! What both measurements need: users of a homeserver, and what processes use.

pub mod connection;
pub mod usage;
pub mod user;
