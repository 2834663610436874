//! Ports for servers that tests start, and start again on the same one.

use std::{
    net::{Ipv4Addr, TcpListener},
    sync::atomic::{AtomicU16, Ordering},
};

/// Below the ports that Linux gives to outgoing connections (32768 and up): one of those could hold the port of a
/// server while it is killed, and the server would not come back.
const FIRST: u16 = 10_000;
const COUNT: u16 = 20_000;

/// A port that nobody listens on at any address of this machine, and that no other call of this process returns.
///
/// # Panics
/// When all are taken.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Two processes begin far apart.
    let begin = std::process::id().wrapping_mul(997);
    (0..COUNT)
        .map(|_| u32::from(NEXT.fetch_add(1, Ordering::Relaxed)))
        .filter_map(|number| u16::try_from(begin.wrapping_add(number) % u32::from(COUNT)).ok())
        .map(|offset| FIRST + offset)
        .find(|port| TcpListener::bind((Ipv4Addr::UNSPECIFIED, *port)).is_ok())
        .expect("a free port")
}
