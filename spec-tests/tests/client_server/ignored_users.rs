//! Ignoring users.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#ignoring-users)

use serde_json::{Value, json};
use spec_tests::{
    User, covers, homeserver,
    matchers::{at, bodies, both, invited, items, joined_room_has, timeline_has},
    path,
};

use crate::sliding_sync::list;

fn ignore(user: &User, whom: &[&User]) {
    let users: serde_json::Map<String, Value> =
        whom.iter().map(|one| (one.id.clone(), json!({}))).collect();
    user.set_account_data("m.ignored_user_list", &json!({ "ignored_users": users }));
}

fn said(words: &str) -> Value {
    json!({ "content": { "body": words } })
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#ignoring-users)
#[test]
fn messages_of_ignored_users_are_left_out_of_the_next_sync_and_their_state_is_not() {
    covers!(GET "/_matrix/client/v3/sync");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let carol = homeserver().register("carol");
    let room = alice.room_with(&[&bob, &carol]);
    let before = alice.initial_sync();
    ignore(&alice, &[&bob]);
    bob.say(&room, "you do not hear me");
    bob.set_display_name("Bob the Ignored");
    carol.say(&room, "you hear me");
    let name = json!({ "type": "m.room.member", "content": { "displayname": "Bob the Ignored" } });
    let seen = both(
        timeline_has(&room, said("you hear me")),
        timeline_has(&room, name),
    );
    let mut since = before;
    let mut heard = Vec::new();
    // The events may come in more than one response.
    loop {
        let response = alice.must_see_after(&since, |response| {
            match response["rooms"]["join"].get(&room) {
                Some(_) => Ok(()),
                None => Err("no room".to_owned()),
            }
        });
        let events = at(&response, &["rooms", "join", &room, "timeline", "events"]);
        heard.extend(bodies(events).into_iter().map(str::to_owned));
        if heard.iter().any(|words| words == "you hear me") {
            break;
        }
        since = response;
    }
    assert_eq!(heard, ["you hear me"]);
    let all = alice.initial_sync();
    spec_tests::must::must(&all, seen);
    let events = at(&all, &["rooms", "join", &room, "timeline", "events"]);
    assert!(!bodies(events).contains(&"you do not hear me"));
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#ignoring-users)
#[test]
fn who_is_no_longer_ignored_is_heard_again() {
    covers!(GET "/_matrix/client/v3/sync");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.room_with(&[&bob]);
    ignore(&alice, &[&bob]);
    bob.say(&room, "missed");
    let before = alice.initial_sync();
    ignore(&alice, &[]);
    bob.say(&room, "heard");
    alice.must_see_after(&before, timeline_has(&room, said("heard")));
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#ignoring-users)
#[test]
fn invitations_by_ignored_users_are_not_shown() {
    covers!(GET "/_matrix/client/v3/sync");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let carol = homeserver().register("carol");
    ignore(&alice, &[&bob]);
    let unwanted = bob.private_room();
    bob.invite(&unwanted, &alice);
    let wanted = carol.private_room();
    carol.invite(&wanted, &alice);
    let seen = alice.must_see(invited(&wanted));
    assert!(seen["rooms"]["invite"].get(&unwanted).is_none());
    if !alice.server.is_synapse() {
        let response = alice.sliding_sync("c").next(&list(0, 9));
        assert!(response["rooms"].get(&unwanted).is_none(), "{response}");
        assert!(response["rooms"].get(&wanted).is_some(), "{response}");
    }
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#ignoring-users)
#[test]
fn receipts_and_typing_of_ignored_users_are_not_told() {
    covers!(GET "/_matrix/client/v3/sync");
    let alice = homeserver().register("alice");
    if alice.server.is_synapse() {
        return;
    }
    let bob = homeserver().register("bob");
    let carol = homeserver().register("carol");
    let room = alice.room_with(&[&bob, &carol]);
    let event = alice.say(&room, "hello");
    ignore(&alice, &[&bob]);
    let before = alice.initial_sync();
    bob.typing(&room, true);
    bob.read(&room, "m.read", &event, None);
    carol.typing(&room, true);
    let typing = json!({ "type": "m.typing", "content": { "user_ids": [carol.id] } });
    let seen = alice.must_see_after(&before, joined_room_has(&room, "ephemeral", typing));
    let ephemeral = at(&seen, &["rooms", "join", &room, "ephemeral", "events"]);
    assert!(
        items(ephemeral)
            .iter()
            .all(|event| !event.to_string().contains(&bob.id)),
        "{ephemeral}"
    );
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#ignoring-users)
#[test]
fn nobody_can_ignore_themself() {
    covers!(GET "/_matrix/client/v3/sync");
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    let path = path!("/v3/user/{}/account_data/m.ignored_user_list", alice.id);
    let oneself = json!({ "ignored_users": { &alice.id: {} } });
    // Servers may also refuse such a list.
    let stored = alice.put(&path, &oneself);
    assert!([200, 400].contains(&stored.status), "{stored}");
    let before = alice.initial_sync();
    alice.say(&room, "myself");
    alice.must_see_after(&before, timeline_has(&room, said("myself")));
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#ignoring-users)
#[test]
fn a_list_that_makes_no_sense_ignores_nobody() {
    covers!(GET "/_matrix/client/v3/sync");
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    for nonsense in [
        json!({}),
        json!({ "ignored_users": [alice.id] }),
        json!({ "ignored_users": { "nobody": 5 } }),
    ] {
        alice.set_account_data("m.ignored_user_list", &nonsense);
        alice.say(&room, "still here");
        spec_tests::must::must(
            &alice.initial_sync(),
            timeline_has(&room, said("still here")),
        );
    }
}
