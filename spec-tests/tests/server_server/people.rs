//! People of two servers who meet.

use serde_json::json;
use spec_tests::{User, homeserver, http::encode, path, server::homeserver2};

/// A user of each server; nothing where the second server is not ours to start.
pub(crate) fn two_users() -> Option<(User, User)> {
    let second = homeserver2()?;
    Some((homeserver().register("alice"), second.register("bob")))
}

/// Joins through the server of somebody who is in the room.
pub(crate) fn join_via(user: &User, room: &str, via: &User) {
    let via = encode(via.server.server_name());
    let path = format!("{}?via={via}", path!("/v3/join/{}", room));
    user.post(&path, &json!({})).ok();
}
