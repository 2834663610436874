//! What clients need for calls besides rooms: relays for their streams, and the media servers of group calls.

use axum::{Router, extract::State};
use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac};
use ruma::api::client::{rtc::transports, voip::get_turn_server_info};
use serde_json::{Value, json};
use sha1::Sha1;

use super::{Raw, RouterExt, Ruma, Session, json};
use crate::{ApiResult, Server, config::Turn};

/// The endpoints for calls.
pub(super) fn router() -> Router<Server> {
    Router::new()
        .ruma_route(turn_server)
        .ruma_route(rtc_transports)
}

/// Credentials for the relays; nothing where there are none, which clients take for an answer.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3voipturnserver)
async fn turn_server(
    State(server): State<Server>,
    session: Session,
    Ruma(_): Ruma<get_turn_server_info::v3::Request>,
) -> ApiResult<Raw> {
    let turn = &server.config.turn;
    if turn.uris.is_empty() {
        return json(&json!({})).map(Raw);
    }
    let now = u64::from(server.clock.now().get()) / 1000;
    let (username, password) = credentials(turn, session.user_id.as_str(), now);
    let body = json!({
        "username": username,
        "password": password,
        "uris": turn.uris,
        "ttl": turn.ttl.0.as_secs(),
    });
    json(&body).map(Raw)
}

/// A name that is good for a while with its password, or what is the same for everybody.
/// [TURN REST API](https://datatracker.ietf.org/doc/html/draft-uberti-behave-turn-rest-00)
fn credentials(turn: &Turn, user_id: &str, now: u64) -> (String, String) {
    let Some(secret) = &turn.shared_secret else {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        return (text(&turn.username), text(&turn.password));
    };
    let until = now.saturating_add(turn.ttl.0.as_secs());
    let username = format!("{until}:{user_id}");
    let mut mac =
        Hmac::<Sha1>::new_from_slice(secret.as_bytes()).expect("HMAC takes a secret of any length");
    mac.update(username.as_bytes());
    (username, STANDARD.encode(mac.finalize().into_bytes()))
}

/// The media servers of group calls.
/// [MSC4143](https://github.com/matrix-org/matrix-spec-proposals/pull/4143)
async fn rtc_transports(
    State(server): State<Server>,
    _session: Session,
    Ruma(_): Ruma<transports::v1::Request>,
) -> ApiResult<Raw> {
    json(&json!({ "rtc_transports": transports_of(&server) })).map(Raw)
}

/// The media servers of group calls as clients are told.
pub(super) fn transports_of(server: &Server) -> Vec<Value> {
    let livekit = server.config.rtc.livekit_url.iter();
    livekit
        .map(|url| json!({ "type": "livekit", "livekit_service_url": url }))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(text: &str) -> Turn {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn password_is_the_hmac_of_the_name() {
        let turn = turn("uris = [\"turn:a\"]\nshared_secret = \"secret\"\nttl = \"1h\"");
        let (username, password) = credentials(&turn, "@a:b", 1_000);
        assert_eq!(username, "4600:@a:b");
        // printf '4600:@a:b' | openssl sha1 -hmac secret -binary | base64
        assert_eq!(password, "HS2/4zhXO7HaQW8iq6PVP1Cn/WY=");
    }

    #[test]
    fn fixed_credentials_are_the_same_for_everybody() {
        let turn = turn("uris = [\"turn:a\"]\nusername = \"u\"\npassword = \"p\"");
        let expected = ("u".to_owned(), "p".to_owned());
        assert_eq!(credentials(&turn, "@a:b", 1_000), expected);
    }
}
