//! Whose devices have changed: never missed, never told without a reason.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#tracking-the-device-list-for-a-user)

use serde_json::{Value, json};
use spec_tests::{
    Homeserver, Settings, User, covers,
    crypto::{CrossSigning, Device},
    homeserver,
    matchers::{Verdict, items},
    must::text,
    path,
};

fn upload_keys(user: &User) {
    let body = json!({ "device_keys": Device::of(user).keys() });
    user.post("/v3/keys/upload", &body).ok();
}

fn told<'a>(list: &'a str, whom: &'a User) -> impl Fn(&Value) -> Verdict + use<'a> {
    move |response| match is_in(response, list, whom) {
        true => Ok(()),
        false => Err(format!("not in {list}: {}", response["device_lists"])),
    }
}

fn is_in(response: &Value, list: &str, whom: &User) -> bool {
    items(&response["device_lists"][list]).contains(&json!(whom.id))
}

fn met(server: &Homeserver) -> (User, User, String) {
    let (alice, bob) = (server.register("alice"), server.register("bob"));
    upload_keys(&alice);
    upload_keys(&bob);
    let room = alice.room_with(&[&bob]);
    (alice, bob, room)
}

/// What `act` of Alice's tells Bob.
fn tells_bob(act: impl FnOnce(&User)) {
    let (alice, bob, _) = met(&homeserver());
    let before = bob.initial_sync();
    act(&alice);
    let after = bob.must_see_after(&before, told("changed", &alice));
    let next = bob.sync_after(&after);
    assert!(!is_in(&next, "changed", &alice), "told twice: {next}");
}

#[test]
fn a_new_device_is_told() {
    covers!(GET "/_matrix/client/v3/sync", POST "/_matrix/client/v3/login");
    tells_bob(|alice| drop(alice.new_device()));
}

#[test]
fn a_renamed_device_is_told() {
    covers!(GET "/_matrix/client/v3/sync", PUT "/_matrix/client/v3/devices/{deviceId}");
    tells_bob(|alice| {
        let path = path!("/v3/devices/{}", alice.device_id);
        let name = json!({ "display_name": "Phone" });
        alice.put(&path, &name).ok();
    });
}

#[test]
fn new_cross_signing_keys_are_told() {
    covers!(GET "/_matrix/client/v3/sync", POST "/_matrix/client/v3/keys/device_signing/upload");
    tells_bob(|alice| {
        let keys = CrossSigning::of(alice).upload_body();
        let path = "/v3/keys/device_signing/upload";
        alice.with_password("POST", path, &keys).ok();
    });
}

#[test]
fn replaced_cross_signing_keys_are_told() {
    covers!(GET "/_matrix/client/v3/sync", POST "/_matrix/client/v3/keys/device_signing/upload");
    let (alice, bob, _) = met(&homeserver());
    let replace = || {
        let keys = CrossSigning::of(&alice).upload_body();
        let path = "/v3/keys/device_signing/upload";
        alice.with_password("POST", path, &keys).ok();
    };
    replace();
    let before = bob.initial_sync();
    replace();
    bob.must_see_after(&before, told("changed", &alice));
}

/// Who changed devices while no room was shared is told once one is shared again.
#[test]
fn somebody_who_comes_back_is_told() {
    covers!(GET "/_matrix/client/v3/sync");
    let (alice, bob, room) = met(&homeserver());
    let before = bob.initial_sync();
    alice.leave(&room);
    let parted = bob.must_see_after(&before, told("left", &alice));
    upload_keys(&alice.new_device());
    let meanwhile = bob.sync_after(&parted);
    assert!(!is_in(&meanwhile, "changed", &alice), "{meanwhile}");
    alice.join(&room);
    bob.must_see_after(&meanwhile, told("changed", &alice));
}

/// All in one answer: who leaves and comes back is still followed.
#[test]
fn leaving_and_joining_again_between_two_answers_is_a_change() {
    covers!(GET "/_matrix/client/v3/sync");
    let (alice, bob, room) = met(&homeserver());
    let before = bob.initial_sync();
    alice.leave(&room);
    alice.join(&room);
    let after = bob.must_see_after(&before, told("changed", &alice));
    assert!(!is_in(&after, "left", &alice), "{after}");
}

#[test]
fn somebody_who_shares_another_room_has_not_left() {
    covers!(GET "/_matrix/client/v3/sync");
    let (alice, bob, room) = met(&homeserver());
    alice.room_with(&[&bob]);
    let before = bob.initial_sync();
    alice.leave(&room);
    let marker = alice.room_with(&[&bob]);
    let after = bob.must_see_after(&before, spec_tests::matchers::joined(&marker));
    assert!(!is_in(&after, "left", &alice), "{after}");
}

/// Somebody else went before the user did: both are gone.
#[test]
fn those_who_went_before_the_user_went_have_left_too() {
    covers!(GET "/_matrix/client/v3/sync");
    let (alice, bob, room) = met(&homeserver());
    let carol = homeserver().register("carol");
    upload_keys(&carol);
    carol.join(&room);
    let before = bob.initial_sync();
    alice.leave(&room);
    bob.leave(&room);
    let after = bob.must_see_after(&before, told("left", &carol));
    assert!(is_in(&after, "left", &alice), "{after}");
}

/// Who went while the user was away is not in the room that the user comes back to.
#[test]
fn those_who_went_while_the_user_was_away_have_left() {
    covers!(GET "/_matrix/client/v3/sync");
    let (alice, bob, room) = met(&homeserver());
    let carol = homeserver().register("carol");
    carol.join(&room);
    let before = bob.initial_sync();
    bob.leave(&room);
    alice.leave(&room);
    bob.join(&room);
    let after = bob.must_see_after(&before, told("changed", &carol));
    assert!(is_in(&after, "left", &alice), "{after}");
}

#[test]
fn both_kinds_of_sync_tell_the_same() {
    covers!(POST "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync");
    let (alice, bob, room) = met(&homeserver());
    let mut connection = bob.sliding_sync("encryption");
    let body = json!({ "extensions": { "e2ee": { "enabled": true } } });
    connection.next(&body);
    upload_keys(&alice.new_device());
    let lists = |response: &Value, list: &str| {
        items(&response["extensions"]["e2ee"]["device_lists"][list]).contains(&json!(alice.id))
    };
    connection.must_see(&body, |response| match lists(response, "changed") {
        true => Ok(()),
        false => Err(response["extensions"].to_string()),
    });
    alice.leave(&room);
    connection.must_see(&body, |response| match lists(response, "left") {
        true => Ok(()),
        false => Err(response["extensions"].to_string()),
    });
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3keyschanges)
#[test]
fn key_changes_tell_who_came_and_went() {
    covers!(GET "/_matrix/client/v3/keys/changes");
    let (alice, bob, room) = met(&homeserver());
    let carol = homeserver().register("carol");
    let start = bob.initial_sync();
    alice.leave(&room);
    carol.join(&room);
    let end = bob.must_see_after(&start, told("changed", &carol));
    let tokens = [&start, &end].map(|sync| text(&sync["next_batch"]));
    let path = path!("/v3/keys/changes?from={}&to={}", tokens[0], tokens[1]);
    let changes = json!({ "device_lists": bob.get(&path).ok() });
    assert!(is_in(&changes, "changed", &carol), "{changes}");
    assert!(is_in(&changes, "left", &alice), "{changes}");
}

#[test]
fn key_changes_need_tokens() {
    covers!(GET "/_matrix/client/v3/keys/changes");
    let alice = homeserver().register("alice");
    for query in ["", "?from=nonsense&to=nonsense"] {
        let answer = alice.get(&format!("/v3/keys/changes{query}"));
        assert_eq!(answer.status, 400, "{query}: {answer}");
    }
}

#[test]
fn changes_are_not_lost_when_the_server_starts_anew() {
    covers!(GET "/_matrix/client/v3/sync", GET "/_matrix/client/v3/keys/changes");
    let Some(server) = Homeserver::own(&Settings::default()) else {
        return;
    };
    let (alice, bob, room) = met(&server);
    let carol = server.register("carol");
    carol.join(&room);
    let before = bob.initial_sync();
    alice.new_device();
    carol.leave(&room);
    server.kill_and_restart();
    let after = bob.must_see_after(&before, told("changed", &alice));
    assert!(is_in(&after, "left", &carol), "{after}");
    let next = bob.sync_after(&after);
    assert!(!is_in(&next, "changed", &alice), "{next}");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#cross-signing)
#[test]
fn device_ids_and_cross_signing_keys_are_kept_apart() {
    covers!(POST "/_matrix/client/v3/keys/device_signing/upload");
    let alice = homeserver().register("alice");
    let keys = CrossSigning::of(&alice);
    let mut login = alice.login_body();
    login["device_id"] = json!(keys.self_signing.public());
    homeserver().post("/v3/login", &login).ok();
    let path = "/v3/keys/device_signing/upload";
    let answer = alice.with_password("POST", path, &keys.upload_body());
    answer.must_fail(403, "M_FORBIDDEN");
}
