//! Hashes, signatures and ids of events, for the versions of rooms that tests make.
//! [spec](https://spec.matrix.org/v1.19/server-server-api/#signing-events)

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::Peer;
use crate::crypto::{Key, canonical};

/// Adds the hash of the content and the peer's signature, and returns the id.
pub(super) fn finish(peer: &Peer, event: &mut Value, version: u8) -> String {
    let mut hashed = event.clone();
    remove(&mut hashed, &["unsigned", "signatures", "hashes"]);
    let hash = STANDARD_NO_PAD.encode(Sha256::digest(canonical(&hashed)));
    event["hashes"] = serde_json::json!({ "sha256": hash });
    let mut signed = redacted(event, version);
    peer.sign(&mut signed);
    event["signatures"] = signed["signatures"].clone();
    event_id(event, version)
}

/// A peer's signature as a policy server.
pub(super) fn policy_signature(peer: &Peer, key: &Key, event: &Value, version: u8) -> Value {
    let mut signed = redacted(event, version);
    remove(&mut signed, &["signatures"]);
    key.sign_as(&mut signed, peer.name(), "ed25519:policy_server");
    signed["signatures"].clone()
}

/// [spec](https://spec.matrix.org/v1.19/server-server-api/#calculating-the-reference-hash-for-an-event)
pub(super) fn event_id(event: &Value, version: u8) -> String {
    let mut hashed = redacted(event, version);
    remove(&mut hashed, &["unsigned", "signatures"]);
    let hash = Sha256::digest(canonical(&hashed));
    format!("${}", URL_SAFE_NO_PAD.encode(hash))
}

/// What is left of an event once it is redacted.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#redactions)
fn redacted(event: &Value, version: u8) -> Value {
    const KEPT: [&str; 11] = [
        "auth_events",
        "content",
        "depth",
        "hashes",
        "origin_server_ts",
        "prev_events",
        "room_id",
        "sender",
        "signatures",
        "state_key",
        "type",
    ];
    const KEPT_BEFORE_11: [&str; 3] = ["membership", "origin", "prev_state"];
    let is_new = version >= 11;
    let kept = |key: &str| KEPT.contains(&key) || (!is_new && KEPT_BEFORE_11.contains(&key));
    let mut left: Map<String, Value> = event
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(key, _)| kept(key))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let kind = event["type"].as_str().unwrap_or_default();
    let content = left.get("content").and_then(Value::as_object);
    let content = content.cloned().unwrap_or_default();
    let content = match kind {
        "m.room.create" if is_new => content,
        _ => content
            .into_iter()
            .filter(|(key, _)| kept_of(kind, version).contains(&key.as_str()))
            .collect(),
    };
    left.insert("content".to_owned(), content.into());
    left.into()
}

/// Invitations by third parties are not made by tests, so nothing is kept of them.
fn kept_of(kind: &str, version: u8) -> &'static [&'static str] {
    const LEVELS: [&str; 9] = [
        "ban",
        "events",
        "events_default",
        "kick",
        "redact",
        "state_default",
        "users",
        "users_default",
        "invite",
    ];
    match kind {
        "m.room.member" if version < 9 => &["membership"],
        "m.room.member" => &["membership", "join_authorised_via_users_server"],
        "m.room.create" => &["creator"],
        "m.room.join_rules" if version < 8 => &["join_rule"],
        "m.room.join_rules" => &["join_rule", "allow"],
        "m.room.power_levels" if version >= 11 => &LEVELS,
        "m.room.power_levels" => &LEVELS[..8],
        "m.room.history_visibility" => &["history_visibility"],
        "m.room.redaction" if version >= 11 => &["redacts"],
        _ => &[],
    }
}

fn remove(event: &mut Value, keys: &[&str]) {
    if let Some(event) = event.as_object_mut() {
        for key in keys {
            event.remove(*key);
        }
    }
}
