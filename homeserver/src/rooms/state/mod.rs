//! The state of a room: how it is stored, compared and, where histories meet, resolved.

pub mod node;
pub mod tree;
