use ruma::{
    OwnedEventId,
    api::client::room::create_room::v3::{Request, RoomPreset},
};
use serde_json::json;

use crate::{
    ids::RoomNid,
    rooms::{
        history::PageQuery,
        membership::Step,
        rows::Place,
        testing::{ALICE, BOB, TestServer, code},
        timeline::Direction,
    },
};

fn all(direction: Direction) -> PageQuery {
    PageQuery {
        from: None,
        to: None,
        direction,
        limit: 100,
    }
}

/// The bodies of the messages somebody sees, in the order they are read.
async fn bodies(
    server: &TestServer,
    room: RoomNid,
    who: &str,
    query: PageQuery,
) -> (Vec<String>, Option<Place>) {
    let page = server.look(room, who, move |look| {
        look.messages(&query, |event| Ok(event.pdu.state_key().is_none()))
    });
    let (_, page) = page.await.unwrap();
    let body = |content: serde_json::Value| content["body"].as_str().unwrap().to_owned();
    let bodies = page
        .events
        .iter()
        .map(|event| body(event.pdu.content_as().unwrap()));
    (bodies.collect(), page.next)
}

#[tokio::test]
async fn pages_follow_one_another_in_both_directions() {
    let server = TestServer::new();
    let room = server.public_room("12").await;
    for n in 0..5 {
        server.say(room, ALICE, &n.to_string()).await;
    }
    for (direction, expected) in [
        (Direction::Forward, ["0", "1", "2", "3", "4"]),
        (Direction::Backward, ["4", "3", "2", "1", "0"]),
    ] {
        let mut query = PageQuery {
            limit: 2,
            ..all(direction)
        };
        let mut read = Vec::new();
        loop {
            let (bodies, next) = bodies(&server, room, ALICE, query).await;
            assert!(bodies.len() <= 2);
            read.extend(bodies);
            match next {
                Some(next) => query.from = Some(next),
                None => break,
            }
        }
        assert_eq!(read, expected, "{direction:?}");
    }
}

#[tokio::test]
async fn a_page_stops_where_it_is_told_to() {
    let server = TestServer::new();
    let room = server.public_room("12").await;
    for n in 0..4 {
        server.say(room, ALICE, &n.to_string()).await;
    }
    let (first, next) = bodies(
        &server,
        room,
        ALICE,
        PageQuery {
            limit: 2,
            ..all(Direction::Backward)
        },
    )
    .await;
    assert_eq!(first, ["3", "2"]);
    let query = PageQuery {
        to: next,
        ..all(Direction::Backward)
    };
    assert_eq!(bodies(&server, room, ALICE, query).await.0, ["3", "2"]);
    let query = PageQuery {
        to: next,
        ..all(Direction::Forward)
    };
    assert_eq!(bodies(&server, room, ALICE, query).await.0, ["0", "1"]);
}

/// Bob is invited, joins, leaves and comes again; a message is sent in each of these times.
async fn history_of(server: &TestServer, visibility: &str) -> RoomNid {
    let mut request = Request::new();
    request.preset = Some(RoomPreset::PrivateChat);
    let event = json!({
        "type": "m.room.history_visibility",
        "content": { "history_visibility": visibility },
    });
    request.initial_state = vec![ruma::serde::Raw::new(&event).unwrap().cast_unchecked()];
    let room = server
        .rooms
        .find(&server.create(request).await.unwrap())
        .unwrap();
    let invite = Step::Invite { is_direct: false };
    server.say(room, ALICE, "before").await;
    server.step_of(room, ALICE, BOB, invite).await.unwrap();
    server.say(room, ALICE, "invited").await;
    server.join(room, BOB).await;
    server.say(room, ALICE, "joined").await;
    server.step(room, BOB, Step::Leave).await.unwrap();
    server.say(room, ALICE, "left").await;
    room
}

#[tokio::test]
async fn what_is_seen_depends_on_the_history_visibility() {
    let server = TestServer::new();
    for (visibility, after_leaving, after_coming_again) in [
        (
            "world_readable",
            &["before", "invited", "joined", "left"][..],
            &["before", "invited", "joined", "left", "again"][..],
        ),
        (
            "shared",
            &["before", "invited", "joined"],
            &["before", "invited", "joined", "left", "again"],
        ),
        (
            "invited",
            &["invited", "joined"],
            &["invited", "joined", "again"],
        ),
        ("joined", &["joined"], &["joined", "again"]),
    ] {
        let room = history_of(&server, visibility).await;
        let (seen, _) = bodies(&server, room, BOB, all(Direction::Forward)).await;
        assert_eq!(seen, after_leaving, "{visibility}");

        // To decline another invitation shows nothing more.
        let invite = Step::Invite { is_direct: false };
        server.step_of(room, ALICE, BOB, invite).await.unwrap();
        if visibility != "invited" {
            let (seen, _) = bodies(&server, room, BOB, all(Direction::Forward)).await;
            assert_eq!(seen, after_leaving, "{visibility}, invited again");
        }
        server.step(room, BOB, Step::Leave).await.unwrap();
        let (seen, _) = bodies(&server, room, BOB, all(Direction::Backward)).await;
        assert_eq!(seen.len(), after_leaving.len(), "{visibility}, declined");

        server.step_of(room, ALICE, BOB, invite).await.unwrap();
        server.join(room, BOB).await;
        server.say(room, ALICE, "again").await;
        let (seen, _) = bodies(&server, room, BOB, all(Direction::Forward)).await;
        assert_eq!(seen, after_coming_again, "{visibility}, come again");
    }
}

#[tokio::test]
async fn strangers_see_only_what_is_open_to_the_world() {
    let server = TestServer::new();
    for (visibility, open) in [("shared", false), ("world_readable", true)] {
        let room = history_of(&server, visibility).await;
        let read = server.look(room, "@carol:local", |look| {
            look.state()?;
            look.messages(&all(Direction::Forward), |_| Ok(true))
        });
        match open {
            true => assert!(!read.await.unwrap().1.events.is_empty()),
            false => assert_eq!(code(read.await), "M_FORBIDDEN"),
        }
    }
}

#[tokio::test]
async fn the_state_of_those_who_left_is_that_of_then() {
    let server = TestServer::new();
    let room = server.public_room("11").await;
    server.join(room, BOB).await;
    server
        .set_state(room, ALICE, "m.room.topic", json!({ "topic": "old" }))
        .await
        .unwrap();
    server.step(room, BOB, Step::Leave).await.unwrap();
    server
        .set_state(room, ALICE, "m.room.topic", json!({ "topic": "new" }))
        .await
        .unwrap();
    for (who, topic) in [(ALICE, "new"), (BOB, "old")] {
        let event = server.look(room, who, |look| look.state_event("m.room.topic", ""));
        let content: serde_json::Value = event.await.unwrap().pdu.content_as().unwrap();
        assert_eq!(content["topic"], topic, "{who}");
        let state = server.look(room, who, |look| look.state()).await.unwrap();
        let topics = state
            .iter()
            .filter(|event| event.pdu.event_type().to_string() == "m.room.topic");
        assert_eq!(topics.count(), 1);
    }
    let absent = server.look(room, ALICE, |look| look.state_event("m.room.topic", "x"));
    assert_eq!(code(absent.await), "M_NOT_FOUND");
}

#[tokio::test]
async fn an_event_is_shown_among_its_neighbours() {
    let server = TestServer::new();
    let room = server.public_room("11").await;
    let mut sent: Vec<OwnedEventId> = Vec::new();
    for n in 0..7 {
        sent.push(server.say(room, ALICE, &n.to_string()).await);
    }
    let target = sent[3].clone();
    let around = server.look(room, ALICE, move |look| {
        look.surroundings(&target, 3, |_| Ok(true))
    });
    let around = around.await.unwrap();
    let ids = |events: &[std::sync::Arc<crate::rooms::event::RoomEvent>]| -> Vec<_> {
        events.iter().map(|event| event.id().to_owned()).collect()
    };
    assert_eq!(around.event.id(), sent[3]);
    assert_eq!(ids(&around.before), [sent[2].clone()]);
    assert_eq!(ids(&around.after), [sent[4].clone(), sent[5].clone()]);
    let query = PageQuery {
        from: Some(around.start),
        limit: 1,
        ..all(Direction::Backward)
    };
    assert_eq!(bodies(&server, room, ALICE, query).await.0, ["1"]);
    let query = PageQuery {
        from: Some(around.end),
        limit: 1,
        ..all(Direction::Forward)
    };
    assert_eq!(bodies(&server, room, ALICE, query).await.0, ["6"]);
    let hidden = sent[3].clone();
    let refused = server.look(room, BOB, move |look| {
        look.surroundings(&hidden, 3, |_| Ok(true))
    });
    assert_eq!(code(refused.await), "M_NOT_FOUND");
}
