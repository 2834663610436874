//! Behaviour tests over HTTP, by section of the Matrix specification.
//!
//! A test names the rule it checks, declares the operations it is about with [`covers!`], makes its own users and
//! rooms on a server shared by the test binary, and says what must be seen. Every answer is checked against the
//! specification's response schema as well, where `MATRIX_SPEC_DATA` names a folder that has them.
//!
//! What is under test comes from the environment, see [`target::Target`].

pub mod appservice;
pub mod coverage;
pub mod crypto;
pub mod dice;
pub mod endpoints;
pub mod gateway;
pub mod http;
pub mod known_differences;
pub mod link;
pub mod listener;
pub mod matchers;
pub mod media;
pub mod must;
pub mod peer;
pub mod plausible;
mod ports;
pub mod process;
pub mod schema;
pub mod server;
pub mod sliding_sync;
pub mod sync_until;
pub mod target;
pub mod user;
pub mod website;

pub use http::Reply;
pub use peer::Peer;
pub use server::{Homeserver, Settings, homeserver, homeserver2};
pub use user::User;

/// Declares which operations a test is about; the first statement of every test.
///
/// Only declared operations count in the coverage report: being called in passing proves nothing.
#[macro_export]
macro_rules! covers {
    ($($method:ident $path:literal),+ $(,)?) => {
        $($crate::coverage::declare(stringify!($method), $path);)+
    };
}

/// A request path whose `{}` are replaced by percent-encoded arguments.
#[macro_export]
macro_rules! path {
    ($format:literal $(, $argument:expr)* $(,)?) => {
        format!($format $(, $crate::http::encode(&$argument.to_string()))*)
    };
}
