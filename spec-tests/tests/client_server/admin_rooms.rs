//! Administrating rooms through the API that Synapse's tools use.

use serde_json::{Value, json};
use spec_tests::{
    Reply, User, covers, homeserver,
    must::{must_contain, must_find, text},
    path,
    server::unique,
    sync_until::eventually,
};

use crate::admin_users::admin;

fn of(room: &str, what: &str) -> String {
    format!("{}{what}", path!("/_synapse/admin/v1/rooms/{}", room))
}

#[test]
fn rooms_are_listed_whoever_is_in() {
    let Some(admin) = admin() else { return };
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let stem = unique("Hall");
    let small = alice.create_room(&json!({ "name": format!("{stem} A") }));
    let large = alice.create_room(&json!({
        "name": format!("{stem} B"), "preset": "public_chat", "topic": "All are welcome",
    }));
    bob.join(&large);
    let list = |query: &str| {
        let term = spec_tests::http::encode(&stem);
        admin
            .get(&format!(
                "/_synapse/admin/v1/rooms?search_term={term}&{query}"
            ))
            .ok()
    };
    let ids = |query: &str| -> Vec<String> {
        let rooms = list(query)["rooms"].as_array().cloned().unwrap();
        rooms.iter().map(|room| text(&room["room_id"])).collect()
    };
    assert_eq!(ids(""), [small.clone(), large.clone()]);
    assert_eq!(ids("dir=b"), [large.clone(), small.clone()]);
    assert_eq!(
        ids("order_by=joined_members"),
        [large.clone(), small.clone()]
    );
    let first = list("limit=1");
    must_contain(
        &first,
        &json!({ "offset": 0, "total_rooms": 2, "next_batch": 1 }),
    );
    let second = list("limit=1&from=1");
    must_contain(&second, &json!({ "offset": 1, "prev_batch": 0 }));
    assert_eq!(second["rooms"][0]["room_id"], large);
    must_contain(
        &list("order_by=joined_members")["rooms"][0],
        &json!({
            "joined_members": 2, "joined_local_members": 2, "creator": alice.id, "public": false,
            "federatable": true, "join_rules": "public", "history_visibility": "shared",
            "encryption": null, "room_type": null,
        }),
    );
    let details = admin.get(&of(&large, "")).ok();
    must_contain(
        &details,
        &json!({ "topic": "All are welcome", "joined_local_devices": 2, "forgotten": false }),
    );
    let refused = admin.get("/_synapse/admin/v1/rooms?search_term=");
    assert_eq!(refused.status, 400, "{refused}");
}

#[test]
fn members_and_state_of_a_private_room_are_told() {
    let Some(admin) = admin() else { return };
    let alice = homeserver().register("alice");
    let room = alice.create_room(&json!({ "name": "Private" }));
    let members = admin.get(&of(&room, "/members")).ok();
    assert_eq!(members, json!({ "members": [alice.id], "total": 1 }));
    let state = admin.get(&of(&room, "/state")).ok();
    must_find(
        &state["state"],
        &json!({ "type": "m.room.name", "content": { "name": "Private" } }),
    );
    let extremities = admin.get(&of(&room, "/forward_extremities")).ok();
    assert_eq!(extremities["count"], 1);
    let aliases = admin.get(&path!("/v3/rooms/{}/aliases", room)).ok();
    assert_eq!(aliases, json!({ "aliases": [] }));
}

#[test]
fn history_of_a_private_room_is_read() {
    let Some(admin) = admin() else { return };
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    let said = alice.say_all(&room, &["one", "two", "three"]);
    let page = admin.get(&of(&room, "/messages?dir=b&limit=2")).ok();
    let bodies = |page: &Value| -> Vec<String> {
        let chunk = page["chunk"].as_array().unwrap();
        chunk
            .iter()
            .map(|event| text(&event["content"]["body"]))
            .collect()
    };
    assert_eq!(bodies(&page), ["three", "two"]);
    let from = spec_tests::http::encode(&text(&page["end"]));
    let next = admin
        .get(&of(&room, &format!("/messages?dir=b&limit=1&from={from}")))
        .ok();
    assert_eq!(bodies(&next), ["one"]);
    let context = admin
        .get(&of(
            &room,
            &format!("/context/{}?limit=2", spec_tests::http::encode(&said[1])),
        ))
        .ok();
    assert_eq!(context["event"]["event_id"], said[1]);
    assert_eq!(context["events_before"][0]["event_id"], said[0]);
    assert_eq!(context["events_after"][0]["event_id"], said[2]);
    must_find(&context["state"], &json!({ "type": "m.room.create" }));
    let found = admin.get(&of(&room, "/timestamp_to_event?ts=0&dir=f")).ok();
    assert!(found["event_id"].is_string(), "{found}");
    let none = admin.get(&of(&room, "/timestamp_to_event?ts=0&dir=b"));
    none.must_fail(404, "M_NOT_FOUND");
}

#[test]
fn nobody_enters_a_blocked_room() {
    covers!(POST "/_matrix/client/v3/rooms/{roomId}/join");
    let Some(admin) = admin() else { return };
    let (alice, bob) = (homeserver().register("alice"), homeserver().register("bob"));
    let room = alice.public_room();
    let block = of(&room, "/block");
    assert_eq!(admin.get(&block).ok(), json!({ "block": false }));
    let blocked = admin.put(&block, &json!({ "block": true })).ok();
    assert_eq!(blocked, json!({ "block": true }));
    must_contain(
        &admin.get(&block).ok(),
        &json!({ "block": true, "user_id": admin.id }),
    );
    bob.try_join(&room).must_be(403);
    let (join, invite) = (
        json!({ "membership": "join" }),
        json!({ "membership": "invite" }),
    );
    for (user, content) in [(&bob, join), (&alice, invite)] {
        user.try_set_state(&room, "m.room.member", &bob.id, &content)
            .must_be(403);
    }
    alice.membership("invite", &room, &bob).must_be(403);
    // Synapse shows nobody's new name there.
    if !homeserver().is_synapse() {
        alice.set_display_name("Alice in the blocked room");
        let shown = json!({ "displayname": "Alice in the blocked room" });
        alice.must_see_state(&room, "m.room.member", &alice.id, &shown);
    }
    admin.put(&block, &json!({ "block": false })).ok();
    bob.join(&room);
    // A room can be blocked before anybody knows it.
    let unknown = of("!unknown:elsewhere.test", "/block");
    admin.put(&unknown, &json!({ "block": true })).ok();
    // Tools do that by deleting it.
    let unseen = format!("!{}:elsewhere.test", unique("unseen"));
    let deletion = admin.request("DELETE", &of(&unseen, ""));
    let deleted = deletion.json(&json!({ "block": true })).send().ok();
    assert_eq!(deleted["kicked_users"], json!([]), "{deleted}");
    assert_eq!(admin.get(&of(&unseen, "/block")).ok()["block"], true);
}

#[test]
fn an_abandoned_room_gets_an_administrator() {
    let Some(admin) = admin() else { return };
    let (alice, bob) = (homeserver().register("alice"), homeserver().register("bob"));
    let room = alice.create_room(&json!({ "preset": "public_chat", "room_version": "11" }));
    bob.join(&room);
    let promote = of(&room, "/make_room_admin");
    admin.post(&promote, &json!({ "user_id": bob.id })).ok();
    let levels = alice.state(&room, "m.room.power_levels", "").ok();
    assert_eq!(levels["users"][&bob.id], 100);
    // In a private room the new administrator is invited.
    let private = alice.private_room();
    let promote = of(&private, "/make_room_admin");
    admin.post(&promote, &json!({ "user_id": bob.id })).ok();
    bob.join(&private);
    bob.set_state(&private, "m.room.name", "", &json!({ "name": "Mine" }));
    // Nobody is left who could give power away.
    alice.leave(&private);
    bob.leave(&private);
    let nobody = admin.post(&promote, &json!({ "user_id": bob.id }));
    assert_eq!(nobody.status, 400, "{nobody}");
}

#[test]
fn users_are_joined_to_rooms() {
    let Some(admin) = admin() else { return };
    let (alice, bob) = (homeserver().register("alice"), homeserver().register("bob"));
    let room = alice.public_room();
    let join = |room: &str| {
        let path = path!("/_synapse/admin/v1/join/{}", room);
        admin.post(&path, &json!({ "user_id": bob.id }))
    };
    assert_eq!(join(&room).ok()["room_id"], room);
    bob.say(&room, "here");
    // An administrator who is in a private room invites first.
    let private = alice.private_room();
    join(&private).must_be(403);
    alice.invite(&private, &admin);
    admin.join(&private);
    join(&private).ok();
    bob.say(&private, "here too");
    let name = unique("alias");
    let alias = format!("#{name}:{}", homeserver().server_name());
    let with_alias =
        alice.create_room(&json!({ "preset": "public_chat", "room_alias_name": name }));
    assert_eq!(join(&alias).ok()["room_id"], with_alias);
}

fn delete(admin: &User, room: &str, body: &Value) -> Reply {
    let path = path!("/_synapse/admin/v2/rooms/{}", room);
    admin.request("DELETE", &path).json(body).send()
}

fn deleted(admin: &User, id: &str) -> Value {
    eventually(|| {
        let status = admin
            .get(&format!("/_synapse/admin/v2/rooms/delete_status/{id}"))
            .ok();
        match status["status"].as_str() {
            Some("complete") => Ok(status),
            _ => Err(status.to_string()),
        }
    })
}

#[test]
fn a_deleted_room_is_gone_and_its_members_learn_it() {
    let Some(admin) = admin() else { return };
    let (alice, bob) = (homeserver().register("alice"), homeserver().register("bob"));
    let room = alice.room_with(&[&bob]);
    let before = bob.initial_sync();
    let id =
        text(&delete(&admin, &room, &json!({ "purge": true, "block": true })).ok()["delete_id"]);
    let status = deleted(&admin, &id);
    let removed = status["shutdown_room"]["kicked_users"].as_array().unwrap();
    assert_eq!(removed.len(), 2, "{status}");
    if !homeserver().is_synapse() {
        let sync = bob.sync_after(&before);
        assert!(sync["rooms"]["leave"].get(&room).is_some(), "{sync}");
    }
    admin.get(&of(&room, "")).must_fail(404, "M_NOT_FOUND");
    assert_eq!(admin.get(&of(&room, "/block")).ok()["block"], true);
    let of_room = path!("/_synapse/admin/v2/rooms/{}", room);
    let results = admin.get(&format!("{of_room}/delete_status"));
    if !homeserver().is_synapse() {
        must_find(&results.ok()["results"], &json!({ "delete_id": id }));
    }
}

#[test]
fn members_of_a_deleted_room_are_moved_to_a_new_one() {
    let Some(admin) = admin() else { return };
    let (alice, bob) = (homeserver().register("alice"), homeserver().register("bob"));
    let room = alice.room_with(&[&bob]);
    let wish = json!({
        "new_room_user_id": admin.id, "room_name": "Closed", "message": "It was too loud",
    });
    let id = text(&delete(&admin, &room, &wish).ok()["delete_id"]);
    let status = deleted(&admin, &id);
    let new_room = text(&status["shutdown_room"]["new_room_id"]);
    let joined = bob.get("/v3/joined_rooms").ok();
    must_find(&joined["joined_rooms"], &json!(new_room));
    must_find(
        &bob.messages(&new_room, "dir=b&limit=10")["chunk"],
        &json!({ "content": { "body": "It was too loud" } }),
    );
    bob.try_send(
        &new_room,
        "m.room.message",
        &json!({ "msgtype": "m.text", "body": "a" }),
    )
    .must_be(403);
}

#[test]
fn a_room_is_deleted_while_the_request_waits() {
    let Some(admin) = admin() else { return };
    let alice = homeserver().register("alice");
    let room = alice.public_room();
    let path = path!("/_synapse/admin/v1/rooms/{}", room);
    let answer = admin.request("DELETE", &path).json(&json!({})).send().ok();
    assert_eq!(answer["kicked_users"], json!([alice.id]), "{answer}");
    admin.get(&of(&room, "")).must_fail(404, "M_NOT_FOUND");
}

#[test]
fn history_is_removed_up_to_an_event() {
    let Some(admin) = admin() else { return };
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    let said = alice.say_all(&room, &["old", "new", "newer"]);
    let path = path!("/_synapse/admin/v1/purge_history/{}", room);
    let wish = json!({ "purge_up_to_event_id": said[1], "delete_local_events": true });
    let id = text(&admin.post(&path, &wish).ok()["purge_id"]);
    eventually(|| {
        let status = admin
            .get(&format!("/_synapse/admin/v1/purge_history_status/{id}"))
            .ok();
        match status["status"].as_str() {
            Some("complete") => Ok(()),
            _ => Err(status.to_string()),
        }
    });
    alice.event(&room, &said[0]).must_fail(404, "M_NOT_FOUND");
    alice.event(&room, &said[2]).ok();
    let unknown = json!({ "purge_up_to_event_id": "$nothing" });
    let refused = admin.post(&path, &unknown);
    assert_eq!(refused.status / 100, 4, "{refused}");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#server-notices)
#[test]
fn a_notice_comes_into_a_room_that_cannot_be_rejected() {
    covers!(POST "/_matrix/client/v3/rooms/{roomId}/leave");
    let Some(admin) = admin() else { return };
    let alice = homeserver().register("alice");
    let send = |body: &str| {
        let notice = json!({
            "user_id": alice.id,
            "content": { "msgtype": "m.text", "body": body },
        });
        admin
            .post("/_synapse/admin/v1/send_server_notice", &notice)
            .ok()
    };
    assert!(send("Mind the gap").get("event_id").is_some());
    let sync = alice.initial_sync();
    let invites = sync["rooms"]["invite"].as_object().unwrap();
    let room = invites.keys().next().unwrap().clone();
    let reject = alice.post(&path!("/v3/rooms/{}/leave", room), &json!({}));
    reject.must_fail(403, "M_CANNOT_LEAVE_SERVER_NOTICE_ROOM");
    alice.join(&room);
    let sync = alice.initial_sync();
    let joined = &sync["rooms"]["join"][&room];
    must_find(
        &joined["account_data"]["events"],
        &json!({ "type": "m.tag", "content": { "tags": { "m.server_notice": {} } } }),
    );
    must_find(
        &alice.messages(&room, "dir=b&limit=20")["chunk"],
        &json!({ "content": { "body": "Mind the gap" } }),
    );
    // There is one room for all notices, in which the user only reads.
    send("Once more");
    must_find(
        &alice.messages(&room, "dir=b&limit=5")["chunk"],
        &json!({ "content": { "body": "Once more" } }),
    );
    let reply = alice.try_send(
        &room,
        "m.room.message",
        &json!({ "msgtype": "m.text", "body": "a" }),
    );
    reply.must_be(403);
}

/// Administrators delete rooms of notices like others, and the next notice comes into a new one.
#[test]
fn a_notice_comes_into_a_new_room_once_the_old_one_is_deleted() {
    let Some(admin) = admin() else { return };
    // Synapse goes on sending into the room that it has deleted.
    if homeserver().is_synapse() {
        return;
    }
    let alice = homeserver().register("alice");
    let invited_after_notice = || {
        let notice =
            json!({ "user_id": alice.id, "content": { "msgtype": "m.text", "body": "a" } });
        let path = "/_synapse/admin/v1/send_server_notice";
        admin.post(path, &notice).ok();
        let sync = alice.initial_sync();
        let invites = sync["rooms"]["invite"].as_object().cloned().unwrap();
        let rooms: Vec<String> = invites.keys().cloned().collect();
        assert_eq!(rooms.len(), 1, "{rooms:?}");
        rooms[0].clone()
    };
    let old = invited_after_notice();
    let id = text(&delete(&admin, &old, &json!({ "purge": false })).ok()["delete_id"]);
    deleted(&admin, &id);
    assert_ne!(invited_after_notice(), old);
}

#[test]
fn a_notice_is_sent_once_for_one_transaction() {
    let Some(admin) = admin() else { return };
    let alice = homeserver().register("alice");
    let notice = json!({ "user_id": alice.id, "content": { "msgtype": "m.text", "body": "a" } });
    let path = format!("/_synapse/admin/v1/send_server_notice/{}", unique("txn"));
    let first = admin.put(&path, &notice).ok();
    assert_eq!(admin.put(&path, &notice).ok(), first);
    let nobody = json!({ "user_id": "@nobody:spec.test", "content": {} });
    admin
        .post("/_synapse/admin/v1/send_server_notice", &nobody)
        .must_fail(404, "M_NOT_FOUND");
}

#[test]
fn a_space_is_shown_with_all_its_rooms_whoever_may_know_of_them() {
    let Some(admin) = admin() else { return };
    let alice = homeserver().register("alice");
    let space = || alice.create_room(&json!({ "creation_content": { "type": "m.space" } }));
    let (root, below, room) = (space(), space(), alice.private_room());
    let via = json!({ "via": ["localhost"] });
    alice.set_state(&root, "m.space.child", &below, &via);
    alice.set_state(&below, "m.space.child", &room, &via);
    // Nobody is asked for what is not here.
    alice.set_state(&below, "m.space.child", "!unknown:elsewhere.test", &via);
    let shown = |query: &str| admin.get(&of(&root, &format!("/hierarchy{query}"))).ok();
    let ids = |page: &Value| -> Vec<String> {
        let rooms = page["rooms"].as_array().cloned().unwrap();
        rooms.iter().map(|room| text(&room["room_id"])).collect()
    };
    assert_eq!(ids(&shown("")), [&root, &below, &room].map(String::clone));
    assert_eq!(
        ids(&shown("?max_depth=1")),
        [&root, &below].map(String::clone)
    );
    let first = shown("?limit=1");
    assert_eq!(ids(&first), std::slice::from_ref(&root));
    let from = spec_tests::http::encode(&text(&first["next_batch"]));
    // Synapse wants the rest of the query as it was.
    let second = shown(&format!("?limit=1&from={from}"));
    assert_eq!(ids(&second), [below]);
    // Synapse fails inside.
    if !homeserver().is_synapse() {
        admin
            .get(&of("!nowhere:localhost", "/hierarchy"))
            .must_fail(404, "M_NOT_FOUND");
    }
}
