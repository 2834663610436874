use ruma::{
    RoomVersionId,
    api::client::room::{
        Visibility,
        create_room::v3::{Request, RoomPreset},
    },
    serde::Raw,
};
use serde_json::{Value, json};

use crate::{
    events::{power, power::Action, versions::OFFERED},
    ids::RoomNid,
    rooms::testing::{ALICE, BOB, TestServer, code, user},
};

/// The content of a state event as Alice sees it.
async fn content(server: &TestServer, room: RoomNid, kind: &'static str) -> Value {
    let event = server.look(room, ALICE, move |look| look.state_event(kind, ""));
    event.await.unwrap().pdu.content_as().unwrap()
}

async fn create(server: &TestServer, request: Request) -> RoomNid {
    let room_id = server.create(request).await.unwrap();
    server.rooms.find(&room_id).unwrap()
}

#[tokio::test]
async fn every_version_and_every_preset_can_be_made() {
    let server = TestServer::new();
    for version in OFFERED {
        for (preset, join_rule, guests) in [
            (RoomPreset::PrivateChat, "invite", Some("can_join")),
            (RoomPreset::TrustedPrivateChat, "invite", Some("can_join")),
            // Where nothing is said of guests they are kept out.
            (RoomPreset::PublicChat, "public", None),
        ] {
            let mut request = Request::new();
            request.room_version = Some(version.clone());
            request.preset = Some(preset.clone());
            request.invite = vec![user(BOB)];
            request.name = Some("Фиалка".to_owned());
            let room = create(&server, request).await;
            let place = format!("{preset} in version {version}");
            let has_creators = version == RoomVersionId::V12;
            let create = content(&server, room, "m.room.create").await;
            assert_eq!(create["room_version"], version.as_str(), "{place}");
            let rules = content(&server, room, "m.room.join_rules").await;
            assert_eq!(rules["join_rule"], join_rule, "{place}");
            let snapshot = server.rooms.storage().snapshot();
            let summary = server.rooms.summary(&snapshot, room).unwrap().unwrap();
            assert_eq!(summary.guest_access.as_deref(), guests, "{place}");
            let history = content(&server, room, "m.room.history_visibility").await;
            assert_eq!(history["history_visibility"], "shared", "{place}");
            let levels = content(&server, room, "m.room.power_levels").await;
            let is_trusted = preset == RoomPreset::TrustedPrivateChat;
            let expected = match (has_creators, is_trusted) {
                (true, _) => json!({}),
                (false, true) => json!({ ALICE: 100, BOB: 100 }),
                (false, false) => json!({ ALICE: 100 }),
            };
            assert_eq!(levels["users"], expected, "{place}");
            let creators = &create["additional_creators"];
            let expected = if has_creators && is_trusted {
                json!([BOB])
            } else {
                Value::Null
            };
            assert_eq!(*creators, expected, "{place}");
        }
    }
}

#[tokio::test]
async fn creators_of_version_12_may_do_anything() {
    let server = TestServer::new();
    let mut request = Request::new();
    request.preset = Some(RoomPreset::TrustedPrivateChat);
    request.invite = vec![user(BOB)];
    let room = create(&server, request).await;
    server.join(room, BOB).await;
    let levels = json!({ "users": { "@carol:local": 100 } });
    server
        .set_state(room, BOB, "m.room.power_levels", levels)
        .await
        .unwrap();
    let (carol, alice) = (user("@carol:local"), user(ALICE));
    let kept = server.rooms.write(room, move |txn| {
        let levels = txn.power_levels()?;
        Ok((
            power::check(&levels, &carol, &Action::Kick(&alice)).is_err(),
            power::check(&levels, &alice, &Action::Kick(&carol)).is_ok(),
        ))
    });
    assert_eq!(kept.await.unwrap(), (true, true));
    // A creator cannot have a power level besides.
    let levels = json!({ "users": { ALICE: 100 } });
    let refused = server
        .set_state(room, ALICE, "m.room.power_levels", levels)
        .await;
    assert_eq!(code(refused), "M_INVALID_PARAM");
}

#[tokio::test]
async fn a_public_room_with_an_alias_is_found() {
    let server = TestServer::new();
    let mut request = Request::new();
    request.visibility = Visibility::Public;
    request.room_alias_name = Some("teachers".to_owned());
    let room = create(&server, request.clone()).await;
    let alias = content(&server, room, "m.room.canonical_alias").await;
    assert_eq!(alias, json!({ "alias": "#teachers:local" }));
    let alias: ruma::OwnedRoomAliasId = "#teachers:local".try_into().unwrap();
    let found = server.rooms.resolve_alias(alias).await.unwrap();
    assert_eq!(server.rooms.find(&found).unwrap(), room);
    let page = server.rooms.public_rooms(Default::default()).await.unwrap();
    assert_eq!((page.total, &*page.rooms[0].room_id), (1, &*found));
    assert_eq!(code(server.create(request).await), "M_ROOM_IN_USE");
}

#[tokio::test]
async fn initial_state_overrides_the_preset_and_bad_state_is_refused() {
    let server = TestServer::new();
    let mut request = Request::new();
    let event =
        json!({ "type": "m.room.guest_access", "content": { "guest_access": "forbidden" } });
    request.initial_state = vec![Raw::new(&event).unwrap().cast_unchecked()];
    let room = create(&server, request).await;
    let access = content(&server, room, "m.room.guest_access").await;
    assert_eq!(access["guest_access"], "forbidden");

    let mut request = Request::new();
    let event = json!({ "type": "m.room.create", "content": {} });
    request.initial_state = vec![Raw::new(&event).unwrap().cast_unchecked()];
    assert_eq!(code(server.create(request).await), "M_INVALID_ROOM_STATE");

    let mut request = Request::new();
    request.room_version = Some("99".try_into().unwrap());
    assert_eq!(
        code(server.create(request).await),
        "M_UNSUPPORTED_ROOM_VERSION"
    );
}

#[tokio::test]
async fn two_wishes_in_one_millisecond_make_two_rooms() {
    let server = TestServer::new();
    let (one, two) = tokio::join!(server.create(Request::new()), server.create(Request::new()));
    assert_ne!(one.unwrap(), two.unwrap());
}
