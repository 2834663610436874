//! Unread counts, for rooms and for threads.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#receiving-notifications)

use serde_json::{Value, json};
use spec_tests::{
    User, covers, homeserver,
    matchers::{Verdict, at, contains},
    path,
    user::rooms::message,
};

fn three(encrypted: bool) -> (User, User, User, String) {
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let carol = homeserver().register("carol");
    // Three members: the rules for rooms of two do not apply.
    let room = alice.room_with(&[&bob, &carol]);
    if encrypted {
        let algorithm = json!({ "algorithm": "m.megolm.v1.aes-sha2" });
        alice.set_state(&room, "m.room.encryption", "", &algorithm);
    }
    (alice, bob, carol, room)
}

fn counts(room: &str, notify: u64, highlight: u64) -> impl Fn(&Value) -> Verdict + use<'_> {
    move |response| {
        let expected = json!({ "notification_count": notify, "highlight_count": highlight });
        contains(
            at(response, &["rooms", "join", room, "unread_notifications"]),
            &expected,
        )
    }
}

/// The counts that a first sync shows, once they are right.
fn must_count(user: &User, room: &str, notify: u64, highlight: u64) {
    spec_tests::sync_until::eventually(|| counts(room, notify, highlight)(&user.initial_sync()));
}

fn mention(words: &str, whom: &User) -> Value {
    let mut content = message(words);
    content["m.mentions"] = json!({ "user_ids": [whom.id] });
    content
}

#[test]
fn messages_of_others_count_until_they_are_read() {
    covers!(GET "/_matrix/client/v3/sync", POST "/_matrix/client/v3/rooms/{roomId}/receipt/{receiptType}/{eventId}");
    let (alice, bob, _, room) = three(false);
    let before = bob.initial_sync();
    let words = alice.say_all(&room, &["1", "2", "3"]);
    let seen = bob.must_see_after(&before, counts(&room, 3, 0));
    bob.read(&room, "m.read", &words[1], None);
    let seen = bob.must_see_after(&seen, counts(&room, 1, 0));
    bob.read(&room, "m.read.private", &words[2], None);
    bob.must_see_after(&seen, counts(&room, 0, 0));
}

#[test]
fn ones_own_messages_do_not_count() {
    covers!(GET "/_matrix/client/v3/sync");
    let (alice, bob, _, room) = three(false);
    bob.say_all(&room, &["1", "2"]);
    must_count(&bob, &room, 0, 0);
    must_count(&alice, &room, 2, 0);
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#user-and-room-mentions)
#[test]
fn mentions_highlight() {
    covers!(GET "/_matrix/client/v3/sync");
    let (alice, bob, carol, room) = three(false);
    alice.send(&room, "m.room.message", &mention("look", &bob));
    must_count(&bob, &room, 1, 1);
    must_count(&carol, &room, 1, 0);
    let mut everybody = message("all of you");
    everybody["m.mentions"] = json!({ "room": true });
    alice.send(&room, "m.room.message", &everybody);
    must_count(&carol, &room, 2, 1);
    // Bob may not call everybody.
    bob.send(&room, "m.room.message", &everybody);
    must_count(&carol, &room, 3, 1);
}

/// Whatever else is in the list.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#conditions)
#[test]
fn a_mention_beside_what_is_no_user_highlights() {
    covers!(GET "/_matrix/client/v3/sync");
    let (alice, bob, carol, room) = three(false);
    let mut content = message("look, all of you");
    content["m.mentions"] = json!({ "user_ids": ["nobody", bob.id], "room": true });
    bob.send(&room, "m.room.message", &content);
    must_count(&carol, &room, 1, 0);
    alice.send(&room, "m.room.message", &content);
    must_count(&bob, &room, 1, 1);
    must_count(&carol, &room, 2, 1);
}

#[test]
fn encrypted_messages_count() {
    covers!(GET "/_matrix/client/v3/sync");
    let (alice, bob, _, room) = three(true);
    let content =
        json!({ "algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "x", "session_id": "y" });
    alice.send(&room, "m.room.encrypted", &content);
    must_count(&bob, &room, 1, 0);
}

#[test]
fn notices_reactions_edits_and_state_do_not_count() {
    covers!(GET "/_matrix/client/v3/sync");
    let (alice, bob, _, room) = three(false);
    let event = alice.say(&room, "counts");
    alice.send(
        &room,
        "m.room.message",
        &json!({ "msgtype": "m.notice", "body": "quiet" }),
    );
    let annotation = json!({ "rel_type": "m.annotation", "event_id": event, "key": "👍" });
    alice.send(&room, "m.reaction", &json!({ "m.relates_to": annotation }));
    let mut edit = message("* counted");
    edit["m.new_content"] = message("counted");
    edit["m.relates_to"] = json!({ "rel_type": "m.replace", "event_id": event });
    alice.send(&room, "m.room.message", &edit);
    alice.set_state(&room, "m.room.topic", "", &json!({ "topic": "quiet" }));
    must_count(&bob, &room, 1, 0);
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#push-rules)
#[test]
fn ones_own_rules_decide_what_counts() {
    covers!(PUT "/_matrix/client/v3/pushrules/global/{kind}/{ruleId}");
    let (alice, bob, carol, room) = three(false);
    bob.put(
        &path!("/v3/pushrules/global/room/{}", room),
        &json!({ "actions": [] }),
    )
    .ok();
    let keyword =
        json!({ "pattern": "fialka", "actions": ["notify", { "set_tweak": "highlight" }] });
    carol
        .put("/v3/pushrules/global/content/fialka", &keyword)
        .ok();
    alice.say(&room, "have you heard of Fialka?");
    alice.say(&room, "well");
    must_count(&carol, &room, 2, 1);
    must_count(&bob, &room, 0, 0);
}

#[test]
fn a_redacted_message_does_not_highlight_a_reader_who_was_told_nothing() {
    covers!(GET "/_matrix/client/v3/sync");
    let (alice, bob, _, room) = three(false);
    let event = alice.send(&room, "m.room.message", &mention("look", &bob));
    must_count(&bob, &room, 1, 1);
    let read = alice.say(&room, "never mind");
    alice.redact(&room, &event);
    bob.read(&room, "m.read", &read, None);
    must_count(&bob, &room, 0, 0);
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#threading)
#[test]
fn threads_are_counted_apart_when_asked() {
    covers!(GET "/_matrix/client/v3/sync");
    let (alice, bob, _, room) = three(false);
    let root = alice.say(&room, "root");
    let in_thread = |words: &str| {
        let mut content = message(words);
        content["m.relates_to"] = json!({ "rel_type": "m.thread", "event_id": root });
        alice.send(&room, "m.room.message", &content)
    };
    in_thread("1");
    let last = in_thread("2");
    let filter = json!({ "room": { "timeline": { "unread_thread_notifications": true } } });
    let query = path!("timeout=0&filter={}", filter);
    let shows = |main: u64, thread: u64| {
        spec_tests::sync_until::eventually(|| {
            let response = bob.sync(&query);
            counts(&room, main, 0)(&response)?;
            let threads = at(
                &response,
                &["rooms", "join", &room, "unread_thread_notifications"],
            );
            match threads[&root]["notification_count"].as_u64().unwrap_or(0) {
                count if count == thread => Ok(()),
                _ => Err(format!("threads: {threads}")),
            }
        });
    };
    shows(1, 2);
    // Without the filter everything is in one number.
    must_count(&bob, &room, 3, 0);
    bob.read(&room, "m.read", &last, Some(&root));
    shows(1, 0);
    bob.read(&room, "m.read", &root, Some("main"));
    shows(0, 0);
}

#[test]
fn an_invite_highlights_nothing_in_other_rooms() {
    covers!(GET "/_matrix/client/v3/sync");
    let (alice, bob, _, room) = three(false);
    let other = alice.private_room();
    alice.invite(&other, &bob);
    must_count(&bob, &room, 0, 0);
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#ignoring-users)
#[test]
fn ignored_users_do_not_count() {
    covers!(GET "/_matrix/client/v3/sync");
    let (alice, bob, carol, room) = three(false);
    let ignored = json!({ "ignored_users": { &alice.id: {} } });
    bob.set_account_data("m.ignored_user_list", &ignored);
    alice.say_all(&room, &["1", "2"]);
    alice.send(&room, "m.room.message", &mention("look", &bob));
    carol.say(&room, "3");
    must_count(&bob, &room, 1, 0);
    must_count(&carol, &room, 0, 0);
}

#[test]
fn redacted_messages_count_no_longer() {
    covers!(GET "/_matrix/client/v3/sync", PUT "/_matrix/client/v3/rooms/{roomId}/redact/{eventId}/{txnId}");
    let (alice, bob, _, room) = three(false);
    let words = alice.say_all(&room, &["1", "2"]);
    let mention = alice.send(&room, "m.room.message", &mention("look", &bob));
    must_count(&bob, &room, 3, 1);
    alice.redact(&room, &mention);
    must_count(&bob, &room, 2, 0);
    alice.redact(&room, &words[0]);
    must_count(&bob, &room, 1, 0);
}

#[test]
fn a_muted_room_does_not_count() {
    covers!(GET "/_matrix/client/v3/sync", PUT "/_matrix/client/v3/pushrules/global/{kind}/{ruleId}");
    let (alice, bob, carol, room) = three(false);
    let mute = path!("/v3/pushrules/global/room/{}", room);
    bob.put(&mute, &json!({ "actions": [] })).ok();
    alice.say_all(&room, &["1", "2"]);
    must_count(&bob, &room, 0, 0);
    must_count(&carol, &room, 2, 0);
    bob.delete(&mute).ok();
    alice.say(&room, "3");
    must_count(&bob, &room, 1, 0);
}
