//! Whether a homeserver on loopback answers; one request written by hand, so that this crate needs no HTTP client.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

use crate::processes::Processes;

const TIMEOUT: Duration = Duration::from_secs(30);
/// How long a homeserver may take until it answers.
const START_TIMEOUT: Duration = Duration::from_secs(120);

/// A port of loopback.
pub(crate) fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// Waits until a homeserver answers `/_matrix/client/versions`.
pub(crate) fn wait_until_ready(processes: &mut Processes, server: SocketAddr) -> Result<()> {
    let deadline = Instant::now() + START_TIMEOUT;
    while !answers_versions(server).unwrap_or(false) {
        if let Some((name, status)) = processes.ended()? {
            bail!("{name} ended before it answered: {status}");
        }
        if Instant::now() > deadline {
            bail!(
                "The homeserver at {server} did not answer within {} s.",
                START_TIMEOUT.as_secs()
            );
        }
        sleep(Duration::from_millis(50));
    }
    Ok(())
}

fn answers_versions(server: SocketAddr) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect_timeout(&server, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.write_all(b"GET /_matrix/client/versions HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer.split(' ').nth(1) == Some("200"))
}
