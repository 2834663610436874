//! What stands between a client and its server: it can say that the session has expired, keep keys and receipts back,
//! refuse to store keys, be overloaded and say nothing at all.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread,
};

const EXPIRED: (&str, &str) = (
    "401 Unauthorized",
    r#"{"errcode":"M_UNKNOWN_TOKEN","error":"Expired.","soft_logout":true}"#,
);
const REFUSED: (&str, &str) = (
    "403 Forbidden",
    r#"{"errcode":"M_FORBIDDEN","error":"Not now."}"#,
);
const OVERLOADED: (&str, &str) = (
    "503 Service Unavailable",
    r#"{"errcode":"M_UNKNOWN","error":"Later."}"#,
);

/// Where the key storage is kept.
const KEY_STORAGE: &str = "/account_data/m.secret_storage.";

/// Where a device tells its keys.
const DEVICE_KEYS: &str = "/keys/upload";

/// Where the server is told what was read.
const RECEIPT: &str = "/receipt/m.read/";

/// Where the server is asked how large a file may be.
const LIMIT: &str = "/media/config";

/// The sync that brings keys names itself so.
const KEYS: &[u8] = br#""conn_id":"encryption""#;

/// Passes everything on to the server, unless it is told otherwise.
pub(crate) struct Proxy {
    address: String,
    orders: Arc<Orders>,
}

#[derive(Default)]
struct Orders {
    order: Mutex<Order>,
    changed: Condvar,
    /// The paths of all requests, in the order they came in.
    asked: Mutex<Vec<String>>,
    noted: Condvar,
}

#[derive(Default)]
struct Order {
    /// Nobody gets an answer.
    silent: bool,
    /// Everybody is told to come later.
    overloaded: bool,
    /// Nobody who has a token gets through, only whoever signs in.
    expired: bool,
    /// Answers with keys wait.
    keys_kept: bool,
    /// What somebody has read waits.
    receipts_kept: bool,
    /// Nobody is told how large a file may be.
    limit_kept: bool,
    /// Nothing of the key storage is stored.
    storage_refused: bool,
    /// The same, and nobody says so.
    storage_lost: bool,
    /// No keys of a device are stored.
    devices_refused: bool,
}

impl Proxy {
    pub(crate) fn start(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let orders = Arc::new(Orders::default());
        let given = orders.clone();
        // Ends with the test's process.
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (server, orders) = (server.clone(), given.clone());
                thread::spawn(move || {
                    if let Err(error) = serve(client, &server, &orders) {
                        println!("a connection ended: {error}");
                    }
                });
            }
        });
        Self { address, orders }
    }

    /// What a person would type.
    pub(crate) fn address(&self) -> String {
        self.address.clone()
    }

    pub(crate) fn set_expired(&self, expired: bool) {
        self.orders.give(|order| order.expired = expired);
    }

    pub(crate) fn set_silent(&self, silent: bool) {
        self.orders.give(|order| order.silent = silent);
    }

    pub(crate) fn set_overloaded(&self, overloaded: bool) {
        self.orders.give(|order| order.overloaded = overloaded);
    }

    pub(crate) fn refuse_key_storage(&self, refused: bool) {
        self.orders.give(|order| order.storage_refused = refused);
    }

    pub(crate) fn lose_key_storage(&self, lost: bool) {
        self.orders.give(|order| order.storage_lost = lost);
    }

    pub(crate) fn refuse_device_keys(&self, refused: bool) {
        self.orders.give(|order| order.devices_refused = refused);
    }

    pub(crate) fn keep_keys(&self, kept: bool) {
        self.orders.give(|order| order.keys_kept = kept);
    }

    /// What was asked until now, in its order.
    pub(crate) fn asked(&self) -> Vec<String> {
        let asked = self.orders.asked.lock();
        asked.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for a request whose path has this in it.
    pub(crate) fn until_asked(&self, part: &str) {
        let asked = self.orders.asked.lock();
        let asked = asked.unwrap_or_else(PoisonError::into_inner);
        let is_missing = |asked: &mut Vec<String>| !asked.iter().any(|path| path.contains(part));
        let waited = self.orders.noted.wait_while(asked, is_missing);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    pub(crate) fn keep_limit(&self, kept: bool) {
        self.orders.give(|order| order.limit_kept = kept);
    }

    pub(crate) fn keep_receipts(&self, kept: bool) {
        self.orders.give(|order| order.receipts_kept = kept);
    }
}

impl Orders {
    fn give(&self, change: impl FnOnce(&mut Order)) {
        change(&mut self.order.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }

    fn note(&self, path: &str) {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.push(path.to_owned());
        self.noted.notify_all();
    }

    /// What to answer in the server's place.
    fn refusal(&self, head: &str) -> Option<(&'static str, &'static str)> {
        let order = self.order.lock().unwrap_or_else(PoisonError::into_inner);
        let path = path_of(head);
        if order.overloaded {
            return Some(OVERLOADED);
        }
        if order.expired && (header(head, "authorization").is_some() || path.ends_with("/refresh"))
        {
            return Some(EXPIRED);
        }
        let is_refused = (order.storage_refused && stores_keys(head))
            || (order.devices_refused && path.ends_with(DEVICE_KEYS));
        is_refused.then_some(REFUSED)
    }

    /// Whether a request is lost on its way.
    fn loses(&self, head: &str) -> bool {
        let order = self.order.lock().unwrap_or_else(PoisonError::into_inner);
        order.storage_lost && stores_keys(head)
    }

    fn wait_while(&self, is_kept: impl Fn(&Order) -> bool) {
        let order = self.order.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_while(order, |order| is_kept(order));
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }
}

/// One request for each connection.
fn serve(mut client: TcpStream, server: &str, orders: &Orders) -> io::Result<()> {
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
    orders.note(path_of(&head));
    orders.wait_while(|order| order.silent);
    if orders.loses(&head) {
        return client.shutdown(Shutdown::Both);
    }
    if let Some((status, answer)) = orders.refusal(&head) {
        let answer = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{answer}",
            answer.len()
        );
        return client.write_all(answer.as_bytes());
    }
    if path_of(&head).contains(RECEIPT) {
        orders.wait_while(|order| order.receipts_kept);
    }
    if path_of(&head).contains(LIMIT) {
        orders.wait_while(|order| order.limit_kept);
    }
    let mut upstream = TcpStream::connect(server)?;
    let (first, rest) = head.split_once("\r\n").unwrap_or((&head, ""));
    upstream.write_all(format!("{first}\r\nconnection: close\r\n{rest}\r\n\r\n").as_bytes())?;
    upstream.write_all(&body)?;
    if body.windows(KEYS.len()).any(|part| part == KEYS) {
        let mut answer = Vec::new();
        upstream.read_to_end(&mut answer)?;
        orders.wait_while(|order| order.keys_kept);
        client.write_all(&answer)?;
    } else {
        io::copy(&mut upstream, &mut client)?;
    }
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

fn stores_keys(head: &str) -> bool {
    head.starts_with("PUT ") && path_of(head).contains(KEY_STORAGE)
}

fn path_of(head: &str) -> &str {
    head.split(' ').nth(1).unwrap_or_default()
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}
