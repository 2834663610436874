use ruma::{OwnedEventId, RoomVersionId};
use serde_json::{Value, json};

use crate::{
    error::ApiResult,
    events::versions::OFFERED,
    ids::RoomNid,
    rooms::{
        draft,
        redact::Redaction,
        send::Transaction,
        testing::{ALICE, BOB, TestServer, code, refusal, user},
    },
    storage::{Commit, tables},
};

fn transaction(server: &TestServer, who: &str, device: &str, id: &str) -> Transaction {
    Transaction {
        user: server.user(&user(who)),
        device: device.to_owned(),
        scope: "send".to_owned(),
        id: id.to_owned(),
    }
}

async fn redact(
    server: &TestServer,
    room: RoomNid,
    who: &str,
    target: &OwnedEventId,
) -> ApiResult<OwnedEventId> {
    let redaction = Redaction {
        sender: user(who),
        target: target.clone(),
        reason: Some("typo".to_owned()),
        is_suspended: false,
    };
    let transaction = transaction(server, who, "PHONE", &format!("redact {target}"));
    server.rooms.redact(room, redaction, transaction).await
}

/// The content of an event as Alice sees it.
async fn content(server: &TestServer, room: RoomNid, id: &OwnedEventId) -> Value {
    let id = id.clone();
    let event = server.look(room, ALICE, move |look| look.event(&id));
    event.await.unwrap().pdu.content_as().unwrap()
}

#[tokio::test]
async fn a_transaction_is_carried_out_once_for_each_device() {
    let server = TestServer::new();
    let room = server.public_room("11").await;
    let send = |device: &str, id: &str| {
        let content = json!({ "body": "hi" });
        let now = server.rooms.clock().now();
        let draft = draft::message(&user(ALICE), "m.room.message".into(), &content, now).unwrap();
        let transaction = transaction(&server, ALICE, device, id);
        server.rooms.send(room, draft, Some(transaction))
    };
    let (first, again) = tokio::join!(send("PHONE", "1"), send("PHONE", "1"));
    let first = first.unwrap();
    assert_eq!(again.unwrap(), first);
    assert_eq!(send("PHONE", "1").await.unwrap(), first);
    assert_ne!(send("PHONE", "2").await.unwrap(), first);
    assert_ne!(send("LAPTOP", "1").await.unwrap(), first);
}

#[tokio::test]
async fn a_redaction_removes_the_content_in_every_version() {
    for version in OFFERED {
        let server = TestServer::new();
        let room = server.public_room(version.as_str()).await;
        let event = server.say(room, ALICE, "secret").await;
        let redaction = redact(&server, room, ALICE, &event).await.unwrap();
        assert_eq!(
            content(&server, room, &event).await,
            json!({}),
            "version {version}"
        );
        let shown = server.look(room, ALICE, {
            let event = event.clone();
            move |look| look.show::<Value>(&*look.event(&event)?)
        });
        let shown: Value = serde_json::from_str(shown.await.unwrap().json().get()).unwrap();
        let because = &shown["unsigned"]["redacted_because"];
        assert_eq!(because["event_id"], redaction.as_str(), "version {version}");
        assert_eq!(because["content"]["reason"], "typo");
        assert_eq!(because["redacts"], event.as_str());
    }
}

#[tokio::test]
async fn redacting_others_takes_power() {
    let server = TestServer::new();
    let room = server.public_room(RoomVersionId::V11.as_str()).await;
    server.join(room, BOB).await;
    let alices = server.say(room, ALICE, "hers").await;
    let bobs = server.say(room, BOB, "his").await;
    let refused = redact(&server, room, BOB, &alices).await;
    let expected = "You need power level 50 to redact events of others; yours is 0.";
    assert_eq!(
        refusal(refused),
        ("M_FORBIDDEN".to_owned(), expected.to_owned())
    );
    redact(&server, room, BOB, &bobs).await.unwrap();
    let bobs = server.say(room, BOB, "his again").await;
    redact(&server, room, ALICE, &bobs).await.unwrap();
    assert_eq!(content(&server, room, &bobs).await, json!({}));
    assert_eq!(content(&server, room, &alices).await["body"], "hers");
    let unknown = "$unknown".try_into().unwrap();
    assert_eq!(
        code(redact(&server, room, ALICE, &unknown).await),
        "M_NOT_FOUND"
    );
}

#[tokio::test]
async fn a_refusal_says_what_is_missing() {
    let server = TestServer::new();
    let room = server.public_room("12").await;
    let refused = server.send(room, BOB, json!({ "body": "hi" })).await;
    assert_eq!(refusal(refused).1, "You are not in this room.");
    server.join(room, BOB).await;
    let refused = server
        .set_state(room, BOB, "m.room.name", json!({ "name": "x" }))
        .await;
    assert_eq!(
        refusal(refused).1,
        "You need power level 50 to send m.room.name; yours is 0."
    );
}

#[tokio::test]
async fn state_that_is_there_is_not_sent_again() {
    let server = TestServer::new();
    let room = server.public_room("12").await;
    let name = json!({ "name": "x" });
    let first = server
        .set_state(room, ALICE, "m.room.name", name.clone())
        .await
        .unwrap();
    assert_eq!(
        server
            .set_state(room, ALICE, "m.room.name", name)
            .await
            .unwrap(),
        first
    );
    let other = server
        .set_state(room, ALICE, "m.room.name", json!({ "name": "y" }))
        .await;
    assert_ne!(other.unwrap(), first);
}

#[tokio::test]
async fn a_room_shows_only_aliases_that_lead_to_it() {
    let server = TestServer::new();
    let room = server.public_room("12").await;
    let other = server.public_room("12").await;
    let alias: ruma::OwnedRoomAliasId = "#here:local".try_into().unwrap();
    let show = || {
        server.set_state(
            room,
            ALICE,
            "m.room.canonical_alias",
            json!({ "alias": "#here:local" }),
        )
    };
    assert_eq!(code(show().await), "M_BAD_ALIAS");
    server
        .rooms
        .add_alias(other, user(ALICE), alias.clone())
        .await
        .unwrap();
    assert_eq!(code(show().await), "M_BAD_ALIAS");
    let refused = server
        .rooms
        .add_alias(room, user(ALICE), alias.clone())
        .await;
    assert_eq!(refused.unwrap_err().status(), 409);
    server
        .rooms
        .remove_alias(user(ALICE), alias.clone())
        .await
        .unwrap();
    server
        .rooms
        .add_alias(room, user(ALICE), alias.clone())
        .await
        .unwrap();
    show().await.unwrap();
    let refused = server.rooms.remove_alias(user(BOB), alias.clone()).await;
    assert_eq!(code(refused), "M_FORBIDDEN");
    server
        .rooms
        .remove_alias(user(ALICE), alias.clone())
        .await
        .unwrap();
    assert_eq!(code(server.rooms.resolve_alias(alias).await), "M_NOT_FOUND");
    let event = server.look(room, ALICE, |look| {
        look.state_event("m.room.canonical_alias", "")
    });
    assert_eq!(event.await.unwrap().pdu.content().get(), "{}");
    let foreign = "#here:elsewhere".try_into().unwrap();
    let refused = server.rooms.add_alias(room, user(ALICE), foreign).await;
    assert_eq!(code(refused), "M_INVALID_PARAM");
    let malformed = json!({ "alias": "here" });
    let refused = server
        .set_state(room, ALICE, "m.room.canonical_alias", malformed)
        .await;
    assert_eq!(code(refused), "M_INVALID_PARAM");
}

#[tokio::test]
async fn a_new_profile_is_shown_in_the_rooms_of_the_user() {
    let server = TestServer::new();
    let room = server.public_room("11").await;
    server.join(room, BOB).await;
    let bob = server.user(&user(BOB));
    let profile = json!({ "displayname": "Боб", "avatar_url": "mxc://local/abc" }).to_string();
    let commit = Commit::silent(move |batch| tables::PROFILE.put(batch, bob, &profile));
    server.storage.commit(commit).await.unwrap();
    server.rooms.spread_profile(bob).await;
    let members = server
        .look(room, ALICE, |look| look.joined_members())
        .await
        .unwrap();
    let shown = &members[&user(BOB)];
    assert_eq!(shown.display_name.as_deref(), Some("Боб"));
    assert_eq!(
        shown.avatar_url.as_ref().unwrap().as_str(),
        "mxc://local/abc"
    );
    let other = server.public_room("11").await;
    server.join(other, BOB).await;
    let members = server
        .look(other, ALICE, |look| look.joined_members())
        .await
        .unwrap();
    assert_eq!(members[&user(BOB)].display_name.as_deref(), Some("Боб"));
    server.rooms.leave_all(bob).await;
    assert_eq!(
        server.rooms.joined_rooms(bob).await.unwrap(),
        Vec::<ruma::OwnedRoomId>::new()
    );
}

#[tokio::test]
async fn a_room_is_created_once() {
    for version in OFFERED {
        let server = TestServer::new();
        let room = server.public_room(version.as_str()).await;
        let content = json!({ "room_version": version, "creator": ALICE });
        let refused = server
            .set_state(room, ALICE, "m.room.create", content)
            .await;
        assert_eq!(refusal(refused).1, "A room is created once.");
    }
}
