//! The bot in rooms of a real server, with players of the plainest kind.
#![expect(clippy::unwrap_used, reason = "a failing test may panic")]

mod checking;
mod encrypted;
mod kills;
mod manners;
mod server;
mod talking;
