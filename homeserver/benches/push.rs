//! What a message costs in a room of two and in a room of six hundred.
//!
//! `cargo xtask bench push` runs this. Push rules are evaluated for every member, but most members can share one
//! evaluation; a message to six hundred may cost three times what one to two costs, and not three hundred times.

use std::time::Duration;

use axum::{Router, body::Body};
use homeserver::{
    Config, Server,
    clock::SystemClock,
    http::router::router,
    keys,
    users::{NewAccount, SignIn},
};
use http::Request;
use http_body_util::BodyExt;
use ruma::UserId;
use serde_json::{Value, json};
use tower::ServiceExt;

/// Members of the large room.
const MANY: usize = 600;
/// Messages that are measured.
const MESSAGES: usize = 1_500;
/// Messages before that.
const WARM_UP: usize = 100;
/// How much more a message to many may cost.
const BOUND: f64 = 3.0;

struct Bench {
    router: Router,
    users: Vec<(String, String)>,
}

impl Bench {
    async fn new(folder: &std::path::Path) -> anyhow::Result<Self> {
        let data = folder.display();
        std::fs::create_dir(folder.join("keys"))?;
        keys::create(&folder.join("keys"))?;
        let text = format!(
            "server_name = \"bench.example\"\ndata_dir = \"{data}\"\n[limits]\nenabled = false\n"
        );
        let config = Config::parse(&text, std::env::vars())?;
        let server = Server::open(config, SystemClock::shared())?;
        let mut users = Vec::new();
        for number in 0..MANY {
            let user_id = UserId::parse(format!("@user{number}:bench.example"))?;
            let account = NewAccount {
                user_id: user_id.clone(),
                password: None,
                admin: false,
                display_name: None,
                registration_token: None,
                accepted_terms: Default::default(),
            };
            let signed_in = server
                .users
                .create_account(account, Some(SignIn::default()))
                .await
                .map_err(|error| anyhow::anyhow!("{error}"))?;
            let token = signed_in.map(|it| it.access_token).unwrap_or_default();
            users.push((user_id.to_string(), token));
        }
        Ok(Self {
            router: router(server),
            users,
        })
    }

    async fn ask(
        &self,
        user: usize,
        method: &str,
        path: &str,
        body: &Value,
    ) -> anyhow::Result<Value> {
        let request = Request::builder()
            .method(method)
            .uri(format!("/_matrix/client/v3{path}"))
            .header("Authorization", format!("Bearer {}", self.users[user].1))
            .body(Body::from(body.to_string()))?;
        let response = self.router.clone().oneshot(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        anyhow::ensure!(
            status.is_success(),
            "{method} {path}: {status} {}",
            String::from_utf8_lossy(&body)
        );
        Ok(serde_json::from_slice(&body)?)
    }

    async fn room(&self, members: usize) -> anyhow::Result<String> {
        let preset = json!({ "preset": "public_chat" });
        let made = self.ask(0, "POST", "/createRoom", &preset).await?;
        let room = made["room_id"].as_str().unwrap_or_default().to_owned();
        for user in 1..members {
            let path = format!("/rooms/{room}/join");
            self.ask(user, "POST", &path, &json!({})).await?;
        }
        Ok(room)
    }

    /// The processor's time for one message.
    async fn cost(&self, room: &str, content: &Value, salt: &str) -> anyhow::Result<Duration> {
        let mut before = Duration::ZERO;
        for number in 0..WARM_UP + MESSAGES {
            if number == WARM_UP {
                before = processor_time()?;
            }
            let path = format!("/rooms/{room}/send/m.room.message/{salt}{number}");
            self.ask(0, "PUT", &path, content).await?;
        }
        Ok((processor_time()? - before) / MESSAGES as u32)
    }

    /// Has every user but the sender set a rule.
    async fn everybody_sets(&self, path: &str, rule: &Value) -> anyhow::Result<()> {
        for user in 1..self.users.len() {
            self.ask(user, "PUT", &format!("/pushrules/global/{path}"), rule)
                .await?;
        }
        Ok(())
    }
}

/// What this process has used of all processors so far.
fn processor_time() -> anyhow::Result<Duration> {
    let text = std::fs::read_to_string("/proc/self/stat")?;
    let after_name = text.rsplit(')').next().unwrap_or_default();
    let fields: Vec<_> = after_name.split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
    // A hundred a second on every Linux.
    Ok(Duration::from_millis(ticks * 10))
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let bench = Bench::new(folder.path()).await?;
    let few = bench.room(2).await?;
    let many = bench.room(MANY).await?;
    let message = json!({ "msgtype": "m.text", "body": "The lesson begins at nine in the violet auditorium." });
    let mut to_all = message.clone();
    to_all["m.mentions"] = json!({ "room": true });
    let muted = json!({ "actions": [] });
    let word = json!({ "pattern": "holiday", "actions": ["notify", { "set_tweak": "highlight" }] });
    println!("| processor time of a message | 2 members | {MANY} members | ratio |");
    println!("| --- | --- | --- | --- |");
    let mut worst: f64 = 0.0;
    for (name, content) in [
        ("default rules", &message),
        ("a mention of the whole room", &to_all),
        ("each has muted another room", &message),
        ("all wait for the same word", &message),
    ] {
        match name {
            "each has muted another room" => {
                bench
                    .everybody_sets("room/!other:bench.example", &muted)
                    .await?;
            }
            "all wait for the same word" => bench.everybody_sets("content/word", &word).await?,
            _ => {}
        }
        let salt = name.replace(' ', "-");
        let small = bench.cost(&few, content, &salt).await?;
        let large = bench.cost(&many, content, &salt).await?;
        let ratio = large.as_secs_f64() / small.as_secs_f64();
        worst = worst.max(ratio);
        println!("| {name} | {small:.0?} | {large:.0?} | {ratio:.2} |");
    }
    anyhow::ensure!(
        worst <= BOUND,
        "a message to many costs {worst:.1} times what one to few costs"
    );
    Ok(())
}
