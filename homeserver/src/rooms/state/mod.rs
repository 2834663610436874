//! The state of a room: how it is stored, compared and, where histories meet, resolved.

pub mod auth_chain;
pub mod node;
pub mod resolve;
pub mod tree;
