//! A room is deleted whole although the server is killed again and again meanwhile.
//!
//! After each kill the database has to be in order. In the end the job is done, nothing of the room is left, the other
//! room is as it was, and a client that was away learns that it is out.

mod common;

use std::{path::Path, time::Duration};

use anyhow::{Context, Result, ensure};
use homeserver::{
    clock::SystemClock,
    keys,
    rooms::{
        Rooms,
        deletion::{DeletionOptions, Job},
    },
    storage::{OpenOptions, Storage, tables},
};
use rand::Rng;
use reqwest::Client;
use ruma::{RoomId, owned_server_name};
use serde_json::{Value, json};
use tokio::time::sleep;

use self::common::{Server, answer};

const MESSAGES: usize = 2_500;
const MEMBERS: usize = 120;

struct User {
    http: Client,
    url: String,
    token: String,
}

impl User {
    async fn register(server: &Server, http: &Client, name: &str) -> Result<Self> {
        let body = json!({
            "username": name, "password": "a long password", "auth": { "type": "m.login.dummy" },
        });
        let account = answer(http.post(format!("{}/v3/register", server.url)).json(&body)).await?;
        let token = account["access_token"].as_str().context("no token")?;
        Ok(Self {
            http: http.clone(),
            url: server.url.clone(),
            token: token.to_owned(),
        })
    }

    fn request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        let url = format!("{}{path}", self.url);
        self.http.request(method, url).bearer_auth(&self.token)
    }

    async fn get(&self, path: &str) -> Result<Value> {
        answer(self.request(reqwest::Method::GET, path)).await
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        answer(self.request(reqwest::Method::POST, path).json(body)).await
    }

    async fn say(&self, room: &str, text: &str) -> Result<Value> {
        let path = format!("/v3/rooms/{room}/send/m.room.message/{text}");
        let body = json!({ "msgtype": "m.text", "body": text });
        answer(self.request(reqwest::Method::PUT, &path).json(&body)).await
    }

    async fn room(&self) -> Result<String> {
        let body = json!({ "preset": "public_chat" });
        let room = self.post("/v3/createRoom", &body).await?;
        Ok(room["room_id"].as_str().context("no room")?.to_owned())
    }
}

/// The rooms in a data directory that no server has open.
fn rooms(data: &Path) -> Result<Rooms> {
    let storage = Storage::open(&data.join("db"), OpenOptions::default())?;
    let key = keys::load(&data.join("keys"))?;
    let name = owned_server_name!("crash.example");
    Ok(Rooms::new(storage, SystemClock::shared(), name, key))
}

async fn jobs(data: &Path, room: &str) -> Result<Vec<Job>> {
    let rooms = rooms(data)?;
    let room = rooms.find(<&RoomId>::try_from(room)?)?;
    Ok(rooms.jobs_of(room).await?)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_room_is_deleted_although_the_server_is_killed_meanwhile() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    std::fs::create_dir(&data)?;
    let http = Client::builder().timeout(Duration::from_secs(30)).build()?;
    let mut server = Server::start(folder.path(), &http).await?;
    let alice = User::register(&server, &http, "alice").await?;
    let (doomed, other) = (alice.room().await?, alice.room().await?);
    alice.say(&other, "stays").await?;
    let mut bob = User::register(&server, &http, "bob").await?;
    bob.post(&format!("/v3/rooms/{doomed}/join"), &json!({}))
        .await?;
    for number in 0..MEMBERS {
        let member = User::register(&server, &http, &format!("member{number}")).await?;
        member
            .post(&format!("/v3/rooms/{doomed}/join"), &json!({}))
            .await?;
    }
    let texts: Vec<String> = (0..MESSAGES)
        .map(|number| format!("doomed{number}"))
        .collect();
    for some in texts.chunks(50) {
        futures::future::try_join_all(some.iter().map(|text| alice.say(&doomed, text))).await?;
    }
    let since = bob.get("/v3/sync?timeout=0").await?["next_batch"].clone();
    let since = since.as_str().context("no token")?.to_owned();
    server.kill()?;

    {
        let rooms = rooms(&data)?;
        let room = rooms.find(<&RoomId>::try_from(doomed.as_str())?)?;
        rooms.delete_room(room, DeletionOptions::default()).await?;
    }
    let mut kills = 0;
    loop {
        server = Server::start(folder.path(), &http).await?;
        // The moment of the kill is what is random here; nothing is waited for.
        sleep(Duration::from_millis(rand::rng().random_range(1..60))).await;
        server
            .kill()
            .with_context(|| format!("after {kills} kills"))?;
        kills += 1;
        let jobs = jobs(&data, &doomed).await?;
        ensure!(jobs.len() == 1, "there are {} jobs", jobs.len());
        println!(
            "{kills}: {:?}, {} events",
            jobs[0].row.stage, jobs[0].row.events
        );
        if jobs[0].row.is_over() {
            ensure!(jobs[0].row.error.is_none(), "{:?}", jobs[0].row.error);
            break;
        }
        ensure!(kills < 500, "the job does not end");
    }

    {
        let rooms = rooms(&data)?;
        let snapshot = rooms.storage().snapshot();
        let room = rooms.find(<&RoomId>::try_from(doomed.as_str())?)?;
        ensure!(tables::TIMELINE.scan(&snapshot, (room,))?.next().is_none());
        ensure!(tables::MEMBER.scan(&snapshot, (room,))?.next().is_none());
        let nodes = tables::STATE_NODE.scan(&snapshot, ())?.count();
        ensure!(nodes < 40, "{nodes} nodes of states are left");
    }
    server = Server::start(folder.path(), &http).await?;
    bob.url.clone_from(&server.url);
    let news = bob
        .get(&format!("/v3/sync?timeout=0&since={since}"))
        .await?;
    let left = &news["rooms"]["leave"][&doomed]["timeline"]["events"];
    let left = left.as_array().and_then(|events| events.last());
    let membership = left.map(|event| event["content"]["membership"].clone());
    ensure!(
        membership == Some(json!("leave")),
        "bob is not told: {news}"
    );
    let alice = User {
        url: server.url.clone(),
        ..alice
    };
    let page = alice
        .get(&format!("/v3/rooms/{other}/messages?dir=b&limit=1"))
        .await?;
    ensure!(page["chunk"][0]["content"]["body"] == "stays", "{page}");
    let found = json!({ "search_categories": { "room_events": { "search_term": "doomed7" } } });
    let found = alice.post("/v3/search", &found).await?;
    ensure!(
        found["search_categories"]["room_events"]["count"] == 0,
        "{found}"
    );
    server.kill()
}
