//! A server on loopback answers; whether it may be asked is what is tested.

use axum::{Router, response::Redirect, routing::get};
use http::Method;

use super::*;

async fn server() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new()
        .route("/", get(|| async { "hello" }))
        .route("/long", get(|| async { "x".repeat(100) }))
        .route("/round", get(|| async { Redirect::temporary("/round") }))
        .route("/away", get(|| async { Redirect::temporary("/") }));
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

fn outbound(allow_private_addresses: bool) -> Outbound {
    let config = config::Outbound {
        allow_private_addresses,
        ..config::Outbound::default()
    };
    Outbound::open(&config).unwrap()
}

fn call(url: &str, origin: Origin) -> Call {
    Call::new(Method::GET, url, origin).unwrap()
}

#[tokio::test]
async fn users_cannot_reach_loopback_and_administrators_can() {
    let url = server().await;
    let outbound = outbound(false);
    let refused = outbound.send(call(&url, Origin::User)).await;
    assert!(matches!(refused, Err(OutboundError::PrivateAddress)));
    let answer = outbound
        .send(call(&url, Origin::Administrator))
        .await
        .unwrap();
    assert_eq!(&*answer.body, b"hello");
}

#[tokio::test]
async fn a_name_for_loopback_is_refused_too() {
    let url = server().await.replace("127.0.0.1", "localhost");
    let refused = outbound(false).send(call(&url, Origin::User)).await;
    assert!(matches!(refused, Err(OutboundError::PrivateAddress)));
}

#[tokio::test]
async fn configuration_can_allow_private_addresses() {
    let url = server().await;
    let answer = outbound(true).send(call(&url, Origin::User)).await.unwrap();
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn answers_are_bounded() {
    let url = server().await + "/long";
    let call = call(&url, Origin::User).at_most(99);
    let refused = outbound(true).send(call).await;
    assert!(matches!(refused, Err(OutboundError::TooLong)));
}

#[tokio::test]
async fn redirects_are_followed_only_when_asked_for_and_not_for_ever() {
    let url = server().await;
    let outbound = outbound(true);
    let away = format!("{url}/away");
    let answer = outbound.send(call(&away, Origin::User)).await.unwrap();
    assert!(answer.status.is_redirection());
    let followed = call(&away, Origin::User).following(1);
    assert_eq!(&*outbound.send(followed).await.unwrap().body, b"hello");
    let round = call(&format!("{url}/round"), Origin::User).following(3);
    let refused = outbound.send(round).await;
    assert!(matches!(refused, Err(OutboundError::TooManyRedirects)));
}

#[tokio::test]
async fn other_schemes_are_refused() {
    let refused = outbound(true)
        .send(call("file:///etc/passwd", Origin::User))
        .await;
    assert!(matches!(refused, Err(OutboundError::InvalidAddress)));
}
