//! What other servers send.

pub mod acl;
mod edus;
pub(super) mod gaps;
mod held;
mod outside;
mod queue;
pub mod rows;
pub mod transaction;
pub mod verify;

pub use self::queue::Inbound;
