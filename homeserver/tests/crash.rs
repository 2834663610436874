//! Nothing acknowledged is lost when the server is killed.
//!
//! A server under load is killed with SIGKILL at random moments. After each start the database has to be in order, every
//! acknowledged message has to be there exactly once, and a request repeated with its transaction id has to return the
//! event it made. `FIALKA_CRASH_ROUNDS` sets how often (20 times by default).

mod common;

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use parking_lot::Mutex;
use rand::Rng;
use serde_json::{Value, json};
use tokio::time::sleep;

use self::common::{Server, answer};

const SENDERS: usize = 8;
const ROOMS: usize = 3;

/// A message by its transaction id.
type Messages = HashMap<String, (String, Option<String>)>;

struct Client {
    http: reqwest::Client,
    token: String,
    rooms: Vec<String>,
}

impl Client {
    async fn register(server: &Server, http: reqwest::Client) -> Result<Self> {
        let body = json!({ "username": "alice", "password": "a long password", "auth": { "type": "m.login.dummy" } });
        let account = answer(http.post(format!("{}/v3/register", server.url)).json(&body)).await?;
        let token = account["access_token"]
            .as_str()
            .context("no token")?
            .to_owned();
        let mut client = Self {
            http,
            token,
            rooms: Vec::new(),
        };
        for _ in 0..ROOMS {
            let room = answer(client.post(server, "/v3/createRoom").json(&json!({}))).await?;
            client
                .rooms
                .push(room["room_id"].as_str().context("no room")?.to_owned());
        }
        Ok(client)
    }

    fn post(&self, server: &Server, path: &str) -> reqwest::RequestBuilder {
        self.http
            .post(format!("{}{path}", server.url))
            .bearer_auth(&self.token)
    }

    /// Sends a message; its transaction id is its text.
    async fn send(&self, url: &str, room: &str, text: &str) -> Result<String> {
        let url = format!("{url}/v3/rooms/{room}/send/m.room.message/{text}");
        let body = json!({ "msgtype": "m.text", "body": text });
        let sent = answer(self.http.put(url).bearer_auth(&self.token).json(&body)).await?;
        sent["event_id"]
            .as_str()
            .map(str::to_owned)
            .context("no event id")
    }

    /// Sets the topic, for changes of state under load.
    async fn set_topic(&self, url: &str, room: &str, text: &str) -> Result<Value> {
        let url = format!("{url}/v3/rooms/{room}/state/m.room.topic");
        answer(
            self.http
                .put(url)
                .bearer_auth(&self.token)
                .json(&json!({ "topic": text })),
        )
        .await
    }

    /// Every message of a room: how often each text is there.
    async fn texts(&self, server: &Server, room: &str) -> Result<HashMap<String, usize>> {
        let mut counts = HashMap::new();
        let mut from: Option<String> = None;
        loop {
            let url = format!("{}/v3/rooms/{room}/messages?dir=b&limit=100", server.url);
            let url = from.map_or(url.clone(), |from| format!("{url}&from={from}"));
            let page = answer(self.http.get(url).bearer_auth(&self.token)).await?;
            for event in page["chunk"].as_array().context("no chunk")? {
                if let Some(text) = event["content"]["body"].as_str() {
                    *counts.entry(text.to_owned()).or_default() += 1;
                }
            }
            match page["end"].as_str() {
                Some(end) => from = Some(end.to_owned()),
                None => return Ok(counts),
            }
        }
    }
}

/// Sends until the server is gone; notes each message before it is sent and its event once it is acknowledged.
async fn load(
    client: Arc<Client>,
    url: String,
    sender: usize,
    counter: Arc<AtomicU64>,
    sent: Arc<Mutex<Messages>>,
) {
    loop {
        let number = counter.fetch_add(1, Ordering::Relaxed);
        let room = &client.rooms[sender % ROOMS];
        let text = format!("m{number}");
        sent.lock().insert(text.clone(), (room.clone(), None));
        match client.send(&url, room, &text).await {
            Ok(event) => drop(sent.lock().insert(text, (room.clone(), Some(event)))),
            Err(_) => return,
        }
        if number.is_multiple_of(40)
            && client
                .set_topic(&url, room, &format!("t{number}"))
                .await
                .is_err()
        {
            return;
        }
    }
}

/// Repeats every request of the last round: acknowledged ones return their event, the others are made up for.
async fn repeat(client: &Client, server: &Server, sent: &Mutex<Messages>) -> Result<()> {
    let messages: Vec<_> = sent.lock().drain().collect();
    for (text, (room, event)) in messages {
        let again = client.send(&server.url, &room, &text).await?;
        if let Some(event) = event
            && again != event
        {
            bail!("{text} was acknowledged as {event} and is {again} now");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_the_server_is_killed() -> Result<()> {
    let rounds = std::env::var("FIALKA_CRASH_ROUNDS")
        .ok()
        .and_then(|rounds| rounds.parse().ok())
        .unwrap_or(20);
    let folder = tempfile::tempdir()?;
    std::fs::create_dir(folder.path().join("data"))?;
    let http = reqwest::Client::builder()
        .timeout(Duration::from_secs(30))
        .build()?;
    let mut server = Server::start(folder.path(), &http).await?;
    let client = Arc::new(Client::register(&server, http.clone()).await?);
    let (counter, sent) = (
        Arc::new(AtomicU64::new(0)),
        Arc::new(Mutex::new(Messages::new())),
    );
    for round in 0..rounds {
        let tasks: Vec<_> = (0..SENDERS)
            .map(|sender| {
                tokio::spawn(load(
                    client.clone(),
                    server.url.clone(),
                    sender,
                    counter.clone(),
                    sent.clone(),
                ))
            })
            .collect();
        // The moment of the kill is what is random here; nothing is waited for.
        sleep(Duration::from_millis(rand::rng().random_range(30..600))).await;
        server.kill().with_context(|| format!("round {round}"))?;
        for task in tasks {
            task.await?;
        }
        server = Server::start(folder.path(), &http).await?;
        repeat(&client, &server, &sent)
            .await
            .with_context(|| format!("round {round}"))?;
    }
    let mut found = HashMap::new();
    for room in &client.rooms {
        for (text, count) in client.texts(&server, room).await? {
            *found.entry(text).or_insert(0) += count;
        }
    }
    let total = counter.load(Ordering::Relaxed);
    ensure!(
        total > rounds,
        "there was hardly any load: {total} messages"
    );
    for number in 0..total {
        let count = found.get(&format!("m{number}")).copied().unwrap_or(0);
        ensure!(
            count == 1,
            "message {number} of {total} is there {count} times"
        );
    }
    server.kill()
}
