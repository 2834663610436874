//! The room bot: `bot_engine` decides, and this crate carries it out over the client-server API.
//!
//! What comes in is applied and written to the bot's database in one transaction, together with what is to be sent;
//! only then is it sent. So a bot that is killed at any moment goes on where it was, and does nothing twice.

pub mod check;
pub mod config;
mod lessons;
mod private;
pub mod run;
mod session;
mod store;

pub use config::Config;
