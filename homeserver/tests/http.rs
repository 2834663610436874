//! What the HTTP layer does with requests good and bad, seen from outside.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{path::Path, time::Duration};

use homeserver::{
    Config, Server,
    clock::SystemClock,
    http::{Connections, Listener, router::router},
    keys,
};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// Far longer than anything here takes; only a hang is longer.
const HANG: Duration = Duration::from_secs(20);

/// A whole server at a port of its own.
struct Running {
    server: Server,
    address: String,
    client: Client,
    _folder: TempDir,
}

impl Running {
    async fn start(more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("keys")).unwrap();
        keys::create(&folder.path().join("keys")).unwrap();
        let config = config(folder.path(), more);
        let listener = Listener::bind(&config.listen[0]).unwrap();
        let address = listener.address().unwrap().to_string();
        let server = Server::open(config, SystemClock::shared()).unwrap();
        let serving = listener.serve(
            router(server.clone()),
            Connections::new(),
            server.jobs.clone(),
        );
        server.jobs.track(serving);
        let client = Client::builder().no_proxy().timeout(HANG).build().unwrap();
        Self {
            server,
            address,
            client,
            _folder: folder,
        }
    }

    async fn open() -> Self {
        Self::start("[registration]\nmode = \"open\"\n[limits]\nenabled = false").await
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: impl Into<reqwest::Body>,
    ) -> (StatusCode, Value) {
        let request = self.client.request(method, self.url(path)).body(body);
        let response = request.send().await.unwrap();
        (response.status(), response.json().await.unwrap())
    }

    async fn get(&self, path: &str) -> (StatusCode, Value) {
        self.send(Method::GET, path, "").await
    }

    /// The access token of a new user.
    async fn register(&self, name: &str) -> String {
        let body = json!({ "username": name, "password": "correct horse battery", "auth": { "type": "m.login.dummy" } });
        let (status, body) = self.send(Method::POST, REGISTER, body.to_string()).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        body["access_token"].as_str().unwrap().to_owned()
    }
}

fn config(data_dir: &Path, more: &str) -> Config {
    let data_dir = data_dir.display();
    let text = format!(
        "server_name = \"campus.example\"\ndata_dir = \"{data_dir}\"\n[[listen]]\naddress = \"127.0.0.1:0\"\n{more}"
    );
    Config::parse(&text, []).unwrap()
}

const REGISTER: &str = "/_matrix/client/v3/register";
const SYNC: &str = "/_matrix/client/v3/sync";

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_not_what_they_should_be_are_refused_with_the_right_code() {
    let running = Running::open().await;
    let nested = format!(
        "{{\"auth\":{}1{}}}",
        "{\"a\":".repeat(5_000),
        "}".repeat(5_000)
    );
    let cases: [(&[u8], &str); 11] = [
        (b"not json", "M_NOT_JSON"),
        (b"{\"username\": ", "M_NOT_JSON"),
        (b"{\"username\": \"a\"} trailing", "M_NOT_JSON"),
        (b"{\"username\": \"\xff\xfe\"}", "M_NOT_JSON"),
        (b"{\"username\": \"\\ud800\"}", "M_NOT_JSON"),
        (b"\xef\xbb\xbf{}", "M_NOT_JSON"),
        (b"[]", "M_BAD_JSON"),
        (b"\"text\"", "M_BAD_JSON"),
        (b"{\"username\": 7}", "M_BAD_JSON"),
        (b"{\"username\": {\"a\": []}}", "M_BAD_JSON"),
        (nested.as_bytes(), "M_BAD_JSON"),
    ];
    for (body, errcode) in cases {
        let (status, answer) = running.send(Method::POST, REGISTER, body.to_vec()).await;
        let shown = String::from_utf8_lossy(&body[..body.len().min(40)]).into_owned();
        assert_eq!(status, StatusCode::BAD_REQUEST, "{shown}: {answer}");
        assert_eq!(answer["errcode"], errcode, "{shown}: {answer}");
        assert!(answer["error"].as_str().unwrap().len() > 10, "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_cannot_send_a_large_body() {
    let running = Running::open().await;
    let body = format!("{{\"username\": \"{}\"}}", "a".repeat(70_000));
    let (status, answer) = running.send(Method::POST, REGISTER, body).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(answer["errcode"], "M_TOO_LARGE");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_exist_is_unrecognized() {
    let running = Running::open().await;
    let (status, answer) = running.get("/_matrix/client/v3/nothing").await;
    assert_eq!(
        (status, &answer["errcode"]),
        (StatusCode::NOT_FOUND, &json!("M_UNRECOGNIZED"))
    );
    let (status, answer) = running.send(Method::DELETE, SYNC, "").await;
    assert_eq!(
        (status, &answer["errcode"]),
        (StatusCode::METHOD_NOT_ALLOWED, &json!("M_UNRECOGNIZED"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_can_be_read_by_a_web_client() {
    let running = Running::open().await;
    for (method, path) in [
        (Method::GET, "/_matrix/client/versions"),
        (Method::GET, "/nothing"),
        (Method::GET, SYNC),
        (Method::OPTIONS, "/_matrix/client/v3/login"),
    ] {
        let request = running
            .client
            .request(method.clone(), running.url(path))
            .header("origin", "https://app.example");
        let response = request.send().await.unwrap();
        let headers = response.headers();
        assert_eq!(
            headers["access-control-allow-origin"], "*",
            "{method} {path}"
        );
        assert!(
            headers["access-control-allow-headers"]
                .to_str()
                .unwrap()
                .contains("Authorization")
        );
        if method == Method::OPTIONS {
            assert_eq!(response.status(), StatusCode::OK);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_that_is_no_text_is_a_bad_request() {
    let running = Running::open().await;
    let (status, answer) = running.get("/_matrix/client/v3/profile/%ff%fe").await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{answer}");
    let (status, answer) = running.get("/_matrix/client/v3/profile/nobody").await;
    assert_eq!(
        (status, &answer["errcode"]),
        (StatusCode::BAD_REQUEST, &json!("M_INVALID_PARAM"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_access_token_is_asked_for_and_checked() {
    let running = Running::open().await;
    let (status, answer) = running.get(SYNC).await;
    assert_eq!(
        (status, &answer["errcode"]),
        (StatusCode::UNAUTHORIZED, &json!("M_MISSING_TOKEN"))
    );
    let (status, answer) = running.get(&format!("{SYNC}?access_token=wrong")).await;
    assert_eq!(
        (status, &answer["errcode"]),
        (StatusCode::UNAUTHORIZED, &json!("M_UNKNOWN_TOKEN"))
    );
    let token = running.register("alice").await;
    let (status, _) = running.get(&format!("{SYNC}?access_token={token}")).await;
    assert_eq!(status, StatusCode::OK);
    let (status, answer) = running
        .get(&format!("{SYNC}?access_token={token}&timeout=soon"))
        .await;
    assert_eq!(
        (status, &answer["errcode"]),
        (StatusCode::BAD_REQUEST, &json!("M_INVALID_PARAM"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_cannot_be_tried_without_end() {
    let running = Running::start("").await;
    let body = json!({
        "type": "m.login.password", "password": "guess",
        "identifier": { "type": "m.id.user", "user": "alice" },
    });
    for _ in 0..200 {
        let request = running
            .client
            .post(running.url("/_matrix/client/v3/login"))
            .body(body.to_string());
        let response = request.send().await.unwrap();
        if response.status() == StatusCode::TOO_MANY_REQUESTS {
            let seconds: u64 = response.headers()["retry-after"]
                .to_str()
                .unwrap()
                .parse()
                .unwrap();
            let answer: Value = response.json().await.unwrap();
            assert_eq!(answer["errcode"], "M_LIMIT_EXCEEDED");
            assert!(answer["retry_after_ms"].as_u64().unwrap() <= seconds * 1_000);
            return;
        }
    }
    panic!("200 guesses were let through");
}

/// Sends the head of a long poll over a connection of its own, and waits until the server waits.
async fn begin_long_poll(running: &Running, token: &str) -> TcpStream {
    let (_, first) = running
        .get(&format!("{SYNC}?timeout=0&access_token={token}"))
        .await;
    let since = first["next_batch"].as_str().unwrap();
    let mut stream = TcpStream::connect(&running.address).await.unwrap();
    let head = format!(
        "GET {SYNC}?since={since}&timeout=60000 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    until(|| running.server.metrics.in_flight() == 1).await;
    stream
}

async fn until(holds: impl Fn() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    };
    timeout(HANG, waiting)
        .await
        .expect("a condition never came true");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_answers_those_who_wait() {
    let running = Running::open().await;
    let token = running.register("alice").await;
    let mut stream = begin_long_poll(&running, &token).await;
    running.server.jobs.stop();
    let mut answer = String::new();
    timeout(HANG, stream.read_to_string(&mut answer))
        .await
        .unwrap()
        .unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(running.server.jobs.ended(HANG).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_is_noticed() {
    let running = Running::open().await;
    let token = running.register("alice").await;
    let stream = begin_long_poll(&running, &token).await;
    drop(stream);
    until(|| running.server.metrics.in_flight() == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn health_and_discovery_need_no_account() {
    let running = Running::start("[well_known]\nclient = \"https://matrix.campus.example\"").await;
    let response = running
        .client
        .get(running.url("/_fialka/health/ready"))
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let (_, versions) = running.get("/_matrix/client/versions").await;
    assert!(
        versions["versions"]
            .as_array()
            .unwrap()
            .contains(&json!("v1.11"))
    );
    let (_, well_known) = running.get("/.well-known/matrix/client").await;
    assert_eq!(
        well_known,
        json!({ "m.homeserver": { "base_url": "https://matrix.campus.example" } })
    );
    let (status, answer) = running.get("/.well-known/matrix/server").await;
    assert_eq!(
        (status, &answer["errcode"]),
        (StatusCode::NOT_FOUND, &json!("M_NOT_FOUND"))
    );
}
