use ruma::api::client::room::create_room::v3::{Request, RoomPreset};
use serde_json::json;

use crate::{
    ids::RoomNid,
    rooms::{
        membership::Step,
        rows::Membership,
        testing::{ALICE, BOB, TestServer, code, refusal, user},
    },
};

const CAROL: &str = "@carol:local";
const INVITE: Step = Step::Invite { is_direct: false };

async fn private_room(server: &TestServer) -> RoomNid {
    let mut request = Request::new();
    request.preset = Some(RoomPreset::PrivateChat);
    server
        .rooms
        .find(&server.create(request).await.unwrap())
        .unwrap()
}

fn membership(server: &TestServer, room: RoomNid, who: &str) -> Option<Membership> {
    let row = server.rooms.user_room(&user(who), room).unwrap();
    row.map(|row| row.membership)
}

#[tokio::test]
async fn the_invited_may_join_a_private_room_and_others_may_not() {
    let server = TestServer::new();
    let room = private_room(&server).await;
    assert_eq!(
        code(server.step(room, BOB, Step::Join).await),
        "M_FORBIDDEN"
    );
    server.step_of(room, ALICE, BOB, INVITE).await.unwrap();
    server.join(room, BOB).await;
    assert_eq!(membership(&server, room, BOB), Some(Membership::Join));
    let refused = server.step_of(room, ALICE, BOB, INVITE).await;
    assert_eq!(refusal(refused).1, "The user is already in the room.");
    let refused = server.step_of(room, CAROL, "@dan:local", INVITE).await;
    assert_eq!(refusal(refused).1, "You are not in this room.");
}

#[tokio::test]
async fn joining_and_leaving_twice_makes_no_event() {
    let server = TestServer::new();
    let room = server.public_room("11").await;
    server.join(room, BOB).await;
    let position = server.storage.position();
    server.join(room, BOB).await;
    assert_eq!(server.storage.position(), position);
    server.step(room, BOB, Step::Leave).await.unwrap();
    let position = server.storage.position();
    server.step(room, BOB, Step::Leave).await.unwrap();
    assert_eq!(server.storage.position(), position);
    assert_eq!(
        code(server.step(room, CAROL, Step::Leave).await),
        "M_FORBIDDEN"
    );
}

#[tokio::test]
async fn a_kick_takes_power_and_somebody_to_kick() {
    let server = TestServer::new();
    let room = server.public_room("11").await;
    for who in [BOB, CAROL] {
        server.join(room, who).await;
    }
    let refused = server.step_of(room, BOB, CAROL, Step::Kick).await;
    let expected = "You need power level 50 to remove @carol:local; yours is 0.";
    assert_eq!(
        refusal(refused),
        ("M_FORBIDDEN".to_owned(), expected.to_owned())
    );
    server
        .step_of(room, ALICE, CAROL, Step::Kick)
        .await
        .unwrap();
    assert_eq!(membership(&server, room, CAROL), Some(Membership::Leave));
    let refused = server.step_of(room, ALICE, CAROL, Step::Kick).await;
    assert_eq!(refusal(refused).1, "The user is not in the room.");
}

#[tokio::test]
async fn the_banned_stay_out_until_they_are_unbanned() {
    let server = TestServer::new();
    let room = server.public_room("12").await;
    server.join(room, BOB).await;
    server.step_of(room, ALICE, BOB, Step::Ban).await.unwrap();
    for step in [Step::Join, Step::Knock, Step::Leave] {
        let refused = server.step(room, BOB, step).await;
        assert_eq!(refusal(refused).1, "You are banned from this room.");
    }
    assert_eq!(
        code(server.step_of(room, ALICE, BOB, INVITE).await),
        "M_FORBIDDEN"
    );
    // A kick would lift the ban by the way.
    assert_eq!(
        code(server.step_of(room, ALICE, BOB, Step::Kick).await),
        "M_FORBIDDEN"
    );
    server.step_of(room, ALICE, BOB, Step::Unban).await.unwrap();
    let refused = server.step_of(room, ALICE, BOB, Step::Unban).await;
    assert_eq!(refusal(refused).1, "The user is not banned from the room.");
    server.join(room, BOB).await;
}

#[tokio::test]
async fn who_knocks_can_be_let_in() {
    let server = TestServer::new();
    let room = server.public_room("11").await;
    assert_eq!(
        code(server.step(room, BOB, Step::Knock).await),
        "M_FORBIDDEN"
    );
    let rules = json!({ "join_rule": "knock" });
    server
        .set_state(room, ALICE, "m.room.join_rules", rules)
        .await
        .unwrap();
    server.step(room, BOB, Step::Knock).await.unwrap();
    assert_eq!(membership(&server, room, BOB), Some(Membership::Knock));
    assert_eq!(
        code(server.step(room, BOB, Step::Join).await),
        "M_FORBIDDEN"
    );
    server.step_of(room, ALICE, BOB, INVITE).await.unwrap();
    server.join(room, BOB).await;
    let refused = server.step(room, BOB, Step::Knock).await;
    assert_eq!(refusal(refused).1, "You are already in this room.");
}

#[tokio::test]
async fn members_of_an_allowed_room_may_join_a_restricted_one() {
    for version in ["8", "10", "12"] {
        let server = TestServer::new();
        let class = server.public_room(version).await;
        let room = server.public_room(version).await;
        let class_id = server.rooms.room_id(class).unwrap();
        let allow = json!([{ "type": "m.room_membership", "room_id": class_id }]);
        let rules = json!({ "join_rule": "restricted", "allow": allow });
        server
            .set_state(room, ALICE, "m.room.join_rules", rules)
            .await
            .unwrap();
        assert_eq!(
            code(server.step(room, BOB, Step::Join).await),
            "M_FORBIDDEN"
        );
        server.join(class, BOB).await;
        server.join(room, BOB).await;
        let member = server.look(room, BOB, |look| look.state_event("m.room.member", BOB));
        let content: serde_json::Value = member.await.unwrap().pdu.content_as().unwrap();
        assert_eq!(
            content["join_authorised_via_users_server"], ALICE,
            "version {version}"
        );
    }
}

#[tokio::test]
async fn only_a_room_one_has_left_can_be_forgotten() {
    let server = TestServer::new();
    let room = server.public_room("11").await;
    let room_id = server.rooms.room_id(room).unwrap();
    let bob = user(BOB);
    assert_eq!(
        code(server.rooms.forget(&bob, &room_id).await),
        "M_NOT_FOUND"
    );
    server.join(room, BOB).await;
    assert_eq!(code(server.rooms.forget(&bob, &room_id).await), "M_UNKNOWN");
    server.step(room, BOB, Step::Leave).await.unwrap();
    server.look(room, BOB, |look| look.state()).await.unwrap();
    server.rooms.forget(&bob, &room_id).await.unwrap();
    assert_eq!(
        code(server.look(room, BOB, |look| look.state()).await),
        "M_FORBIDDEN"
    );
    server.join(room, BOB).await;
    server.look(room, BOB, |look| look.state()).await.unwrap();
}

#[tokio::test]
async fn members_are_listed_by_membership_and_as_they_were() {
    let server = TestServer::new();
    let room = server.public_room("11").await;
    server.join(room, BOB).await;
    let then = crate::rooms::Rooms::end_at(server.storage.position());
    server.step(room, BOB, Step::Leave).await.unwrap();
    server.join(room, CAROL).await;
    let names = |at, wanted: Membership| {
        server.look(room, ALICE, move |look| {
            let members = look.members(at, |membership| membership == wanted)?;
            let mut names: Vec<_> = members
                .iter()
                .filter_map(|event| event.pdu.state_key().map(str::to_owned))
                .collect();
            names.sort();
            Ok(names)
        })
    };
    assert_eq!(names(None, Membership::Join).await.unwrap(), [ALICE, CAROL]);
    assert_eq!(names(None, Membership::Leave).await.unwrap(), [BOB]);
    assert_eq!(
        names(Some(then), Membership::Join).await.unwrap(),
        [ALICE, BOB]
    );
    // Who has left sees the members as they were then.
    let seen = server
        .look(room, BOB, |look| look.members(None, |_| true))
        .await;
    assert_eq!(seen.unwrap().len(), 2);
    assert_eq!(
        code(server.look(room, BOB, |look| look.joined_members()).await),
        "M_FORBIDDEN"
    );
}
