//! Filters.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#filtering)

use serde_json::json;
use spec_tests::{covers, homeserver, must::must_contain, path};

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3useruseridfilter)
#[test]
fn a_filter_is_read_back() {
    covers!(
        POST "/_matrix/client/v3/user/{userId}/filter",
        GET "/_matrix/client/v3/user/{userId}/filter/{filterId}",
    );
    let alice = homeserver().register("alice");
    let filter = json!({
        "room": { "timeline": { "limit": 7, "types": ["m.room.*"] } },
        "presence": { "not_types": ["*"] },
        "event_format": "client",
    });
    let id = alice.define_filter(&filter);
    assert!(
        !id.starts_with('{'),
        "a filter id must not look like JSON: {id}"
    );
    must_contain(
        &alice
            .get(&path!("/v3/user/{}/filter/{}", alice.id, id))
            .ok(),
        &filter,
    );
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3useruseridfilterfilterid)
#[test]
fn an_unknown_filter_is_not_found() {
    covers!(GET "/_matrix/client/v3/user/{userId}/filter/{filterId}");
    let alice = homeserver().register("alice");
    let path = path!("/v3/user/{}/filter/987654", alice.id);
    alice.get(&path).must_fail(404, "M_NOT_FOUND");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3useruseridfilterfilterid)
#[test]
fn filters_of_others_are_out_of_reach() {
    covers!(
        POST "/_matrix/client/v3/user/{userId}/filter",
        GET "/_matrix/client/v3/user/{userId}/filter/{filterId}",
    );
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let id = bob.define_filter(&json!({}));
    alice
        .get(&path!("/v3/user/{}/filter/{}", bob.id, id))
        .must_fail(403, "M_FORBIDDEN");
    alice
        .post(&path!("/v3/user/{}/filter", bob.id), &json!({}))
        .must_fail(403, "M_FORBIDDEN");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3useruseridfilter)
#[test]
fn a_filter_of_the_wrong_shape_is_refused() {
    covers!(POST "/_matrix/client/v3/user/{userId}/filter", GET "/_matrix/client/v3/sync");
    let alice = homeserver().register("alice");
    let path = path!("/v3/user/{}/filter", alice.id);
    for filter in [
        json!({ "room": "everything" }),
        json!({ "room": { "timeline": { "limit": "many" } } }),
        json!({ "room": { "timeline": { "types": "m.room.message" } } }),
        json!({ "presence": { "senders": ["not a user id"] } }),
        json!({ "event_format": "no such format" }),
    ] {
        alice.post(&path, &filter).must_be(400);
        let given = spec_tests::http::encode(&filter.to_string());
        alice
            .get(&format!("/v3/sync?timeout=0&filter={given}"))
            .must_be(400);
    }
}
