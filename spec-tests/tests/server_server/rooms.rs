//! Rooms that two servers share.
//! [spec](https://spec.matrix.org/v1.19/server-server-api/#joining-rooms)

use serde_json::{Value, json};
use spec_tests::{Peer, User, covers, homeserver, http::encode, path, sync_until::eventually};

use crate::people::{join_via, two_users};

fn bodies(user: &User, room: &str) -> Vec<String> {
    let page = user.messages(room, "dir=b&limit=100");
    let chunk = page["chunk"].as_array().cloned().unwrap_or_default();
    let body = |event: &Value| event["content"]["body"].as_str().map(str::to_owned);
    chunk.iter().filter_map(body).collect()
}

/// Waits until a user has a message exactly once.
fn sees(user: &User, room: &str, words: &str) {
    eventually(|| {
        let found = bodies(user, room);
        match found.iter().filter(|body| *body == words).count() {
            1 => Ok(()),
            times => Err(format!("{words:?} is there {times} times: {found:?}")),
        }
    });
}

fn membership_seen_by(user: &User, room: &str, of: &User) -> Option<String> {
    let reply = user.get(&path!("/v3/rooms/{}/state/m.room.member/{}", room, of.id));
    reply.json["membership"].as_str().map(str::to_owned)
}

fn becomes(user: &User, room: &str, of: &User, membership: &str) {
    eventually(|| match membership_seen_by(user, room, of) {
        Some(seen) if seen == membership => Ok(()),
        other => Err(format!("the membership is {other:?}")),
    });
}

/// [spec](https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1make_joinroomiduserid)
#[test]
fn a_template_names_the_server_that_made_it() {
    let peer = Peer::start();
    let alice = homeserver().register("alice");
    let room = alice.public_room();
    let mallory = peer.user("mallory");
    let path = path!("/_matrix/federation/v1/make_join/{}/{}", room, mallory) + "?ver=12";
    let template = peer.request(&alice.server, "GET", &path, None).send().ok();
    assert_eq!(
        template["event"]["origin"],
        alice.server.server_name(),
        "{template}"
    );
}

const VERSIONS: [&str; 7] = ["3", "4", "5", "6", "10", "11", "12"];

#[test]
fn users_of_two_servers_talk_in_rooms_of_every_kind_of_version() {
    let Some((alice, bob)) = two_users() else {
        return;
    };
    for version in VERSIONS {
        let room = alice.create_room(&json!({ "preset": "public_chat", "room_version": version }));
        alice.say(&room, "before");
        join_via(&bob, &room, &alice);
        becomes(&alice, &room, &bob, "join");
        bob.say(&room, "hello from afar");
        sees(&alice, &room, "hello from afar");
        alice.say(&room, "hello yourself");
        sees(&bob, &room, "hello yourself");
    }
}

#[test]
fn an_invitation_reaches_another_server_and_is_accepted() {
    let Some((alice, bob)) = two_users() else {
        return;
    };
    let room = alice.private_room();
    alice.invite(&room, &bob);
    bob.must_see(|response| {
        let invite = &response["rooms"]["invite"][&room];
        let events = invite["invite_state"]["events"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let tells = |kind: &str| events.iter().any(|event| event["type"] == kind);
        match tells("m.room.create") && tells("m.room.member") {
            true => Ok(()),
            false => Err(format!("no invitation in {response}")),
        }
    });
    bob.join(&room);
    becomes(&alice, &room, &bob, "join");
    alice.say(&room, "welcome");
    sees(&bob, &room, "welcome");
}

#[test]
fn an_invitation_is_declined() {
    let Some((alice, bob)) = two_users() else {
        return;
    };
    let room = alice.private_room();
    alice.invite(&room, &bob);
    bob.must_see(|response| match response["rooms"]["invite"].get(&room) {
        Some(_) => Ok(()),
        None => Err("no invitation".to_owned()),
    });
    bob.leave(&room);
    becomes(&alice, &room, &bob, "leave");
    let after = bob.initial_sync();
    assert!(after["rooms"]["invite"].get(&room).is_none(), "{after}");
}

#[test]
fn an_invitation_that_is_taken_back_and_a_knock_that_is_turned_down_are_gone() {
    let Some((alice, bob)) = two_users() else {
        return;
    };
    let rule = json!({ "type": "m.room.join_rules", "state_key": "", "content": { "join_rule": "knock" } });
    for version in ["10", "11", "12"] {
        let options = json!({ "room_version": version, "initial_state": [rule] });
        let room = alice.create_room(&options);
        alice.invite(&room, &bob);
        bob.must_be_invited(&room);
        let before = bob.initial_sync();
        alice.membership("kick", &room, &bob).ok();
        bob.must_see_after(&before, spec_tests::matchers::left(&room));
        bob.knock_via(&room, &alice.server);
        becomes(&alice, &room, &bob, "knock");
        let before = bob.initial_sync();
        assert!(before["rooms"]["knock"].get(&room).is_some(), "{before}");
        alice.membership("ban", &room, &bob).ok();
        bob.must_see_after(&before, spec_tests::matchers::left(&room));
    }
}

#[test]
fn a_new_room_invites_users_of_other_servers() {
    let Some((alice, bob)) = two_users() else {
        return;
    };
    let room = alice.create_room(&json!({
        "preset": "trusted_private_chat", "is_direct": true, "invite": [bob.id],
    }));
    bob.must_see(|response| match response["rooms"]["invite"].get(&room) {
        Some(_) => Ok(()),
        None => Err("no invitation".to_owned()),
    });
    bob.join(&room);
    bob.say(&room, "thanks");
    sees(&alice, &room, "thanks");
}

#[test]
fn who_is_kicked_or_banned_learns_of_it() {
    let Some((alice, bob)) = two_users() else {
        return;
    };
    let room = alice.public_room();
    join_via(&bob, &room, &alice);
    alice.membership("kick", &room, &bob).ok();
    becomes(&bob, &room, &bob, "leave");
    join_via(&bob, &room, &alice);
    becomes(&alice, &room, &bob, "join");
    alice.membership("ban", &room, &bob).ok();
    eventually(|| match bob.initial_sync()["rooms"]["join"].get(&room) {
        None => Ok(()),
        Some(_) => Err("still in the room".to_owned()),
    });
    let path = format!(
        "{}?via={}",
        path!("/v3/join/{}", room),
        encode(alice.server.server_name())
    );
    bob.post(&path, &json!({})).must_fail(403, "M_FORBIDDEN");
}

#[test]
fn leaving_is_told_and_coming_back_works() {
    let Some((alice, bob)) = two_users() else {
        return;
    };
    let room = alice.public_room();
    join_via(&bob, &room, &alice);
    bob.say(&room, "here");
    sees(&alice, &room, "here");
    bob.leave(&room);
    becomes(&alice, &room, &bob, "leave");
    alice.say(&room, "while away");
    alice.set_state(&room, "m.room.topic", "", &json!({ "topic": "changed" }));
    join_via(&bob, &room, &alice);
    let topic = bob.state(&room, "m.room.topic", "").ok();
    assert_eq!(topic["topic"], "changed");
    alice.say(&room, "back again");
    sees(&bob, &room, "back again");
}

#[test]
fn a_knock_is_answered_with_an_invitation() {
    let Some((alice, bob)) = two_users() else {
        return;
    };
    let room = alice.create_room(&json!({
        "initial_state": [{ "type": "m.room.join_rules", "state_key": "", "content": { "join_rule": "knock" } }],
    }));
    let path = format!(
        "{}?via={}",
        path!("/v3/knock/{}", room),
        encode(alice.server.server_name())
    );
    bob.post(&path, &json!({ "reason": "let me in" })).ok();
    becomes(&alice, &room, &bob, "knock");
    alice.invite(&room, &bob);
    bob.must_see(|response| match response["rooms"]["invite"].get(&room) {
        Some(_) => Ok(()),
        None => Err("no invitation".to_owned()),
    });
    bob.join(&room);
    becomes(&alice, &room, &bob, "join");
}

#[test]
fn a_private_room_cannot_be_joined_from_elsewhere() {
    let Some((alice, bob)) = two_users() else {
        return;
    };
    let room = alice.private_room();
    let path = format!(
        "{}?via={}",
        path!("/v3/join/{}", room),
        encode(alice.server.server_name())
    );
    bob.post(&path, &json!({})).must_fail(403, "M_FORBIDDEN");
}

#[test]
fn an_alias_of_another_server_leads_into_its_room() {
    let Some((alice, bob)) = two_users() else {
        return;
    };
    let name = spec_tests::server::unique("lobby");
    let room = alice.create_room(&json!({ "preset": "public_chat", "room_alias_name": name }));
    let alias = format!("#{name}:{}", alice.server.server_name());
    let answer = bob.post(&path!("/v3/join/{}", alias), &json!({})).ok();
    assert_eq!(answer["room_id"], room);
}

#[test]
fn state_edits_reactions_and_redactions_arrive() {
    let Some((alice, bob)) = two_users() else {
        return;
    };
    let room = alice.public_room();
    join_via(&bob, &room, &alice);
    alice.set_state(&room, "m.room.name", "", &json!({ "name": "Кафедра" }));
    eventually(
        || match bob.state(&room, "m.room.name", "").json["name"].as_str() {
            Some("Кафедра") => Ok(()),
            other => Err(format!("the name is {other:?}")),
        },
    );
    let event = bob.say(&room, "to be removed");
    sees(&alice, &room, "to be removed");
    bob.redact(&room, &event);
    eventually(|| {
        let event = alice.event(&room, &event).ok();
        match event["content"].get("body") {
            None => Ok(()),
            Some(_) => Err(format!("still there: {event}")),
        }
    });
}

#[test]
fn typing_and_receipts_pass_between_servers() {
    let Some((alice, bob)) = two_users() else {
        return;
    };
    let room = alice.public_room();
    join_via(&bob, &room, &alice);
    becomes(&alice, &room, &bob, "join");
    let event = alice.say(&room, "read this");
    sees(&bob, &room, "read this");
    let before = alice.initial_sync();
    bob.typing(&room, true);
    alice.must_see_after(&before, |response| {
        let events = &response["rooms"]["join"][&room]["ephemeral"]["events"];
        match events.to_string().contains(&bob.id) {
            true => Ok(()),
            false => Err(format!("nobody types: {events}")),
        }
    });
    bob.read(&room, "m.read", &event, None);
    alice.must_see_after(&before, |response| {
        let events = &response["rooms"]["join"][&room]["ephemeral"]["events"];
        match events.to_string().contains(&event) {
            true => Ok(()),
            false => Err(format!("no receipt: {events}")),
        }
    });
}

/// [spec](https://spec.matrix.org/v1.19/server-server-api/#transactions)
#[test]
fn many_messages_arrive_in_order_and_once() {
    let Some((alice, bob)) = two_users() else {
        return;
    };
    let room = alice.public_room();
    join_via(&bob, &room, &alice);
    becomes(&alice, &room, &bob, "join");
    let words: Vec<String> = (0..80).map(|number| format!("message {number}")).collect();
    for words in &words {
        alice.say(&room, words);
    }
    sees(&bob, &room, "message 79");
    let mut arrived = bodies(&bob, &room);
    arrived.reverse();
    assert_eq!(arrived, words);
}

#[test]
fn a_room_that_nobody_here_is_in_needs_a_way_to_it() {
    covers!(POST "/_matrix/client/v3/join/{roomIdOrAlias}");
    let Some((alice, bob)) = two_users() else {
        return;
    };
    let room = alice.create_room(&json!({ "preset": "public_chat", "room_version": "12" }));
    bob.post(&path!("/v3/join/{}", room), &json!({}))
        .must_fail(404, "M_NOT_FOUND");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3user_directorysearch)
#[test]
fn people_of_other_servers_are_found_by_those_who_share_a_room() {
    covers!(POST "/_matrix/client/v3/user_directory/search");
    let Some((alice, bob)) = two_users() else {
        return;
    };
    let name = spec_tests::server::unique("Snowdrop");
    bob.set_display_name(&name);
    let search = |limit: usize| {
        let body = json!({ "search_term": name.to_lowercase(), "limit": limit });
        let found = alice.post("/v3/user_directory/search", &body).ok();
        found["results"].as_array().cloned().unwrap_or_default()
    };
    assert!(search(10).is_empty());
    let room = alice.public_room();
    join_via(&bob, &room, &alice);
    eventually(|| {
        let found = search(10);
        let wanted = json!([{ "user_id": bob.id, "display_name": name }]);
        spec_tests::matchers::contains(&json!(found), &wanted)
    });
    bob.leave(&room);
    eventually(|| match search(10).as_slice() {
        [] => Ok(()),
        found => Err(format!("{found:?}")),
    });
}
