//! Rooms: their events, their state and who is in them.

pub mod state;
