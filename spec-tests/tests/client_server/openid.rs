//! OpenID tokens.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#openid)

use serde_json::json;
use spec_tests::{covers, homeserver, must::text, path};

const USERINFO: &str = "/_matrix/federation/v1/openid/userinfo";

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3useruseridopenidrequest_token)
#[test]
fn a_token_tells_a_service_who_a_user_is_and_is_good_for_nothing_else() {
    covers!(POST "/_matrix/client/v3/user/{userId}/openid/request_token");
    let alice = homeserver().register("alice");
    let path = path!("/v3/user/{}/openid/request_token", alice.id);
    let answer = alice.post(&path, &json!({})).ok();
    assert_eq!(answer["token_type"], "Bearer");
    assert_eq!(answer["matrix_server_name"], alice.server.server_name());
    assert!(answer["expires_in"].as_u64().is_some_and(|s| s > 0));
    let token = text(&answer["access_token"]);
    let info = homeserver().get(&format!("{USERINFO}?access_token={token}"));
    assert_eq!(info.ok(), json!({ "sub": alice.id }));
    homeserver()
        .request("GET", "/v3/account/whoami")
        .token(&token)
        .send()
        .must_fail(401, "M_UNKNOWN_TOKEN");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3useruseridopenidrequest_token)
#[test]
fn a_token_of_another_user_is_refused() {
    covers!(POST "/_matrix/client/v3/user/{userId}/openid/request_token");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let path = path!("/v3/user/{}/openid/request_token", bob.id);
    alice.post(&path, &json!({})).must_fail(403, "M_FORBIDDEN");
}

/// [spec](https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1openiduserinfo)
#[test]
fn an_unknown_openid_token_is_refused() {
    covers!(POST "/_matrix/client/v3/user/{userId}/openid/request_token");
    let server = homeserver();
    let unknown = format!("{USERINFO}?access_token=unknown");
    server.get(&unknown).must_fail(401, "M_UNKNOWN_TOKEN");
    server.get(USERINFO).must_fail(401, "M_MISSING_TOKEN");
}
