//! Everything that talks to the homeserver.

mod account;
mod catch_up;
mod deliver;
mod feedback;
mod incoming;
mod keys;
mod moving;
mod outgoing;
mod place;
mod registration;
mod standings;

pub(crate) use account::sign_in;
pub(crate) use catch_up::catch_up;
pub(crate) use feedback::has_support;
pub(crate) use incoming::{Arrival, Reader};
pub(crate) use keys::secure;
pub(crate) use moving::Mover;
pub(crate) use outgoing::Sender;
pub(crate) use registration::can_register;
pub(crate) use standings::Desk;
