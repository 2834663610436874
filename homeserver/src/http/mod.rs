//! From bytes to a domain function and back: listeners, routing, authentication and limits.

pub mod address;
mod body;
mod connections;
pub mod discovery;
mod edge;
pub mod limits;
mod patience;
mod refusal;
pub mod router;
pub mod ruma;
pub(crate) mod serve;
pub mod session;
mod tls;

pub use self::{
    address::ClientAddress,
    connections::Connections,
    ruma::{Raw, RouterExt, Ruma, Streamed},
    serve::Listener,
};
pub use crate::users::Session;
