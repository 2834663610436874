//! A few requests to a server on loopback, written by hand so that this crate needs no HTTP client.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::processes::Processes;

const TIMEOUT: Duration = Duration::from_secs(30);
/// How long a homeserver may take until it answers.
const START_TIMEOUT: Duration = Duration::from_secs(120);

/// A port of loopback.
pub(crate) fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// Asks and returns status and JSON.
pub(crate) fn get(server: SocketAddr, path: &str) -> Result<(u16, Value)> {
    exchange(
        server,
        &format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n"),
    )
}

/// Sends JSON and returns status and JSON.
pub(crate) fn post(server: SocketAddr, path: &str, body: &Value) -> Result<(u16, Value)> {
    let body = body.to_string();
    let length = body.len();
    exchange(
        server,
        &format!(
            "POST {path} HTTP/1.0\r\nHost: localhost\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        ),
    )
}

/// Waits until a homeserver answers `/_matrix/client/versions`.
pub(crate) fn wait_until_ready(processes: &mut Processes, server: SocketAddr) -> Result<()> {
    let deadline = Instant::now() + START_TIMEOUT;
    while !get(server, "/_matrix/client/versions").is_ok_and(|(status, _)| status == 200) {
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

/// HTTP/1.0: the server closes the connection after the answer and does not cut it into chunks.
fn exchange(server: SocketAddr, request: &str) -> Result<(u16, Value)> {
    let mut stream = TcpStream::connect_timeout(&server, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").context("no HTTP answer")?;
    let status = head.split(' ').nth(1).context("no HTTP status")?.parse()?;
    Ok((status, serde_json::from_str(body).unwrap_or_default()))
}
