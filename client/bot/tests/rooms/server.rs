//! A homeserver and a bot of their own for a test; both can be killed and started again.

#[path = "../../../../spec-tests/src/ports.rs"]
mod ports;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use ports::free_port;

const START: Duration = Duration::from_secs(180);
const BINARY: &str = "CLIENT_TEST_SERVER_BIN";

/// A program that is ended with the test.
pub(crate) struct Program {
    child: Child,
    log: PathBuf,
}

impl Program {
    fn start(binary: &Path, arguments: &[&str], log: &Path) -> Self {
        let file = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(log)
            .unwrap();
        let child = Command::new(binary)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .spawn()
            .unwrap_or_else(|error| panic!("{} cannot be started: {error}", binary.display()));
        Self {
            child,
            log: log.to_owned(),
        }
    }

    /// Ends it the hard way: nothing of it gets to say goodbye.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if let Err(error) = self.child.kill().and_then(|()| self.child.wait()) {
            eprintln!("a program was not ended: {error}");
        }
        if std::thread::panicking() {
            let log = fs::read_to_string(&self.log).unwrap_or_default();
            eprintln!("--- {} ---\n{log}", self.log.display());
        }
    }
}

pub(crate) struct Server {
    binary: PathBuf,
    folder: TempDir,
    port: u16,
    program: Program,
}

/// The built homeserver, or nothing: then the test says that it is skipped. Where `CI` is set it may not be.
pub(crate) fn binary() -> Option<PathBuf> {
    let path = std::env::var_os(BINARY).map(PathBuf::from);
    if path.is_none() {
        assert!(
            std::env::var_os("CI").is_none(),
            "{BINARY} names no fialka-server"
        );
        eprintln!("skipped: {BINARY} names no fialka-server");
    }
    path
}

impl Server {
    pub(crate) async fn start(binary: &Path) -> Self {
        Self::start_with(binary, false).await
    }

    /// With the server's own limits switched on.
    pub(crate) async fn start_with(binary: &Path, limits: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let data = folder.path().join("server");
        let made = Command::new(binary)
            .args(["init", "--server-name", "games.test", "--data-dir"])
            .arg(&data)
            .output()
            .unwrap();
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
        let config = folder.path().join("server.toml");
        fs::write(
            &config,
            format!(
                "server_name = \"games.test\"\ndata_dir = \"{}\"\n\
                 [[listen]]\naddress = \"127.0.0.1:{port}\"\n\
                 [registration]\nmode = \"open\"\nshared_secret = \"a secret between the two\"\n\
                 [limits]\nenabled = {limits}\n",
                data.display()
            ),
        )
        .unwrap();
        let server = Self {
            binary: binary.to_owned(),
            program: serve(binary, folder.path()),
            folder,
            port,
        };
        server.wait().await;
        server
    }

    /// Ends the server the hard way and starts it again.
    pub(crate) async fn restart(&mut self) {
        self.program.kill();
        self.program = serve(&self.binary, self.folder.path());
        self.wait().await;
    }

    async fn wait(&self) {
        let deadline = Instant::now() + START;
        let url = format!("{}/_matrix/client/versions", self.url());
        while !reqwest::get(&url)
            .await
            .is_ok_and(|answer| answer.status().is_success())
        {
            assert!(Instant::now() < deadline, "the server does not answer");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts the bot, which registers itself when it has no account.
    pub(crate) fn start_bot(&self) -> Program {
        let secret = self.folder.path().join("secret");
        fs::write(&secret, "a secret between the two\n").unwrap();
        let config = self.folder.path().join("bot.toml");
        fs::write(
            &config,
            format!(
                "homeserver = \"{}\"\ndata_dir = \"{}\"\nshared_secret_file = \"{}\"\n",
                self.url(),
                self.folder.path().join("bot").display(),
                secret.display()
            ),
        )
        .unwrap();
        Program::start(
            Path::new(env!("CARGO_BIN_EXE_fialka-bot")),
            &["--config", config.to_str().unwrap()],
            &self.folder.path().join("bot.log"),
        )
    }

    /// Somebody with an account and a session.
    pub(crate) async fn person(&self, name: &str) -> Person {
        let http = reqwest::Client::new();
        let body = json!({
            "username": name,
            "password": "a password of the test",
            "auth": {"type": "m.login.dummy"},
        });
        let url = format!("{}/_matrix/client/v3/register", self.url());
        let answer: Value = http
            .post(url)
            .json(&body)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        let token = answer["access_token"]
            .as_str()
            .unwrap_or_else(|| panic!("{answer}"))
            .to_owned();
        Person {
            http,
            url: self.url(),
            token,
            id: answer["user_id"].as_str().unwrap().to_owned(),
            next: std::sync::atomic::AtomicU64::new(0),
        }
    }
}

fn serve(binary: &Path, folder: &Path) -> Program {
    let config = folder.join("server.toml");
    let arguments = ["serve", "--config", config.to_str().unwrap()];
    Program::start(binary, &arguments, &folder.join("server.log"))
}

/// A player with the plainest of clients.
pub(crate) struct Person {
    http: reqwest::Client,
    url: String,
    token: String,
    pub(crate) id: String,
    next: std::sync::atomic::AtomicU64,
}

impl Person {
    pub(crate) async fn call(
        &self,
        method: reqwest::Method,
        path: &str,
        body: Option<Value>,
    ) -> Value {
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.url))
            .bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        request.send().await.unwrap().json().await.unwrap()
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Value {
        self.call(reqwest::Method::POST, path, Some(body)).await
    }

    pub(crate) async fn upload(&self, url: &str, text: &str) -> Value {
        let request = self
            .http
            .post(url)
            .bearer_auth(&self.token)
            .header("content-type", "text/plain");
        request
            .body(text.to_owned())
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap()
    }

    /// Makes a room and asks people in.
    pub(crate) async fn make_room(&self, name: Option<&str>, invited: &[&str]) -> String {
        let mut body = json!({"invite": invited, "preset": "private_chat"});
        match name {
            Some(name) => body["name"] = json!(name),
            None => body["is_direct"] = json!(true),
        }
        let made = self.post("/_matrix/client/v3/createRoom", body).await;
        made["room_id"]
            .as_str()
            .unwrap_or_else(|| panic!("{made}"))
            .to_owned()
    }

    pub(crate) async fn join(&self, room: &str) {
        let joined = self
            .post(&format!("/_matrix/client/v3/rooms/{room}/join"), json!({}))
            .await;
        assert!(joined["room_id"].is_string(), "{joined}");
    }

    pub(crate) async fn send(&self, room: &str, kind: &str, content: Value) -> String {
        let next = self.next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = format!("/_matrix/client/v3/rooms/{room}/send/{kind}/t{next}");
        let sent = self.call(reqwest::Method::PUT, &path, Some(content)).await;
        sent["event_id"]
            .as_str()
            .unwrap_or_else(|| panic!("{sent}"))
            .to_owned()
    }

    pub(crate) async fn say(&self, room: &str, text: &str) -> String {
        self.send(
            room,
            "m.room.message",
            json!({"msgtype": "m.text", "body": text}),
        )
        .await
    }

    pub(crate) async fn reply(&self, room: &str, to: &str, text: &str) -> String {
        let content = json!({
            "msgtype": "m.text",
            "body": text,
            "m.relates_to": {"m.in_reply_to": {"event_id": to}},
        });
        self.send(room, "m.room.message", content).await
    }

    pub(crate) async fn press(&self, room: &str, on: &str, key: &str) -> String {
        let content = json!({
            "m.relates_to": {"rel_type": "m.annotation", "event_id": on, "key": key},
        });
        self.send(room, "m.reaction", content).await
    }

    /// Everything in the room, oldest first.
    pub(crate) async fn events(&self, room: &str) -> Vec<Value> {
        let mut events = Vec::new();
        let mut from = String::new();
        loop {
            let path = format!("/_matrix/client/v3/rooms/{room}/messages?dir=b&limit=500{from}");
            let page = self.call(reqwest::Method::GET, &path, None).await;
            let chunk = page["chunk"].as_array().unwrap_or_else(|| panic!("{page}"));
            events.extend(chunk.iter().cloned());
            match page["end"].as_str() {
                Some(end) if !chunk.is_empty() => from = format!("&from={end}"),
                _ => break,
            }
        }
        events.reverse();
        events
    }

    /// Waits for an event that fits, and returns it.
    pub(crate) async fn wait_for(
        &self,
        room: &str,
        what: &str,
        fits: impl Fn(&Value) -> bool,
    ) -> Value {
        let deadline = Instant::now() + Duration::from_secs(180);
        loop {
            let events = self.events(room).await;
            if let Some(found) = events.iter().rev().find(|event| fits(event)) {
                return found.clone();
            }
            if Instant::now() >= deadline {
                let bodies: Vec<&str> = events
                    .iter()
                    .filter_map(|event| event["content"]["body"].as_str())
                    .collect();
                panic!("{what} did not come; there is {bodies:#?}");
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Waits for a message of the bot that holds a text, also when it is an edit.
    pub(crate) async fn wait_for_bot(&self, room: &str, text: &str) -> Value {
        self.wait_for(room, text, |event| {
            is_bots(event)
                && event["content"]["body"]
                    .as_str()
                    .is_some_and(|body| body.contains(text))
        })
        .await
    }
}

pub(crate) fn is_bots(event: &Value) -> bool {
    event["sender"] == "@bot:games.test" && event["type"] == "m.room.message"
}

/// The id of an event.
pub(crate) fn id(event: &Value) -> &str {
    event["event_id"].as_str().unwrap()
}
