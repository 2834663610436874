//! Application services.
//! [spec](https://spec.matrix.org/v1.19/application-service-api/)

use serde_json::{Value, json};
use spec_tests::{
    appservice::{Bridge, bridge, hs_token},
    covers,
    http::encode,
    matchers::contains,
    must::text,
    path,
    server::unique,
    sync_until::eventually,
    user::rooms::message,
};

/// [spec](https://spec.matrix.org/v1.19/application-service-api/#identity-assertion)
#[test]
fn a_service_acts_as_itself_or_as_one_of_its_users() {
    covers!(GET "/_matrix/client/v3/account/whoami");
    let Some(bridge) = bridge() else { return };
    let whoami = "/v3/account/whoami";
    let bot = bridge.as_bot("GET", whoami).send().ok();
    assert_eq!(bot["user_id"], "@bridge_bot:spec.test");
    let ghost = bridge.ghost("ghost");
    let acting = bridge.acting(&ghost, "GET", whoami).send().ok();
    assert_eq!(acting["user_id"], ghost.as_str());
    assert!(acting.get("device_id").is_none());
}

#[test]
fn a_service_cannot_act_as_others() {
    covers!(GET "/_matrix/client/v3/account/whoami");
    let Some(bridge) = bridge() else { return };
    let whoami = "/v3/account/whoami";
    let alice = bridge.server.register("alice");
    let other = bridge.acting(&alice.id, "GET", whoami).send();
    other.must_fail(403, "M_FORBIDDEN");
    let nobody = "@bridge_never_registered:spec.test";
    let nobody = bridge.acting(nobody, "GET", whoami).send();
    nobody.must_fail(403, "M_FORBIDDEN");
}

/// [spec](https://spec.matrix.org/v1.19/application-service-api/#server-admin-style-permissions)
#[test]
fn a_service_registers_users_in_its_namespace_only() {
    covers!(POST "/_matrix/client/v3/register");
    let Some(bridge) = bridge() else { return };
    let localpart = unique("bridge_new");
    let made = bridge.register(&localpart).ok();
    assert!(made.get("access_token").is_none());
    bridge.register(&localpart).must_fail(400, "M_USER_IN_USE");
    bridge
        .register(&unique("other"))
        .must_fail(400, "M_EXCLUSIVE");
    let body =
        json!({ "type": "m.login.application_service", "username": unique("bridge_signed_in") });
    let signed_in = bridge
        .as_bot("POST", "/v3/register")
        .json(&body)
        .send()
        .ok();
    assert!(signed_in["access_token"].is_string());
}

#[test]
fn names_of_an_exclusive_namespace_are_kept_for_its_service() {
    covers!(POST "/_matrix/client/v3/register", GET "/_matrix/client/v3/register/available");
    let Some(bridge) = bridge() else { return };
    let username = unique("bridge_mine");
    let body = json!({
        "username": username,
        "password": "a password",
        "auth": { "type": "m.login.dummy" },
    });
    let refused = bridge.server.post("/v3/register", &body);
    refused.must_fail(400, "M_EXCLUSIVE");
    let available = bridge
        .server
        .get(&path!("/v3/register/available?username={}", username));
    available.must_fail(400, "M_EXCLUSIVE");
    // What is not exclusive is anybody's.
    bridge.server.register("silent_one");
}

#[test]
fn registering_as_a_service_takes_its_token() {
    covers!(POST "/_matrix/client/v3/register");
    let Some(bridge) = bridge() else { return };
    let body = json!({ "type": "m.login.application_service", "username": unique("bridge_x") });
    // The specification's schema of this answer knows only questions of the user-interactive authentication.
    let ask = |request: spec_tests::http::Request| request.json(&body).try_send().unwrap();
    let missing = ask(bridge.server.request("POST", "/v3/register"));
    assert_eq!(
        (missing.status, &missing.json["errcode"]),
        (401, &"M_MISSING_TOKEN".into())
    );
    let wrong = ask(bridge.server.request("POST", "/v3/register").token("wrong"));
    assert_eq!(
        (wrong.status, &wrong.json["errcode"]),
        (401, &"M_UNKNOWN_TOKEN".into())
    );
}

#[test]
fn a_service_signs_in_as_its_users() {
    covers!(POST "/_matrix/client/v3/login", GET "/_matrix/client/v3/login");
    let Some(bridge) = bridge() else { return };
    let flows = bridge.server.get("/v3/login").ok();
    let flows = flows["flows"].as_array().expect("flows").clone();
    let offered = flows
        .iter()
        .any(|flow| flow["type"] == "m.login.application_service");
    assert!(offered, "{flows:?}");
    let ghost = bridge.ghost("ghost");
    let login = |user: &str| {
        json!({
            "type": "m.login.application_service",
            "identifier": { "type": "m.id.user", "user": user },
        })
    };
    let signed_in = bridge
        .as_bot("POST", "/v3/login")
        .json(&login(&ghost))
        .send()
        .ok();
    let token = text(&signed_in["access_token"]);
    let whoami = bridge
        .server
        .request("GET", "/v3/account/whoami")
        .token(&token);
    assert_eq!(whoami.send().ok()["user_id"], ghost.as_str());
    bridge
        .server
        .post("/v3/login", &login(&ghost))
        .must_fail(401, "M_MISSING_TOKEN");
    let alice = bridge.server.register("alice");
    let other = bridge
        .as_bot("POST", "/v3/login")
        .json(&login(&alice.id))
        .send();
    assert!(matches!(other.status, 400 | 403), "{other}");
}

#[test]
fn aliases_of_an_exclusive_namespace_are_kept_for_its_service() {
    covers!(PUT "/_matrix/client/v3/directory/room/{roomAlias}", POST "/_matrix/client/v3/createRoom");
    let Some(bridge) = bridge() else { return };
    let alice = bridge.server.register("alice");
    let room = alice.public_room();
    let alias = unique("#bridge_room") + ":spec.test";
    let path = path!("/v3/directory/room/{}", alias);
    let body = json!({ "room_id": room });
    alice.put(&path, &body).must_fail(400, "M_EXCLUSIVE");
    let named = json!({ "room_alias_name": unique("bridge_room") });
    alice
        .post("/v3/createRoom", &named)
        .must_fail(400, "M_EXCLUSIVE");
    // The service need not be in a room to name it.
    bridge.as_bot("PUT", &path).json(&body).send().ok();
    let outside = path!("/v3/directory/room/{}", unique("#outside") + ":spec.test");
    bridge
        .as_bot("PUT", &outside)
        .json(&body)
        .send()
        .must_fail(400, "M_EXCLUSIVE");
}

/// [spec](https://spec.matrix.org/v1.19/application-service-api/#pushing-events)
#[test]
fn a_service_is_told_what_happens_where_its_users_are() {
    covers!(POST "/_matrix/client/v3/rooms/{roomId}/join");
    let Some(bridge) = bridge() else { return };
    let alice = bridge.server.register("alice");
    let elsewhere = alice.public_room();
    let unheard = alice.say(&elsewhere, "nobody hears this");
    let room = bridge.room_with(&alice, &bridge.ghost("ghost"));
    let event = alice.say(&room, "hello");
    let heard = bridge.must_hear(&event);
    let expected = json!({
        "type": "m.room.message",
        "room_id": room,
        "sender": alice.id,
        "content": { "body": "hello" },
    });
    contains(&heard, &expected).unwrap();
    assert!(heard["origin_server_ts"].is_u64());
    assert!(
        !bridge
            .events()
            .iter()
            .any(|event| event["event_id"] == unheard.as_str())
    );
    let authorization = bridge
        .listener
        .must_receive(|request| (request.method == "PUT").then(|| request.authorization.clone()));
    assert_eq!(
        authorization,
        Some(format!("Bearer {}", hs_token(&bridge.id)))
    );
}

#[test]
fn a_service_is_told_of_invitations_and_of_rooms_with_its_aliases() {
    covers!(POST "/_matrix/client/v3/rooms/{roomId}/invite");
    let Some(bridge) = bridge() else { return };
    let alice = bridge.server.register("alice");
    let ghost = bridge.ghost("ghost");
    let room = alice.private_room();
    let invite = json!({ "user_id": ghost });
    alice
        .post(&path!("/v3/rooms/{}/invite", room), &invite)
        .ok();
    eventually(|| {
        let events = bridge.events();
        let invited = events
            .iter()
            .any(|event| event["room_id"] == room.as_str() && event["state_key"] == ghost.as_str());
        invited.then_some(()).ok_or("no invitation".to_owned())
    });
    let named = json!({ "preset": "public_chat", "room_alias_name": unique("bridge_named") });
    let made = bridge
        .as_bot("POST", "/v3/createRoom")
        .json(&named)
        .send()
        .ok();
    let named = text(&made["room_id"]);
    alice.join(&named);
    bridge
        .as_bot("POST", &path!("/v3/rooms/{}/leave", named))
        .json(&json!({}))
        .send()
        .ok();
    bridge.must_hear(&alice.say(&named, "the alias is there still"));
}

/// Takes no transaction with events any more. What else servers tell may have transactions of its own.
fn refuse_events(bridge: &Bridge) {
    bridge
        .listener
        .answer(|request| match request.body["events"].as_array() {
            Some(events) if events.is_empty() => (200, json!({})),
            _ => (503, json!({})),
        });
}

/// A service that was away is not held up by what is gone when it comes back.
#[test]
fn what_was_deleted_while_a_service_was_away_is_left_out() {
    let Some(bridge) = Bridge::start() else {
        return;
    };
    let Some(admin) = bridge.server.register_with_secret("admin", true) else {
        return;
    };
    let alice = bridge.server.register("alice");
    let ghost = bridge.ghost("ghost");
    let (doomed, other) = (
        bridge.room_with(&alice, &ghost),
        bridge.room_with(&alice, &ghost),
    );
    bridge.must_hear(&alice.say(&other, "before"));
    refuse_events(&bridge);
    let gone = alice.say(&doomed, "gone");
    bridge.listener.must_receive(|request| {
        let is_it = request.body["events"][0]["event_id"] == gone.as_str();
        is_it.then_some(())
    });
    let path = path!("/_synapse/admin/v1/rooms/{}", doomed);
    let purge = json!({ "force_purge": true });
    admin.request("DELETE", &path).json(&purge).send().ok();
    bridge.answer_as_usual();
    bridge.must_hear(&alice.say(&other, "after"));
}

#[test]
fn a_transaction_is_repeated_until_it_is_taken_and_keeps_its_id_and_order() {
    covers!(PUT "/_matrix/client/v3/rooms/{roomId}/send/{eventType}/{txnId}");
    let Some(bridge) = Bridge::start() else {
        return;
    };
    let alice = bridge.server.register("alice");
    let room = bridge.room_with(&alice, &bridge.ghost("ghost"));
    bridge.must_hear(&alice.say(&room, "before"));
    refuse_events(&bridge);
    let first = alice.say(&room, "first");
    let refused = |request: &spec_tests::listener::Received| {
        let is_it = request.body["events"][0]["event_id"] == first.as_str();
        (request.status == 503 && is_it).then(|| request.path.clone())
    };
    let refused = bridge.listener.must_receive(refused);
    let second = alice.say(&room, "second");
    bridge.server.kill_and_restart();
    bridge.answer_as_usual();
    bridge.must_hear(&second);
    let taken = bridge.listener.must_receive(|request| {
        let is_it = request.body["events"][0]["event_id"] == first.as_str();
        (request.status == 200 && is_it).then(|| request.path.clone())
    });
    assert_eq!(taken, refused);
    let events = bridge.events();
    let heard: Vec<_> = events
        .iter()
        .map(|event| &event["event_id"])
        .filter(|id| **id == first.as_str() || **id == second.as_str())
        .collect();
    assert_eq!(heard, [first.as_str(), second.as_str()]);
}

/// [spec](https://spec.matrix.org/v1.19/application-service-api/#pushing-ephemeral-data)
#[test]
fn a_service_that_wants_to_is_told_of_typing_and_receipts() {
    covers!(PUT "/_matrix/client/v3/rooms/{roomId}/typing/{userId}");
    let Some(bridge) = bridge() else { return };
    let alice = bridge.server.register("alice");
    let room = bridge.room_with(&alice, &bridge.ghost("ghost"));
    alice.typing(&room, true);
    let event = alice.say(&room, "hello");
    alice.read(&room, "m.read", &event, None);
    let secret = alice.say(&room, "secret");
    alice.read(&room, "m.read.private", &secret, None);
    let told = |kind: &str| {
        let of = |event: &&Value| event["type"] == kind && event["room_id"] == room.as_str();
        let found = bridge.ephemeral().iter().find(of).cloned();
        found.ok_or_else(|| format!("no {kind}"))
    };
    let typing = eventually(|| told("m.typing"));
    assert_eq!(typing["content"]["user_ids"], json!([alice.id]));
    let receipt = eventually(|| told("m.receipt"));
    assert!(receipt["content"][&event]["m.read"][&alice.id]["ts"].is_u64());
    bridge.must_hear(&alice.say(&room, "last"));
    let all = json!(bridge.ephemeral()).to_string();
    assert!(!all.contains(&secret), "a private receipt was told");
}

/// [spec](https://spec.matrix.org/v1.19/application-service-api/#pushing-ephemeral-data)
#[test]
fn a_service_that_wants_to_is_told_who_is_online_in_its_rooms() {
    covers!(PUT "/_matrix/client/v3/presence/{userId}/status");
    let Some(bridge) = bridge() else { return };
    let alice = bridge.server.register("alice");
    let stranger = bridge.server.register("stranger");
    bridge.room_with(&alice, &bridge.ghost("ghost"));
    let status = json!({ "presence": "unavailable", "status_msg": "in a lesson" });
    for user in [&stranger, &alice] {
        user.put(&path!("/v3/presence/{}/status", user.id), &status)
            .ok();
    }
    let presence = eventually(|| {
        let of = |event: &&Value| event["type"] == "m.presence" && event["sender"] == alice.id;
        let found = bridge.ephemeral().iter().find(of).cloned();
        found.ok_or_else(|| "nothing of alice".to_owned())
    });
    assert_eq!(presence["content"]["presence"], "unavailable");
    assert_eq!(presence["content"]["status_msg"], "in a lesson");
    let all = json!(bridge.ephemeral()).to_string();
    assert!(!all.contains(&stranger.id), "a stranger is told of");
}

/// [spec](https://spec.matrix.org/v1.19/application-service-api/#pinging)
#[test]
fn a_service_can_have_itself_called() {
    covers!(POST "/_matrix/client/v1/appservice/{appserviceId}/ping");
    let Some(bridge) = bridge() else { return };
    let path = format!("/v1/appservice/{}/ping", bridge.id);
    let body = json!({ "transaction_id": "meow" });
    let answer = bridge.as_bot("POST", &path).json(&body).send().ok();
    assert!(answer["duration_ms"].is_u64());
    bridge.listener.must_receive(|request| {
        (request.path == "/_matrix/app/v1/ping" && request.body["transaction_id"] == "meow")
            .then_some(())
    });
    let other = bridge.as_bot("POST", "/v1/appservice/silent/ping");
    other.json(&json!({})).send().must_fail(403, "M_FORBIDDEN");
    let alice = bridge.server.register("alice");
    alice.post(&path, &json!({})).must_fail(403, "M_FORBIDDEN");
    let silent = bridge.server.request("POST", "/v1/appservice/silent/ping");
    let silent = silent.token("as_token_of_silent").json(&json!({})).send();
    silent.must_fail(400, "M_URL_NOT_SET");
}

#[test]
fn a_failing_ping_says_what_the_service_said() {
    covers!(POST "/_matrix/client/v1/appservice/{appserviceId}/ping");
    let Some(bridge) = Bridge::start() else {
        return;
    };
    bridge
        .listener
        .answer(|_| (403, json!({ "errcode": "M_FORBIDDEN" })));
    let path = format!("/v1/appservice/{}/ping", bridge.id);
    let answer = bridge
        .as_bot("POST", &path)
        .json(&json!({}))
        .try_send()
        .unwrap();
    assert_eq!(answer.status, 502);
    assert_eq!(answer.json["errcode"], "M_BAD_STATUS");
    assert_eq!(answer.json["status"], 403);
    assert!(text(&answer.json["body"]).contains("M_FORBIDDEN"));
}

/// [spec](https://spec.matrix.org/v1.19/application-service-api/#querying)
#[test]
fn users_and_rooms_are_made_when_somebody_names_them() {
    covers!(GET "/_matrix/client/v3/directory/room/{roomAlias}", POST "/_matrix/client/v3/join/{roomIdOrAlias}");
    let Some(bridge) = bridge() else { return };
    let alice = bridge.server.register("alice");
    let user = format!("@{}:spec.test", unique("bridge_lazy_user"));
    alice.get(&path!("/v3/profile/{}", user)).ok();
    let alias = format!("#{}:spec.test", unique("bridge_lazy_room"));
    let found = alice.get(&path!("/v3/directory/room/{}", alias)).ok();
    let joined = alice.post(&path!("/v3/join/{}", alias), &json!({})).ok();
    assert_eq!(found["room_id"], joined["room_id"]);
    let nowhere = format!("#{}:spec.test", unique("bridge_nowhere"));
    let missing = alice.get(&path!("/v3/directory/room/{}", nowhere));
    missing.must_fail(404, "M_NOT_FOUND");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#third-party-networks)
#[test]
fn clients_search_the_networks_of_services() {
    covers!(
        GET "/_matrix/client/v3/thirdparty/protocols",
        GET "/_matrix/client/v3/thirdparty/protocol/{protocol}",
        GET "/_matrix/client/v3/thirdparty/user/{protocol}",
        GET "/_matrix/client/v3/thirdparty/location/{protocol}",
        GET "/_matrix/client/v3/thirdparty/user",
        GET "/_matrix/client/v3/thirdparty/location",
    );
    let Some(bridge) = bridge() else { return };
    let alice = bridge.server.register("alice");
    let all = alice.get("/v3/thirdparty/protocols").ok();
    let instance = json!({ "network_id": "one", "desc": "Test" });
    contains(&all["testnet"]["instances"][0], &instance).unwrap();
    let one = alice.get("/v3/thirdparty/protocol/testnet").ok();
    assert_eq!(one, all["testnet"]);
    let users = alice.get("/v3/thirdparty/user/testnet?nick=roger").ok();
    assert_eq!(users[0]["userid"], "@bridge_roger:spec.test");
    let asked = bridge.listener.must_receive(|request| {
        (request.path == "/_matrix/app/v1/thirdparty/user/testnet").then(|| request.query.clone())
    });
    assert!(asked.contains("nick=roger"), "{asked}");
    let locations = alice
        .get("/v3/thirdparty/location/testnet?channel=deck")
        .ok();
    assert_eq!(locations[0]["alias"], "#bridge_deck:spec.test");
    let alias = encode("#bridge_deck:spec.test");
    let behind = alice
        .get(&format!("/v3/thirdparty/location?alias={alias}"))
        .ok();
    assert_eq!(behind[0]["protocol"], "testnet");
    let user = encode("@bridge_roger:spec.test");
    let behind = alice
        .get(&format!("/v3/thirdparty/user?userid={user}"))
        .ok();
    assert_eq!(behind[0]["fields"]["nick"], "roger");
}

#[test]
fn unknown_networks_and_empty_results_are_not_found() {
    covers!(
        GET "/_matrix/client/v3/thirdparty/protocol/{protocol}",
        GET "/_matrix/client/v3/thirdparty/user/{protocol}",
        GET "/_matrix/client/v3/thirdparty/location/{protocol}",
        GET "/_matrix/client/v3/thirdparty/user",
        GET "/_matrix/client/v3/thirdparty/location",
    );
    let Some(bridge) = bridge() else { return };
    let alice = bridge.server.register("alice");
    for path in [
        "/v3/thirdparty/protocol/smoke".to_owned(),
        "/v3/thirdparty/user/smoke".to_owned(),
        "/v3/thirdparty/location/smoke".to_owned(),
        "/v3/thirdparty/user/testnet?nick=nobody".to_owned(),
        "/v3/thirdparty/location/testnet?channel=nowhere".to_owned(),
        format!("/v3/thirdparty/user?userid={}", encode("@nobody:spec.test")),
        format!(
            "/v3/thirdparty/location?alias={}",
            encode("#nowhere:spec.test")
        ),
    ] {
        alice.get(&path).must_fail(404, "M_NOT_FOUND");
    }
}

/// [spec](https://spec.matrix.org/v1.19/application-service-api/#published-room-directories)
#[test]
fn services_publish_rooms_in_directories_of_their_networks() {
    covers!(PUT "/_matrix/client/v3/directory/list/appservice/{networkId}/{roomId}", POST "/_matrix/client/v3/publicRooms");
    let Some(bridge) = bridge() else { return };
    let alice = bridge.server.register("alice");
    let room = bridge.room_with(&alice, &bridge.ghost("ghost"));
    let path = path!("/v3/directory/list/appservice/one/{}", room);
    let public = json!({ "visibility": "public" });
    alice.put(&path, &public).must_fail(403, "M_FORBIDDEN");
    bridge.as_bot("PUT", &path).json(&public).send().ok();
    let all = alice.get("/v3/thirdparty/protocols").ok();
    let instance = text(&all["testnet"]["instances"][0]["instance_id"]);
    let listed = |query: &Value| {
        let found = alice.post("/v3/publicRooms", query).ok();
        let rooms = found["chunk"].as_array().expect("rooms").clone();
        rooms
            .iter()
            .any(|listed| listed["room_id"] == room.as_str())
    };
    assert!(listed(&json!({ "third_party_instance_id": instance })));
    assert!(listed(
        &json!({ "include_all_networks": true, "limit": 500 })
    ));
    assert!(!listed(&json!({ "limit": 500 })));
    let private = json!({ "visibility": "private" });
    bridge.as_bot("PUT", &path).json(&private).send().ok();
    assert!(!listed(&json!({ "third_party_instance_id": instance })));
    bridge.as_bot("PUT", &path).json(&public).send().ok();
    assert!(listed(&json!({ "third_party_instance_id": instance })));
    bridge.as_bot("DELETE", &path).send().ok();
    assert!(!listed(&json!({ "third_party_instance_id": instance })));
}

/// [spec](https://spec.matrix.org/v1.19/application-service-api/#timestamp-massaging)
#[test]
fn services_say_when_an_event_was_sent_and_users_cannot() {
    covers!(
        PUT "/_matrix/client/v3/rooms/{roomId}/send/{eventType}/{txnId}",
        PUT "/_matrix/client/v3/rooms/{roomId}/state/{eventType}/{stateKey}",
    );
    let Some(bridge) = bridge() else { return };
    let alice = bridge.server.register("alice");
    let ghost = bridge.ghost("ghost");
    let room = bridge.room_with(&alice, &ghost);
    let send = path!(
        "/v3/rooms/{}/send/m.room.message/{}?ts=1234",
        room,
        unique("txn")
    );
    let sent = bridge
        .acting(&ghost, "PUT", &send)
        .json(&message("old"))
        .send()
        .ok();
    let event = alice.event(&room, &text(&sent["event_id"])).ok();
    assert_eq!(event["origin_server_ts"], 1234);
    assert_eq!(event["sender"], ghost.as_str());
    let send = path!(
        "/v3/rooms/{}/send/m.room.message/{}?ts=1234",
        room,
        unique("txn")
    );
    let sent = alice.put(&send, &message("new")).ok();
    let event = alice.event(&room, &text(&sent["event_id"])).ok();
    assert_ne!(event["origin_server_ts"], 1234);
    let state = path!("/v3/rooms/{}/state/m.room.member/{}?ts=1235", room, ghost);
    let content = json!({ "membership": "join", "displayname": "Ghost" });
    let sent = bridge
        .acting(&ghost, "PUT", &state)
        .json(&content)
        .send()
        .ok();
    let event = alice.event(&room, &text(&sent["event_id"])).ok();
    assert_eq!(event["origin_server_ts"], 1235);
}
