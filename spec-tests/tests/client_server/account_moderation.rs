//! Locking and suspending accounts.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#account-moderation)

use serde_json::{Value, json};
use spec_tests::{Reply, User, covers, homeserver, must::must_contain, path, user::rooms::message};

fn lock(admin: &User, target: &str, locked: bool) -> Reply {
    let path = path!("/v1/admin/lock/{}", target);
    admin.put(&path, &json!({ "locked": locked }))
}

fn suspend(admin: &User, target: &str, suspended: bool) -> Reply {
    let path = path!("/v1/admin/suspend/{}", target);
    admin.put(&path, &json!({ "suspended": suspended }))
}

/// An administrator and two others; none where nobody can become an administrator.
fn people() -> Option<(User, User, User)> {
    let admin = homeserver().register_admin()?;
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    Some((admin, alice, bob))
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#account-locking)
#[test]
fn a_locked_user_can_sign_out_and_nothing_else() {
    covers!(
        PUT "/_matrix/client/v1/admin/lock/{userId}",
        GET "/_matrix/client/v1/admin/lock/{userId}",
    );
    let Some((admin, alice, _)) = people() else {
        return;
    };
    let laptop = alice.new_device();
    let path = path!("/v1/admin/lock/{}", alice.id);
    assert_eq!(admin.get(&path).ok(), json!({ "locked": false }));
    assert_eq!(
        lock(&admin, &alice.id, true).ok(),
        json!({ "locked": true })
    );
    assert_eq!(admin.get(&path).ok(), json!({ "locked": true }));
    for path in ["/v3/account/whoami", "/v3/sync?timeout=0", "/v3/devices"] {
        let refused = alice.get(path).must_fail(401, "M_USER_LOCKED");
        assert_eq!(refused["soft_logout"], true);
    }
    alice
        .server
        .post("/v3/login", &alice.login_body())
        .must_fail(401, "M_USER_LOCKED");
    laptop.post("/v3/logout", &json!({})).ok();
    // The other session was kept.
    lock(&admin, &alice.id, false).ok();
    alice.get("/v3/account/whoami").ok();
    lock(&admin, &alice.id, true).ok();
    alice.post("/v3/logout/all", &json!({})).ok();
    lock(&admin, &alice.id, false).ok();
    alice
        .get("/v3/account/whoami")
        .must_fail(401, "M_UNKNOWN_TOKEN");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#account-locking)
#[test]
fn a_wrong_password_does_not_tell_that_an_account_is_locked() {
    covers!(POST "/_matrix/client/v3/login");
    let Some((admin, alice, _)) = people() else {
        return;
    };
    lock(&admin, &alice.id, true).ok();
    let mut body = alice.login_body();
    body["password"] = json!("wrong");
    alice
        .server
        .post("/v3/login", &body)
        .must_fail(403, "M_FORBIDDEN");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#account-locking)
#[test]
fn a_lock_ends_a_sync_that_waits() {
    covers!(GET "/_matrix/client/v3/sync");
    let Some((admin, alice, _)) = people() else {
        return;
    };
    if alice.server.is_synapse() {
        return;
    }
    let before = alice.initial_sync();
    let query = format!(
        "/v3/sync?timeout=30000&since={}",
        spec_tests::sync_until::since(&before)
    );
    let waiting = {
        let alice = alice.clone();
        std::thread::spawn(move || alice.get(&query))
    };
    // Whether the poll has begun or not: it ends with this answer.
    lock(&admin, &alice.id, true).ok();
    let answer = waiting.join().unwrap();
    assert!(answer.took.as_secs() < 20, "{answer}");
    answer.must_fail(401, "M_USER_LOCKED");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv1adminlockuserid)
#[test]
fn only_administrators_lock_and_suspend_and_only_others() {
    covers!(
        PUT "/_matrix/client/v1/admin/lock/{userId}",
        GET "/_matrix/client/v1/admin/lock/{userId}",
        PUT "/_matrix/client/v1/admin/suspend/{userId}",
        GET "/_matrix/client/v1/admin/suspend/{userId}",
    );
    let Some((admin, alice, bob)) = people() else {
        return;
    };
    let nobody = format!("@nobody:{}", alice.server.server_name());
    let remote = "@somebody:elsewhere.test";
    for kind in ["lock", "suspend"] {
        let body = json!({ "locked": true, "suspended": true });
        let path = |user: &str| path!("/v1/admin/{}/{}", kind, user);
        for target in [&bob.id, nobody.as_str(), remote] {
            // Who may not do it does not learn which accounts exist.
            alice
                .put(&path(target), &body)
                .must_fail(403, "M_FORBIDDEN");
            alice.get(&path(target)).must_fail(403, "M_FORBIDDEN");
        }
        admin
            .put(&path(&admin.id), &body)
            .must_fail(403, "M_FORBIDDEN");
        admin
            .put(&path(&nobody), &body)
            .must_fail(404, "M_NOT_FOUND");
        admin.get(&path(&nobody)).must_fail(404, "M_NOT_FOUND");
        admin
            .put(&path(remote), &body)
            .must_fail(400, "M_INVALID_PARAM");
        admin.get(&path(remote)).must_fail(400, "M_INVALID_PARAM");
        if let Some(other) = homeserver().register_admin() {
            admin
                .put(&path(&other.id), &body)
                .must_fail(403, "M_FORBIDDEN");
            admin.get(&path(&other.id)).must_fail(403, "M_FORBIDDEN");
        }
        admin.put(&path(&bob.id), &json!({})).must_be(400);
    }
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#account-suspension)
#[test]
fn a_suspended_user_reads_and_leaves_and_redacts_what_is_theirs() {
    covers!(
        PUT "/_matrix/client/v1/admin/suspend/{userId}",
        GET "/_matrix/client/v1/admin/suspend/{userId}",
    );
    let Some((admin, alice, bob)) = people() else {
        return;
    };
    let room = alice.room_with(&[&bob]);
    let (own, theirs) = (alice.say(&room, "mine"), bob.say(&room, "yours"));
    let answer = suspend(&admin, &alice.id, true).ok();
    assert_eq!(answer, json!({ "suspended": true }));
    let state = admin.get(&path!("/v1/admin/suspend/{}", alice.id)).ok();
    assert_eq!(state, json!({ "suspended": true }));

    alice.initial_sync();
    alice.messages(&room, "dir=b");
    alice.redact(&room, &own);
    alice
        .try_redact(&room, &theirs)
        .must_fail(403, "M_USER_SUSPENDED");
    let again = alice.new_device();
    again.get("/v3/account/whoami").ok();
    refused(&again, &room, &bob);
    again.post("/v3/logout", &json!({})).ok();
    alice.leave(&room);

    suspend(&admin, &alice.id, false).ok();
    alice.join(&room);
    alice.say(&room, "I am back");
}

fn refused(alice: &User, room: &str, bob: &User) {
    let suspended = |answer: Reply| answer.must_fail(403, "M_USER_SUSPENDED");
    suspended(alice.try_send(room, "m.room.message", &message("x")));
    suspended(alice.try_join(&bob.public_room()));
    suspended(alice.post(&path!("/v3/join/{}", bob.public_room()), &json!({})));
    suspended(alice.post(&path!("/v3/knock/{}", bob.public_room()), &json!({})));
    suspended(alice.membership("invite", room, bob));
    suspended(alice.post("/v3/createRoom", &json!({})));
    let path = path!("/v3/profile/{}/displayname", alice.id);
    suspended(alice.put(&path, &json!({ "displayname": "x" })));
    suspended(alice.delete(&path));
    let state: Value = json!({ "name": "x" });
    suspended(alice.try_set_state(room, "m.room.name", "", &state));
    // The endpoints of older clients are no way around.
    let name = path!("/_matrix/client/r0/rooms/{}/state/m.room.name/", room);
    suspended(alice.put(&name, &state));
    for version in ["r0", "v3"] {
        let rooms = format!("/_matrix/client/{version}/rooms");
        let post = path!("/{}/send/m.room.message", room);
        suspended(alice.post(&format!("{rooms}{post}"), &message("x")));
    }
    suspended(alice.post("/_matrix/media/v1/create", &json!({})));
    suspended(alice.try_upload("text/plain", "x", b"x"));
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3capabilities)
#[test]
fn only_administrators_have_the_capability_to_moderate_accounts() {
    covers!(GET "/_matrix/client/v3/capabilities");
    let Some((admin, alice, _)) = people() else {
        return;
    };
    let capabilities = |user: &User| user.get("/v3/capabilities").ok()["capabilities"].clone();
    let expected = json!({ "m.account_moderation": { "suspend": true, "lock": true } });
    must_contain(&capabilities(&admin), &expected);
    assert!(
        capabilities(&alice).get("m.account_moderation").is_none(),
        "an ordinary user"
    );
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3adminwhoisuserid)
#[test]
fn whois_tells_administrators_and_oneself_of_devices() {
    covers!(GET "/_matrix/client/v3/admin/whois/{userId}");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let path = path!("/v3/admin/whois/{}", alice.id);
    let own = alice.get(&path).ok();
    assert_eq!(own["user_id"], alice.id);
    bob.get(&path).must_fail(403, "M_FORBIDDEN");
    if let Some(admin) = homeserver().register_admin() {
        let seen = admin.get(&path).ok();
        assert!(seen["devices"].is_object(), "{seen}");
    }
}
