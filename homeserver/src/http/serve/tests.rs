use axum::routing::get;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use super::*;

const SHORT: Timeouts = Timeouts {
    handshake: Duration::from_millis(20),
    head: Duration::from_millis(50),
};
/// Only a hang takes this long.
const HANG: Duration = Duration::from_secs(20);

fn router() -> Router {
    Router::new().route("/", get(|| async { "here" }))
}

/// A connection that is served, seen from the client.
fn connected(timeouts: Timeouts) -> DuplexStream {
    let (ours, theirs) = duplex(1024 * 1024);
    tokio::spawn(async move {
        // However it ends, the client sees the end of the stream.
        drop(serve_within(timeouts, ours, false, router(), None, Jobs::default()).await);
    });
    theirs
}

/// Everything that comes until the server closes the connection.
async fn rest(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut text = Vec::new();
    let read = timeout(HANG, stream.read_to_end(&mut text));
    drop(read.await.expect("the connection stays open"));
    String::from_utf8_lossy(&text).into_owned()
}

#[tokio::test]
async fn a_client_that_never_finishes_its_head_is_given_up() {
    let mut client = connected(SHORT);
    client
        .write_all(b"GET / HTTP/1.1\r\nHost: b")
        .await
        .unwrap();
    let answer = rest(&mut client).await;
    assert!(!answer.contains("200"), "{answer}");
}

#[tokio::test]
async fn a_connection_that_lies_idle_is_closed_after_its_answer() {
    let mut client = connected(SHORT);
    client
        .write_all(b"GET / HTTP/1.1\r\nHost: b\r\n\r\n")
        .await
        .unwrap();
    let answer = rest(&mut client).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.ends_with("here"), "{answer}");
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let mut client = connected(TIMEOUTS);
    let head = format!(
        "GET / HTTP/1.1\r\nHost: b\r\nX-Long: {}\r\n\r\n",
        // The size is looked at between two reads, so one that is hardly larger may pass.
        "x".repeat(4 * HEAD_SIZE as usize)
    );
    client.write_all(head.as_bytes()).await.unwrap();
    let answer = rest(&mut client).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
}

#[tokio::test]
async fn what_is_no_http_is_refused() {
    let mut client = connected(TIMEOUTS);
    client
        .write_all(b"\x16\x03\x01 hello\r\n\r\n")
        .await
        .unwrap();
    let answer = rest(&mut client).await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
}

#[tokio::test]
async fn a_client_that_says_nothing_to_a_tls_listener_is_given_up() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let _silent = TcpStream::connect(address).await.unwrap();
    let (stream, from) = listener.accept().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let certified = rcgen::generate_simple_self_signed(["b.example".to_owned()]).unwrap();
    let (cert, key) = (
        folder.path().join("cert.pem"),
        folder.path().join("key.pem"),
    );
    std::fs::write(&cert, certified.cert.pem()).unwrap();
    std::fs::write(&key, certified.signing_key.serialize_pem()).unwrap();
    let (_, tls) = load_tls(TlsFiles {
        cert: &cert,
        key: &key,
    })
    .unwrap();
    let peer = Peer {
        address: from.ip(),
        trusted_proxies: Arc::new([]),
    };
    let served = connection(stream, Some(tls), router(), peer, Jobs::default(), SHORT);
    let ended = timeout(HANG, served)
        .await
        .expect("the connection stays open");
    assert!(ended.is_err());
}
