//! Events as data: parsing, building, signing, authorising, redacting and showing them.
//!
//! Nothing here knows of storage, threads or HTTP.

pub mod auth;
pub mod build;
pub mod client_format;
pub mod pdu;
pub mod power;
pub mod redact;
mod stored;
#[cfg(test)]
pub mod testing;
pub mod verify;
pub mod versions;
pub mod visibility;

pub use self::{
    build::{BuildError, Draft, RoomContext, Signer},
    pdu::{Pdu, PduError},
    stored::StoredEvent,
};
