//! E-mail addresses and telephone numbers, where there is no identity server.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#adding-account-administrative-contact-information)

use serde_json::{Value, json};
use spec_tests::{covers, homeserver, must::must_contain, path};

fn email() -> Value {
    json!({ "client_secret": "secret", "email": "alice@spec.test", "send_attempt": 1 })
}

fn phone() -> Value {
    json!({
        "client_secret": "secret", "country": "GB", "phone_number": "07700900001", "send_attempt": 1,
    })
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3account3pid)
#[test]
fn a_new_account_has_no_third_party_ids() {
    covers!(GET "/_matrix/client/v3/account/3pid");
    let alice = homeserver().register("alice");
    let listed = alice.get("/v3/account/3pid").ok();
    assert_eq!(listed, json!({ "threepids": [] }));
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#m3pid_changes-capability)
#[test]
fn the_capability_says_that_they_cannot_be_changed() {
    covers!(GET "/_matrix/client/v3/capabilities");
    let alice = homeserver().register("alice");
    if alice.server.is_synapse() {
        return;
    }
    let expected = json!({ "capabilities": { "m.3pid_changes": { "enabled": false } } });
    must_contain(&alice.get("/v3/capabilities").ok(), &expected);
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3account3pidemailrequesttoken)
#[test]
fn no_validation_message_is_sent_to_add_an_identifier() {
    covers!(
        POST "/_matrix/client/v3/account/3pid/email/requestToken",
        POST "/_matrix/client/v3/account/3pid/msisdn/requestToken",
    );
    let server = homeserver();
    if server.is_synapse() {
        return;
    }
    let code = "M_THREEPID_MEDIUM_NOT_SUPPORTED";
    let path = "/v3/account/3pid/email/requestToken";
    server.post(path, &email()).must_fail(400, code);
    let path = "/v3/account/3pid/msisdn/requestToken";
    server.post(path, &phone()).must_fail(400, code);
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3accountpasswordemailrequesttoken)
#[test]
fn no_account_is_found_by_an_identifier() {
    covers!(
        POST "/_matrix/client/v3/account/password/email/requestToken",
        POST "/_matrix/client/v3/account/password/msisdn/requestToken",
    );
    let server = homeserver();
    if server.is_synapse() {
        return;
    }
    let code = "M_THREEPID_NOT_FOUND";
    let path = "/v3/account/password/email/requestToken";
    server.post(path, &email()).must_fail(400, code);
    let path = "/v3/account/password/msisdn/requestToken";
    server.post(path, &phone()).must_fail(400, code);
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3registeremailrequesttoken)
#[test]
fn nobody_registers_with_an_identifier() {
    covers!(
        POST "/_matrix/client/v3/register/email/requestToken",
        POST "/_matrix/client/v3/register/msisdn/requestToken",
    );
    let server = homeserver();
    if server.is_synapse() {
        return;
    }
    let path = "/v3/register/email/requestToken";
    server
        .post(path, &email())
        .must_fail(403, "M_THREEPID_DENIED");
    let path = "/v3/register/msisdn/requestToken";
    server
        .post(path, &phone())
        .must_fail(403, "M_THREEPID_DENIED");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3registeremailrequesttoken)
#[test]
fn what_cannot_be_an_identifier_is_said_first() {
    covers!(
        POST "/_matrix/client/v3/register/email/requestToken",
        POST "/_matrix/client/v3/account/password/msisdn/requestToken",
    );
    let server = homeserver();
    if server.is_synapse() {
        return;
    }
    let path = "/v3/register/email/requestToken";
    let mut body = email();
    body["email"] = json!("no address");
    server.post(path, &body).must_fail(400, "M_INVALID_PARAM");
    let mut body = email();
    body["id_server"] = json!("identity.spec.test");
    server
        .post(path, &body)
        .must_fail(400, "M_SERVER_NOT_TRUSTED");
    let mut body = phone();
    body["client_secret"].take();
    let path = "/v3/account/password/msisdn/requestToken";
    server.post(path, &body).must_fail(400, "M_MISSING_PARAM");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3account3pidadd)
#[test]
fn nothing_that_was_not_validated_is_added() {
    covers!(
        POST "/_matrix/client/v3/account/3pid/add",
        POST "/_matrix/client/v3/account/3pid",
        POST "/_matrix/client/v3/account/3pid/bind",
    );
    let alice = homeserver().register("alice");
    if alice.server.is_synapse() {
        return;
    }
    let body = json!({ "client_secret": "secret", "sid": "123" });
    alice.post("/v3/account/3pid/add", &body).must_be(401);
    alice
        .with_password("POST", "/v3/account/3pid/add", &body)
        .must_fail(400, "M_THREEPID_AUTH_FAILED");
    let body = json!({ "client_secret": "secret", "sid": "123", "id_server": "identity.spec.test",
        "id_access_token": "token" });
    let old = json!({ "three_pid_creds": body });
    alice
        .post("/v3/account/3pid", &old)
        .must_fail(403, "M_THREEPID_AUTH_FAILED");
    alice
        .post("/v3/account/3pid/bind", &body)
        .must_fail(400, "M_SERVER_NOT_TRUSTED");
    alice.post("/v3/account/3pid/bind", &json!({})).must_be(400);
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3account3piddelete)
#[test]
fn removing_what_is_not_there_says_that_nothing_was_unbound() {
    covers!(
        POST "/_matrix/client/v3/account/3pid/delete",
        POST "/_matrix/client/v3/account/3pid/unbind",
    );
    let alice = homeserver().register("alice");
    if alice.server.is_synapse() {
        return;
    }
    let body = json!({ "medium": "email", "address": "alice@spec.test" });
    for path in ["/v3/account/3pid/delete", "/v3/account/3pid/unbind"] {
        let answer = alice.post(path, &body).ok();
        assert_eq!(answer, json!({ "id_server_unbind_result": "no-support" }));
        alice.post(path, &json!({})).must_be(400);
    }
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#third-party-invites)
#[test]
fn nobody_is_invited_by_address_without_an_identity_server() {
    covers!(POST "/_matrix/client/v3/rooms/{roomId}/invite");
    let alice = homeserver().register("alice");
    let room = alice.private_room();
    let path = path!("/v3/rooms/{}/invite", room);
    let body = json!({ "medium": "email", "address": "bob@spec.test" });
    let answer = alice.post(&path, &body);
    assert!(matches!(answer.status, 400 | 403), "{answer}");
}
