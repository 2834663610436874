//! Administrating accounts through the API that Synapse's tools use.

use std::sync::OnceLock;

use serde_json::{Value, json};
use spec_tests::{
    User, covers, homeserver,
    must::{must_contain, must_find, must_not_find, text},
    path,
    server::unique,
    sync_until::eventually,
};

/// An administrator, where the suite knows the server's secret.
pub(crate) fn admin() -> Option<User> {
    static ADMIN: OnceLock<Option<User>> = OnceLock::new();
    ADMIN
        .get_or_init(|| homeserver().register_with_secret("admin", true))
        .clone()
}

fn of(user: &str) -> String {
    path!("/_synapse/admin/v2/users/{}", user)
}

fn v1(user: &User, what: &str) -> String {
    format!("{}/{what}", path!("/_synapse/admin/v1/users/{}", user.id))
}

#[test]
fn an_account_is_made_changed_and_closed() {
    covers!(POST "/_matrix/client/v3/login");
    let Some(admin) = admin() else { return };
    let name = unique("made");
    let id = format!("@{name}:{}", homeserver().server_name());
    let wish = json!({ "password": "a password of 1", "displayname": "Made", "threepids": [] });
    let reply = admin.put(&of(&id), &wish);
    assert_eq!(reply.status, 201, "{reply}");
    must_contain(
        &reply.ok(),
        &json!({ "name": id, "displayname": "Made", "admin": false, "deactivated": false }),
    );
    let login = |password: &str| {
        let body = json!({
            "type": "m.login.password",
            "identifier": { "type": "m.id.user", "user": name },
            "password": password,
        });
        homeserver().post("/v3/login", &body)
    };
    let made = User::from_sign_in(&homeserver(), &login("a password of 1").ok(), "");
    let reply = admin.put(
        &of(&id),
        &json!({ "password": "a password of 2", "admin": true }),
    );
    assert_eq!(reply.status, 200, "{reply}");
    // By default a new password signs all devices out.
    made.get("/v3/account/whoami")
        .must_fail(401, "M_UNKNOWN_TOKEN");
    login("a password of 1").must_fail(403, "M_FORBIDDEN");
    let made = User::from_sign_in(&homeserver(), &login("a password of 2").ok(), "");
    assert_eq!(made.get(&v1(&admin, "admin")).ok()["admin"], true);

    // Synapse fails inside where it has no identity server to tell.
    if homeserver().is_synapse() {
        return;
    }
    admin.put(&of(&id), &json!({ "deactivated": true })).ok();
    assert_eq!(admin.get(&of(&id)).ok()["deactivated"], true);
    let refused = login("a password of 2");
    assert_eq!(refused.status, 403, "{refused}");
    let opened = json!({ "deactivated": false, "password": "a password of 3" });
    admin.put(&of(&id), &opened).ok();
    login("a password of 3").ok();
}

#[test]
fn administrators_do_not_demote_themselves() {
    let Some(admin) = admin() else { return };
    let reply = admin.put(&v1(&admin, "admin"), &json!({ "admin": false }));
    assert_eq!(reply.status, 400, "{reply}");
    let reply = admin.put(&of(&admin.id), &json!({ "admin": false }));
    assert_eq!(reply.status, 400, "{reply}");
    assert_eq!(admin.get(&v1(&admin, "admin")).ok()["admin"], true);
}

#[test]
fn an_ordinary_user_becomes_an_administrator_and_back() {
    let Some(admin) = admin() else { return };
    let alice = homeserver().register("alice");
    let list = "/_synapse/admin/v2/users?limit=1";
    alice.get(list).must_fail(403, "M_FORBIDDEN");
    admin
        .put(&v1(&alice, "admin"), &json!({ "admin": true }))
        .ok();
    alice.get(list).ok();
    admin
        .put(&v1(&alice, "admin"), &json!({ "admin": false }))
        .ok();
    alice.get(list).must_fail(403, "M_FORBIDDEN");
}

#[test]
fn no_account_is_made_under_another_name_than_the_one_asked_for() {
    let Some(admin) = admin() else { return };
    let name = unique("small");
    let server = homeserver();
    let capital = format!("@{}:{}", name.to_uppercase(), server.server_name());
    let wish = json!({ "password": "a password of 1" });
    admin
        .put(&of(&capital), &wish)
        .must_fail(400, "M_INVALID_USERNAME");
    let small = format!("@{name}:{}", server.server_name());
    admin.get(&of(&small)).must_fail(404, "M_NOT_FOUND");
}

#[test]
fn the_type_of_a_user_is_kept_until_it_is_taken_away() {
    let Some(admin) = admin() else { return };
    let alice = homeserver().register("alice");
    let change = |body| admin.put(&of(&alice.id), &body);
    assert_eq!(
        change(json!({ "user_type": "bot" })).ok()["user_type"],
        "bot"
    );
    assert_eq!(change(json!({ "admin": false })).ok()["user_type"], "bot");
    change(json!({ "user_type": "no such type" })).must_be(400);
    let ordinary = change(json!({ "user_type": null })).ok();
    assert_eq!(ordinary["user_type"], Value::Null);
}

#[test]
fn the_list_is_searched_sorted_and_paged() {
    let Some(admin) = admin() else { return };
    let stem = unique("listed");
    let users: Vec<_> = (0..3).map(|_| homeserver().register(&stem)).collect();
    users[1].set_display_name(&format!("zoë {stem}"));
    let list = |query: &str| {
        let path = format!("/_synapse/admin/v2/users?name={stem}&{query}");
        admin.get(&path).ok()
    };
    let names = |answer: &Value| -> Vec<String> {
        let users = answer["users"].as_array().unwrap();
        users.iter().map(|user| text(&user["name"])).collect()
    };
    let first = list("limit=2&order_by=name&dir=f");
    assert_eq!((&first["total"], names(&first).len()), (&json!(3), 2));
    let token = text(&first["next_token"]);
    let second = list(&format!("limit=2&order_by=name&dir=f&from={token}"));
    assert_eq!(names(&second).len(), 1);
    assert!(second.get("next_token").is_none(), "{second}");
    let mut all = names(&first);
    all.extend(names(&second));
    let mut sorted = all.clone();
    sorted.sort();
    assert_eq!(all, sorted);
    let mut backwards = names(&list("order_by=name&dir=b"));
    backwards.reverse();
    assert_eq!(backwards, sorted);
    let by_display_name = list("order_by=displayname&dir=b");
    assert_eq!(names(&by_display_name)[0], users[1].id);
    let by_id = admin
        .get(&format!(
            "/_synapse/admin/v2/users?user_id={}",
            users[2].localpart
        ))
        .ok();
    assert_eq!(names(&by_id), [users[2].id.clone()]);
    let row = must_find(
        &by_id["users"],
        &json!({ "admin": false, "deactivated": false }),
    );
    assert!(
        row["creation_ts"].as_u64() > Some(1_600_000_000_000),
        "{row}"
    );
}

#[test]
fn closed_accounts_are_listed_when_they_are_asked_for() {
    let Some(admin) = admin() else { return };
    let alice = homeserver().register("closed");
    let path = path!("/_synapse/admin/v1/deactivate/{}", alice.id);
    let answer = admin.post(&path, &json!({ "erase": true })).ok();
    assert_eq!(answer["id_server_unbind_result"], "success");
    let list = |version: &str, query: &str| {
        let path = format!(
            "/_synapse/admin/{version}/users?user_id={}&{query}",
            alice.localpart
        );
        admin.get(&path).ok()["total"].clone()
    };
    assert_eq!(list("v2", ""), 0);
    assert_eq!(list("v2", "deactivated=true"), 1);
    assert_eq!(list("v3", ""), 1);
    assert_eq!(list("v3", "deactivated=true"), 1);
    assert_eq!(list("v3", "deactivated=false"), 0);
    assert_eq!(admin.get(&of(&alice.id)).ok()["erased"], true);
}

#[test]
fn a_password_is_reset_with_and_without_signing_out() {
    let Some(admin) = admin() else { return };
    let alice = homeserver().register("alice");
    let reset = |password: &str, logout: bool| {
        let path = path!("/_synapse/admin/v1/reset_password/{}", alice.id);
        let body = json!({ "new_password": password, "logout_devices": logout });
        admin.post(&path, &body).ok();
    };
    reset("another password", false);
    alice.get("/v3/account/whoami").ok();
    reset("a third password", true);
    alice
        .get("/v3/account/whoami")
        .must_fail(401, "M_UNKNOWN_TOKEN");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#account-suspension)
#[test]
fn suspended_and_locked_accounts_are_held_back() {
    let Some(admin) = admin() else { return };
    let alice = homeserver().register("alice");
    let suspend = path!("/_synapse/admin/v1/suspend/{}", alice.id);
    admin.put(&suspend, &json!({ "suspend": true })).ok();
    assert_eq!(admin.get(&of(&alice.id)).ok()["suspended"], true);
    // Which acts a suspended user is denied is partly the server's choice.
    if !homeserver().is_synapse() {
        let refused = alice.try_upload("text/plain", "a.txt", b"text");
        refused.must_be(403);
    }
    admin.put(&suspend, &json!({ "suspend": false })).ok();
    alice.try_upload("text/plain", "a.txt", b"text").ok();
    admin.put(&of(&alice.id), &json!({ "locked": true })).ok();
    alice
        .get("/v3/account/whoami")
        .must_fail(401, "M_USER_LOCKED");
    admin.put(&of(&alice.id), &json!({ "locked": false })).ok();
    alice.get("/v3/account/whoami").ok();
}

#[test]
fn devices_are_listed_named_and_removed() {
    let Some(admin) = admin() else { return };
    let alice = homeserver().register("alice");
    let (second, third) = (alice.new_device(), alice.new_device());
    let devices = format!("{}/devices", of(&alice.id));
    let list = admin.get(&devices).ok();
    assert_eq!(list["total"], 3);
    must_find(
        &list["devices"],
        &json!({ "device_id": second.device_id, "user_id": alice.id }),
    );
    let one = format!("{devices}/{}", second.device_id);
    admin
        .put(&one, &json!({ "display_name": "Telephone" }))
        .ok();
    assert_eq!(admin.get(&one).ok()["display_name"], "Telephone");
    admin.delete(&one).ok();
    admin.get(&one).must_fail(404, "M_NOT_FOUND");
    let made = admin.post(&devices, &json!({ "device_id": second.device_id }));
    assert_eq!(made.status, 201, "{made}");
    assert_eq!(admin.get(&one).ok()["device_id"], second.device_id.as_str());
    admin.delete(&one).ok();
    second
        .get("/v3/account/whoami")
        .must_fail(401, "M_UNKNOWN_TOKEN");
    let several = json!({ "devices": [third.device_id, "UNKNOWN"] });
    let delete = format!("{}/delete_devices", of(&alice.id));
    admin.post(&delete, &several).ok();
    assert_eq!(admin.get(&devices).ok()["total"], 1);
    alice.get("/v3/account/whoami").ok();
}

#[test]
fn rooms_and_sessions_of_a_user_are_told() {
    let Some(admin) = admin() else { return };
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    let rooms = admin.get(&v1(&alice, "joined_rooms")).ok();
    assert_eq!(rooms, json!({ "joined_rooms": [room], "total": 1 }));
    let whois = admin
        .get(&path!("/_synapse/admin/v1/whois/{}", alice.id))
        .ok();
    assert_eq!(whois["user_id"], alice.id);
    assert!(whois["devices"].is_object(), "{whois}");
    let pushers = admin.get(&v1(&alice, "pushers")).ok();
    assert_eq!(pushers, json!({ "pushers": [], "total": 0 }));
    alice.set_account_data("test.kind", &json!({ "a": 1 }));
    let data = admin.get(&v1(&alice, "accountdata")).ok();
    assert_eq!(
        data["account_data"]["global"]["test.kind"],
        json!({ "a": 1 })
    );
}

#[test]
fn names_are_free_or_taken() {
    let Some(admin) = admin() else { return };
    let alice = homeserver().register("alice");
    let ask = |name: &str| {
        admin.get(&format!(
            "/_synapse/admin/v1/username_available?username={name}"
        ))
    };
    assert_eq!(ask(&unique("free")).ok()["available"], true);
    ask(&alice.localpart).must_fail(400, "M_USER_IN_USE");
}

#[test]
fn everything_that_a_user_said_is_redacted() {
    covers!(GET "/_matrix/client/v3/rooms/{roomId}/event/{eventId}");
    let Some(admin) = admin() else { return };
    let (alice, bob) = (homeserver().register("alice"), homeserver().register("bob"));
    let room = alice.room_with(&[&bob]);
    let said = bob.say_all(&room, &["one", "two"]);
    let kept = alice.say(&room, "kept");
    let path = path!("/_synapse/admin/v1/user/{}/redact", bob.id);
    let body = json!({ "rooms": [], "reason": "spam" });
    let id = text(&admin.post(&path, &body).ok()["redact_id"]);
    let status = eventually(|| {
        let status = admin
            .get(&format!("/_synapse/admin/v1/user/redact_status/{id}"))
            .ok();
        match status["status"].as_str() {
            Some("complete") => Ok(status),
            _ => Err(status.to_string()),
        }
    });
    assert_eq!(status["failed_redactions"], json!({}));
    for event in said {
        let event = alice.event(&room, &event).ok();
        assert_eq!(event["content"], json!({}), "{event}");
        assert_eq!(
            event["unsigned"]["redacted_because"]["content"]["reason"],
            "spam"
        );
    }
    assert_eq!(alice.event(&room, &kept).ok()["content"]["body"], "kept");
}

#[test]
fn nobody_signs_in_as_somebody_else() {
    let Some(admin) = admin() else { return };
    if homeserver().is_synapse() {
        return;
    }
    let alice = homeserver().register("alice");
    admin
        .post(&v1(&alice, "login"), &json!({}))
        .must_fail(403, "M_FORBIDDEN");
}

#[test]
fn registration_tokens_are_made_changed_and_removed() {
    let Some(admin) = admin() else { return };
    let all = "/_synapse/admin/v1/registration_tokens";
    let token = unique("token");
    let made = admin
        .post(
            &format!("{all}/new"),
            &json!({ "token": token, "uses_allowed": 3 }),
        )
        .ok();
    let expected = json!({
        "token": token, "uses_allowed": 3, "pending": 0, "completed": 0, "expiry_time": null,
    });
    assert_eq!(made, expected);
    let again = admin.post(&format!("{all}/new"), &json!({ "token": token }));
    assert_eq!(again.status, 400, "{again}");
    let one = format!("{all}/{token}");
    assert_eq!(admin.get(&one).ok(), expected);
    let later = 4_102_444_800_000_u64;
    let changed = admin
        .put(&one, &json!({ "uses_allowed": null, "expiry_time": later }))
        .ok();
    must_contain(
        &changed,
        &json!({ "uses_allowed": null, "expiry_time": later }),
    );
    let past = admin.put(&one, &json!({ "expiry_time": 1 }));
    assert_eq!(past.status, 400, "{past}");
    let valid = admin.get(&format!("{all}?valid=true")).ok();
    must_find(&valid["registration_tokens"], &json!({ "token": token }));
    let invalid = admin.get(&format!("{all}?valid=false")).ok();
    must_not_find(&invalid["registration_tokens"], &json!({ "token": token }));
    let random = admin
        .post(&format!("{all}/new"), &json!({ "length": 32 }))
        .ok();
    assert_eq!(text(&random["token"]).len(), 32);
    admin.delete(&one).ok();
    admin.get(&one).must_fail(404, "M_NOT_FOUND");
    admin.delete(&one).must_fail(404, "M_NOT_FOUND");
}
