//! Fialka and Synapse share rooms, over TLS with the certificate authority of the tests.
//!
//! Every test makes its room on either side. They run by `cargo xtask test-synapse-federation`, because Synapse has to be
//! installed from PyPI.

mod devices;
mod forks;
mod history;
mod joining;
mod messages;
mod moderation;
mod pair;
mod passing;
mod restarts;
mod rooms;
