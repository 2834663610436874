//! The user directory.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#user-directory)

use serde_json::{Value, json};
use spec_tests::{
    User, covers, homeserver,
    matchers::items,
    must::{must_find, must_not_find},
    server::unique,
    sync_until::eventually,
};

fn search(user: &User, term: &str) -> Value {
    user.post("/v3/user_directory/search", &json!({ "search_term": term }))
        .ok()
}

/// Waits until somebody is found, or is not any more: servers may take their time.
#[track_caller]
fn wait_until(user: &User, term: &str, whom: &User, found: bool) {
    eventually(|| {
        let answer = search(user, term);
        let mut ids = items(&answer["results"]).iter();
        match ids.any(|person| person["user_id"] == whom.id.as_str()) == found {
            true => Ok(()),
            false => Err(answer.to_string()),
        }
    });
}

#[track_caller]
fn must_find_user(user: &User, term: &str, whom: &User) {
    wait_until(user, term, whom, true);
}

#[track_caller]
fn must_not_find_user(user: &User, term: &str, whom: &User) {
    wait_until(user, term, whom, false);
}

/// A word that nobody else uses.
fn word(stem: &str) -> String {
    unique(stem).replace('-', "")
}

#[test]
fn who_shares_a_room_is_found() {
    covers!(POST "/_matrix/client/v3/user_directory/search");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let carol = homeserver().register("carol");
    let name = word("Robin");
    bob.set_display_name(&name);
    let room = alice.private_room();
    alice.invite(&room, &bob);
    must_not_find_user(&alice, &name, &bob);
    bob.join(&room);
    must_find_user(&alice, &name, &bob);
    must_not_find_user(&carol, &name, &bob);
    bob.leave(&room);
    must_not_find_user(&alice, &name, &bob);
}

#[test]
fn who_is_in_a_public_room_is_found_by_everybody() {
    covers!(POST "/_matrix/client/v3/user_directory/search");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    alice.public_room();
    must_find_user(&bob, &alice.localpart, &alice);
    let answer = search(&bob, &alice.localpart);
    must_find(
        &answer["results"],
        &json!({ "user_id": alice.id, "display_name": alice.localpart }),
    );
    assert_eq!(answer["limited"], false);
}

#[test]
fn who_is_in_a_world_readable_room_is_found_by_everybody() {
    covers!(POST "/_matrix/client/v3/user_directory/search");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.private_room();
    must_not_find_user(&bob, &alice.localpart, &alice);
    let content = json!({ "history_visibility": "world_readable" });
    alice.set_state(&room, "m.room.history_visibility", "", &content);
    must_find_user(&bob, &alice.localpart, &alice);
    let content = json!({ "history_visibility": "shared" });
    alice.set_state(&room, "m.room.history_visibility", "", &content);
    must_not_find_user(&bob, &alice.localpart, &alice);
}

#[test]
fn names_are_found_by_the_beginnings_of_their_words_in_any_case() {
    covers!(POST "/_matrix/client/v3/user_directory/search");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let word = word("Семён");
    alice.set_display_name(&format!("Иван {word}"));
    alice.public_room();
    must_find_user(&bob, &word.to_uppercase(), &alice);
    must_find_user(&bob, &format!("ива {word}"), &alice);
    must_find_user(&bob, &word[..word.len() - 1], &alice);
    must_find_user(&bob, &alice.id, &alice);
}

#[test]
fn a_changed_name_is_found_and_the_old_one_no_longer() {
    covers!(POST "/_matrix/client/v3/user_directory/search");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    alice.public_room();
    let (old, new) = (word("Older"), word("Newer"));
    alice.set_display_name(&old);
    must_find_user(&bob, &old, &alice);
    alice.set_display_name(&new);
    must_find_user(&bob, &new, &alice);
    must_not_find_user(&bob, &old, &alice);
}

#[test]
fn the_name_somebody_has_in_one_room_is_not_shown() {
    covers!(POST "/_matrix/client/v3/user_directory/search");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.public_room();
    let secret = word("Nickname");
    let content = json!({ "membership": "join", "displayname": secret });
    alice.set_state(&room, "m.room.member", &alice.id, &content);
    must_find_user(&bob, &alice.localpart, &alice);
    let answer = search(&bob, &alice.localpart);
    must_not_find(&answer["results"], &json!({ "display_name": secret }));
    must_not_find_user(&bob, &secret, &alice);
}

#[test]
fn more_people_than_asked_for_are_announced() {
    covers!(POST "/_matrix/client/v3/user_directory/search");
    let word = word("flock");
    let alice = homeserver().register("alice");
    let room = alice.public_room();
    let birds: Vec<User> = (0..3).map(|_| homeserver().register(&word)).collect();
    for bird in &birds {
        bird.join(&room);
        must_find_user(&alice, &word, bird);
    }
    let body = json!({ "search_term": word, "limit": 2 });
    let answer = alice.post("/v3/user_directory/search", &body).ok();
    assert_eq!(items(&answer["results"]).len(), 2);
    assert_eq!(answer["limited"], true);
    assert_eq!(search(&alice, &word)["limited"], false);
}

#[test]
fn closed_accounts_are_not_found() {
    covers!(POST "/_matrix/client/v3/user_directory/search");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    alice.public_room();
    must_find_user(&bob, &alice.localpart, &alice);
    alice
        .with_password("POST", "/v3/account/deactivate", &json!({}))
        .ok();
    must_not_find_user(&bob, &alice.localpart, &alice);
}

#[test]
fn an_exact_name_comes_first_and_then_who_shares_a_room() {
    covers!(POST "/_matrix/client/v3/user_directory/search");
    let word = word("warbler");
    let [alice, exact, near, far] =
        ["alice", "a", "b", "c"].map(|stem| homeserver().register(stem));
    exact.set_display_name(&word);
    near.set_display_name(&format!("{word} near"));
    far.set_display_name(&format!("{word} far"));
    let room = alice.private_room();
    alice.invite(&room, &near);
    near.join(&room);
    for user in [&exact, &far] {
        user.public_room();
    }
    for user in [&exact, &near, &far] {
        must_find_user(&alice, &word, user);
    }
    let answer = search(&alice, &word);
    let ids: Vec<_> = items(&answer["results"])
        .iter()
        .map(|person| &person["user_id"])
        .collect();
    assert_eq!(ids, [&exact.id, &near.id, &far.id]);
}

#[test]
fn a_search_needs_a_term_and_a_session() {
    covers!(POST "/_matrix/client/v3/user_directory/search");
    let alice = homeserver().register("alice");
    let path = "/v3/user_directory/search";
    alice.post(path, &json!({})).must_be(400);
    alice.post(path, &json!({ "search_term": 5 })).must_be(400);
    homeserver()
        .post(path, &json!({ "search_term": "x" }))
        .must_fail(401, "M_MISSING_TOKEN");
}
