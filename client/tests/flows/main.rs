//! Whole conversations between sessions of this client, without a window, against a real homeserver: the one whose
//! binary `CLIENT_TEST_SERVER_BIN` names (`cargo xtask test` sets it).
#![expect(clippy::unwrap_used, reason = "a failing test may panic")]

mod accounts;
mod conversation;
mod direct;
mod entry;
mod expiry;
mod feedback;
mod games;
mod join;
mod large_room;
mod many_rooms;
mod moving;
mod person;
mod proxy;
mod reading;
mod rights;
mod robust;
mod server;
mod trust;
mod writer;

use std::env;

use server::{Mode, Server};

/// Starts the log (`RUST_LOG` chooses what) and a server, or says why there is none. On a developer's machine the flows may be left out; where `CI` is set
/// they may not.
fn start(mode: Mode) -> Option<Server> {
    let filter = tracing_subscriber::EnvFilter::from_default_env();
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_test_writer()
        .try_init();
    if log.is_err() {
        println!("another test has started the log");
    }
    match env::var_os("CLIENT_TEST_SERVER_BIN") {
        Some(binary) => Some(Server::start(binary.into(), mode)),
        None if env::var_os("CI").is_some() => {
            panic!("CLIENT_TEST_SERVER_BIN must name the homeserver's binary")
        }
        None => {
            println!("SKIPPED: CLIENT_TEST_SERVER_BIN does not name a homeserver's binary");
            None
        }
    }
}
