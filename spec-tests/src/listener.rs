//! A small HTTP server inside the test, for what homeservers call: push gateways and application services.

use std::{
    fmt,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use serde_json::Value;

use crate::sync_until::eventually;

/// A request that came.
#[derive(Clone, Debug)]
pub struct Received {
    /// The HTTP method.
    pub method: String,
    /// The path, still encoded, without the query.
    pub path: String,
    /// The query.
    pub query: String,
    /// The `Authorization` header.
    pub authorization: Option<String>,
    /// The body as JSON, null if it is none.
    pub body: Value,
    /// What was answered.
    pub status: u16,
}

type Answer = Box<dyn FnMut(&Received) -> (u16, Value) + Send>;

struct Inner {
    address: SocketAddr,
    received: Mutex<Vec<Received>>,
    answer: Mutex<Answer>,
}

/// The server; it ends with the test process. Clones are the same server.
#[derive(Clone)]
pub struct Listener(Arc<Inner>);

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Listener({})", self.0.address)
    }
}

impl Listener {
    /// Starts a server on a free port that answers everything in one way.
    ///
    /// # Panics
    /// When there is no free port.
    pub fn start(answer: impl FnMut(&Received) -> (u16, Value) + Send + 'static) -> Self {
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let inner = Arc::new(Inner {
            address: socket.local_addr().expect("a bound socket has an address"),
            received: Mutex::default(),
            answer: Mutex::new(Box::new(answer)),
        });
        let serving = Arc::clone(&inner);
        thread::spawn(move || {
            for stream in socket.incoming().flatten() {
                let serving = Arc::clone(&serving);
                // A peer that hangs up is not worth a word.
                thread::spawn(move || drop(serving.serve(stream)));
            }
        });
        Self(inner)
    }

    /// The address: `http://127.0.0.1:…`
    pub fn url(&self) -> String {
        format!("http://{}", self.0.address)
    }

    /// Answers in another way from now on.
    pub fn answer(&self, answer: impl FnMut(&Received) -> (u16, Value) + Send + 'static) {
        *self.0.answer.lock().expect("no handler panicked") = Box::new(answer);
    }

    /// Everything received so far.
    pub fn received(&self) -> Vec<Received> {
        self.0.received.lock().expect("no handler panicked").clone()
    }

    /// Waits for a request for which `find` finds something.
    #[track_caller]
    pub fn must_receive<T>(&self, find: impl Fn(&Received) -> Option<T>) -> T {
        eventually(|| {
            let received = self.received();
            received.iter().find_map(&find).ok_or_else(|| {
                let shown: Vec<_> = received
                    .iter()
                    .map(|request| format!("{} {} {}", request.method, request.path, request.body))
                    .collect();
                format!("not received, but:\n{}", shown.join("\n"))
            })
        })
    }
}

impl Inner {
    fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let mut words = line.split_whitespace();
        let method = words.next().unwrap_or_default().to_owned();
        let target = words.next().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let (path, query) = (path.to_owned(), query.to_owned());
        let (mut length, mut authorization) = (0, None);
        loop {
            let mut header = String::new();
            reader.read_line(&mut header)?;
            let Some((name, value)) = header.trim_end().split_once(':') else {
                break;
            };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.trim().parse().unwrap_or_default(),
                "authorization" => authorization = Some(value.trim().to_owned()),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let mut request = Received {
            method,
            path,
            query,
            authorization,
            body: serde_json::from_slice(&body).unwrap_or_default(),
            status: 0,
        };
        let (status, answer) = (self.answer.lock().expect("no handler panicked"))(&request);
        request.status = status;
        self.received
            .lock()
            .expect("no handler panicked")
            .push(request);
        let answer = answer.to_string();
        let mut stream = reader.into_inner();
        write!(
            stream,
            "HTTP/1.1 {status} Answer\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{answer}",
            answer.len()
        )
    }
}
