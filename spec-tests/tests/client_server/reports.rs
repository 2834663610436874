//! Reporting content.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#reporting-content)

use serde_json::json;
use spec_tests::{covers, homeserver, path};

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidreporteventid)
#[test]
fn a_member_reports_an_event_with_and_without_a_reason() {
    covers!(POST "/_matrix/client/v3/rooms/{roomId}/report/{eventId}");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.room_with(&[&bob]);
    let event = bob.say(&room, "rude words");
    let path = path!("/v3/rooms/{}/report/{}", room, event);
    alice.post(&path, &json!({ "reason": "rude" })).ok();
    alice.post(&path, &json!({})).ok();
    // Clients of older versions of the specification also rate it.
    let rated = json!({ "reason": "rude", "score": -50 });
    alice.post(&path, &rated).ok();
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidreporteventid)
#[test]
fn an_event_is_reported_only_by_members_who_see_it() {
    covers!(POST "/_matrix/client/v3/rooms/{roomId}/report/{eventId}");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.public_room();
    let event = alice.say(&room, "hello");
    let report = json!({ "reason": "rude" });
    let path = path!("/v3/rooms/{}/report/{}", room, event);
    bob.post(&path, &report).must_fail(404, "M_NOT_FOUND");
    let unknown = path!("/v3/rooms/{}/report/{}", room, "$nothing");
    alice.post(&unknown, &report).must_fail(404, "M_NOT_FOUND");
    let other = alice.public_room();
    let elsewhere = path!("/v3/rooms/{}/report/{}", other, event);
    alice
        .post(&elsewhere, &report)
        .must_fail(404, "M_NOT_FOUND");
    bob.join(&room);
    bob.post(&path, &report).ok();
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidreporteventid)
#[test]
fn a_reason_that_is_no_text_is_refused() {
    covers!(POST "/_matrix/client/v3/rooms/{roomId}/report/{eventId}");
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    let event = alice.say(&room, "hello");
    let path = path!("/v3/rooms/{}/report/{}", room, event);
    alice.post(&path, &json!({ "reason": 5 })).must_be(400);
    alice.post(&path, &json!({ "score": "bad" })).must_be(400);
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#reporting-content)
#[test]
fn a_room_is_reported_by_anybody() {
    covers!(POST "/_matrix/client/v3/rooms/{roomId}/report");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.public_room();
    let path = path!("/v3/rooms/{}/report", room);
    bob.post(&path, &json!({ "reason": "" })).ok();
    bob.post(&path, &json!({})).must_be(400);
}

/// A server may hide which rooms exist by answering 200.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidreport)
#[test]
fn an_unknown_room_is_not_found() {
    covers!(POST "/_matrix/client/v3/rooms/{roomId}/report");
    let alice = homeserver().register("alice");
    let path = path!("/v3/rooms/{}/report", "!nowhere:spec.test");
    let answer = alice.post(&path, &json!({ "reason": "bad" }));
    if answer.status != 200 {
        answer.must_fail(404, "M_NOT_FOUND");
    }
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#reporting-content)
#[test]
fn a_user_is_reported_without_sharing_a_room() {
    covers!(POST "/_matrix/client/v3/users/{userId}/report");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let path = path!("/v3/users/{}/report", bob.id);
    alice.post(&path, &json!({ "reason": "rude" })).ok();
    alice.post(&path, &json!({})).must_be(400);
    let nobody = path!(
        "/v3/users/{}/report",
        format!("@nobody:{}", alice.server.server_name())
    );
    let answer = alice.post(&nobody, &json!({ "reason": "rude" }));
    if answer.status != 200 {
        answer.must_fail(404, "M_NOT_FOUND");
    }
}

/// Not Matrix's, but what tools for administrators rely on.
#[test]
fn administrators_read_reports_of_events_and_remove_them() {
    let Some(admin) = homeserver().register_admin() else {
        return;
    };
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let room = alice.room_with(&[&bob]);
    let event = bob.say(&room, "rude words");
    let report = json!({ "reason": "rude" });
    alice
        .post(&path!("/v3/rooms/{}/report/{}", room, event), &report)
        .ok();
    let list = path!("/_synapse/admin/v1/event_reports?room_id={}", room);
    let listed = admin.get(&list).ok();
    assert_eq!(listed["total"], 1, "{listed}");
    let found = &listed["event_reports"][0];
    assert_eq!(found["event_id"], event.as_str());
    assert_eq!(found["user_id"], alice.id.as_str());
    assert_eq!(found["sender"], bob.id.as_str());
    assert_eq!(found["reason"], "rude");
    let one = path!("/_synapse/admin/v1/event_reports/{}", found["id"]);
    let shown = admin.get(&one).ok();
    assert_eq!(shown["event_json"]["content"]["body"], "rude words");
    alice.get(&one).must_fail(403, "M_FORBIDDEN");
    admin.delete(&one).ok();
    admin.get(&one).must_fail(404, "M_NOT_FOUND");
    assert_eq!(admin.get(&list).ok()["total"], 0);
}
