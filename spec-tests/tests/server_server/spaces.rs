//! Spaces whose rooms only another server knows.
//! [spec](https://spec.matrix.org/v1.19/server-server-api/#spaces)

use serde_json::{Value, json};
use spec_tests::{Peer, User, covers, homeserver, http::encode, must::text, path, server::unique};

use crate::people::{join_via, two_users};

fn room(user: &User, preset: &str, name: &str) -> String {
    user.create_room(&json!({ "preset": preset, "name": name }))
}

fn space(user: &User, name: &str) -> String {
    user.create_room(&json!({
        "preset": "public_chat", "name": name, "creation_content": { "type": "m.space" },
    }))
}

fn add(user: &User, space: &str, child: &str) {
    let content = json!({ "via": [user.server.server_name()] });
    user.set_state(space, "m.space.child", child, &content);
}

fn names(page: &Value) -> Vec<String> {
    let rooms = page["rooms"].as_array().cloned().unwrap_or_default();
    rooms.iter().map(|room| text(&room["name"])).collect()
}

#[test]
fn a_space_shows_rooms_that_only_another_server_knows() {
    covers!(GET "/_matrix/client/v1/rooms/{roomId}/hierarchy");
    let Some((alice, bob)) = two_users() else {
        return;
    };
    let top = space(&alice, "Academy");
    let below = space(&alice, "Faculty");
    let public = room(&alice, "public_chat", "Everybody");
    let private = room(&alice, "private_chat", "Staff");
    let deep = room(&alice, "public_chat", "Deep");
    for child in [&below, &public, &private] {
        add(&alice, &top, child);
    }
    add(&alice, &below, &deep);
    join_via(&bob, &top, &alice);
    let path = path!("/v1/rooms/{}/hierarchy", top);
    let shown = bob.get(&path).ok();
    assert_eq!(names(&shown), ["Academy", "Faculty", "Deep", "Everybody"]);
    let faculty = &shown["rooms"][1];
    assert_eq!(faculty["room_type"], "m.space");
    assert_eq!(faculty["children_state"][0]["state_key"], deep);
    // Page by page it is the same.
    let mut paged = Vec::new();
    let mut from = String::new();
    loop {
        let page = bob.get(&format!("{path}?limit=1{from}")).ok();
        paged.extend(names(&page));
        match page["next_batch"].as_str() {
            Some(next) => from = format!("&from={}", encode(next)),
            None => break,
        }
    }
    assert_eq!(paged, names(&shown));
}

#[test]
fn a_room_of_another_server_is_looked_at_before_it_is_entered() {
    covers!(GET "/_matrix/client/v1/room_summary/{roomIdOrAlias}");
    let Some((alice, bob)) = two_users() else {
        return;
    };
    let alias = unique("lobby");
    let public = alice.create_room(&json!({
        "preset": "public_chat", "name": "Lobby", "room_alias_name": alias,
    }));
    let private = room(&alice, "private_chat", "Staff");
    let via = encode(alice.server.server_name());
    let path = |name: &str| format!("{}?via={via}", path!("/v1/room_summary/{}", name));
    let alias = format!("#{alias}:{}", alice.server.server_name());
    for name in [&public, &alias] {
        let shown = bob.get(&path(name)).ok();
        assert_eq!(shown["name"], "Lobby");
        assert_eq!(shown["room_id"], public);
        assert_eq!(shown["join_rule"], "public");
        assert_eq!(shown["membership"], "leave");
    }
    bob.get(&path(&private)).must_fail(404, "M_NOT_FOUND");
}

/// [spec](https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1hierarchyroomid)
#[test]
fn other_servers_are_told_of_the_rooms_they_may_know() {
    let (server, peer) = (homeserver(), Peer::start());
    let alice = server.register("alice");
    let top = space(&alice, "Academy");
    let public = room(&alice, "public_chat", "Everybody");
    let private = room(&alice, "private_chat", "Staff");
    for child in [&public, &private] {
        add(&alice, &top, child);
    }
    let path = |room: &str| path!("/_matrix/federation/v1/hierarchy/{}", room);
    let told = peer.request(&server, "GET", &path(&top), None).send().ok();
    assert_eq!(told["room"]["name"], "Academy");
    assert_eq!(told["room"]["children_state"].as_array().unwrap().len(), 2);
    assert_eq!(told["children"].as_array().unwrap().len(), 1);
    assert_eq!(told["children"][0]["room_id"], public);
    assert_eq!(told["inaccessible_children"], json!([private]));
    peer.request(&server, "GET", &path(&private), None)
        .send()
        .must_fail(404, "M_NOT_FOUND");
}
