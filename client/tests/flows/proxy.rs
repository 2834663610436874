//! What stands between a client and its server, and can say that the session has expired.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

const EXPIRED: &str = r#"{"errcode":"M_UNKNOWN_TOKEN","error":"Expired.","soft_logout":true}"#;

/// Passes everything on to the server, until it is told that sessions have expired: then nobody who has a token gets
/// through, only whoever signs in.
pub(crate) struct Proxy {
    address: String,
    expired: Arc<AtomicBool>,
}

impl Proxy {
    pub(crate) fn start(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let expired = Arc::new(AtomicBool::new(false));
        let flag = expired.clone();
        // Ends with the test's process.
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (server, expired) = (server.clone(), flag.clone());
                thread::spawn(move || {
                    if let Err(error) = serve(client, &server, &expired) {
                        println!("a connection ended: {error}");
                    }
                });
            }
        });
        Self { address, expired }
    }

    /// What a person would type.
    pub(crate) fn address(&self) -> String {
        self.address.clone()
    }

    pub(crate) fn set_expired(&self, expired: bool) {
        self.expired.store(expired, Ordering::SeqCst);
    }
}

/// One request for each connection.
fn serve(mut client: TcpStream, server: &str, expired: &AtomicBool) -> io::Result<()> {
    let (head, mut body) = read_head(&mut client)?;
    let length = header(&head, "content-length")
        .and_then(|value| value.parse().ok())
        .unwrap_or(0);
    while body.len() < length {
        let mut part = [0; 8192];
        let count = client.read(&mut part)?;
        if count == 0 {
            return Ok(());
        }
        body.extend_from_slice(&part[..count]);
    }
    let path = head.split(' ').nth(1).unwrap_or_default();
    let is_shut_out = header(&head, "authorization").is_some() || path.ends_with("/refresh");
    if expired.load(Ordering::SeqCst) && is_shut_out {
        let answer = format!(
            "HTTP/1.1 401 Unauthorized\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{EXPIRED}",
            EXPIRED.len()
        );
        return client.write_all(answer.as_bytes());
    }
    let mut upstream = TcpStream::connect(server)?;
    let (first, rest) = head.split_once("\r\n").unwrap_or((&head, ""));
    upstream.write_all(format!("{first}\r\nconnection: close\r\n{rest}\r\n\r\n").as_bytes())?;
    upstream.write_all(&body)?;
    io::copy(&mut upstream, &mut client)?;
    client.shutdown(Shutdown::Both)
}

/// Everything before the empty line, and what came behind it.
fn read_head(client: &mut TcpStream) -> io::Result<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let mut part = [0; 8192];
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let body = bytes.split_off(end + 4);
            bytes.truncate(end);
            return Ok((String::from_utf8_lossy(&bytes).into_owned(), body));
        }
        let count = client.read(&mut part)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        bytes.extend_from_slice(&part[..count]);
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}
