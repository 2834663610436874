//! Telling clients what changed.

pub mod filter;
pub mod room_view;
pub mod token;
pub mod v3;
pub mod wait;
