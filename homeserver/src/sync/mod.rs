//! Telling clients what changed.

pub mod account_data;
pub mod devices;
pub mod ephemeral;
pub mod filter;
pub mod lazy;
mod legacy_event_routes;
mod legacy_routes;
mod presence;
pub mod room_view;
pub mod routes;
pub mod sliding;
pub mod stripped;
pub mod token;
pub mod v3;
pub mod wait;
