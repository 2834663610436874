//! A small website for tests of what the server fetches itself.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

/// A page of the site.
#[derive(Clone, Debug)]
pub struct Page {
    /// The status line after the version, such as `200 OK`.
    pub status: &'static str,
    /// Header lines.
    pub headers: Vec<String>,
    /// The body.
    pub body: Vec<u8>,
}

impl Page {
    /// A page that is there.
    pub fn new(content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status: "200 OK",
            headers: vec![format!("Content-Type: {content_type}")],
            body: body.into(),
        }
    }

    /// A page that is elsewhere.
    pub fn redirect(to: &str) -> Self {
        Self {
            status: "302 Found",
            headers: vec![format!("Location: {to}")],
            body: Vec::new(),
        }
    }
}

/// The site. It ends with the process.
#[derive(Clone, Debug)]
pub struct Website {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Website {
    /// Serves some pages on this machine.
    ///
    /// # Panics
    /// When there is no free port.
    pub fn start(pages: impl IntoIterator<Item = (&'static str, Page)>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("a bound address");
        let pages: HashMap<_, _> = pages.into_iter().collect();
        let asked = Arc::default();
        let site = Self {
            url: format!("http://{address}"),
            asked: Arc::clone(&asked),
        };
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if let Err(error) = answer(stream, &pages, &asked) {
                    eprintln!("the website lost a visitor: {error}");
                }
            }
        });
        site
    }

    /// The address of a page.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// The requests so far, each with its headers in lower case.
    ///
    /// # Panics
    /// When a test died here.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("no test died here").clone()
    }
}

fn answer(
    stream: TcpStream,
    pages: &HashMap<&'static str, Page>,
    asked: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    let mut request = first.clone();
    for line in lines {
        let line = line?;
        if line.is_empty() {
            break;
        }
        request.push('\n');
        request.push_str(&line.to_lowercase());
    }
    asked.lock().expect("no test died here").push(request);
    let path = first.split(' ').nth(1).unwrap_or_default();
    let missing = Page {
        status: "404 Not Found",
        headers: Vec::new(),
        body: Vec::new(),
    };
    let page = pages.get(path).unwrap_or(&missing);
    let mut out = stream;
    write!(
        out,
        "HTTP/1.1 {}\r\nContent-Length: {}\r\nConnection: close\r\n",
        page.status,
        page.body.len()
    )?;
    for header in &page.headers {
        write!(out, "{header}\r\n")?;
    }
    out.write_all(b"\r\n")?;
    out.write_all(&page.body)
}
