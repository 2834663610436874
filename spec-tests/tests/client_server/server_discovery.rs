//! What is found at well-known addresses, and what a server without single sign-on and OAuth answers.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#server-discovery)

use serde_json::json;
use spec_tests::{Homeserver, Settings, covers, homeserver};

const CONFIGURED: &str = r#"
[well_known.support]
support_page = "https://spec.test/help"
contacts = [
    { role = "m.role.admin", matrix_id = "@admin:spec.test", email_address = "admin@spec.test" },
    { role = "m.role.security", email_address = "security@spec.test" },
]
"#;

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#getwell-knownmatrixsupport)
#[test]
fn support_is_what_the_administrator_wrote() {
    covers!(GET "/.well-known/matrix/support");
    let settings = Settings {
        fialka: CONFIGURED.to_owned(),
        ..Settings::default()
    };
    let Some(server) = Homeserver::own(&settings) else {
        return;
    };
    let answer = server.get("/.well-known/matrix/support");
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    let expected = json!({
        "support_page": "https://spec.test/help",
        "contacts": [
            { "role": "m.role.admin", "matrix_id": "@admin:spec.test",
                "email_address": "admin@spec.test" },
            { "role": "m.role.security", "email_address": "security@spec.test" },
        ],
    });
    assert_eq!(answer.ok(), expected);
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#getwell-knownmatrixsupport)
#[test]
fn nothing_is_found_that_is_not_configured() {
    covers!(GET "/.well-known/matrix/support", GET "/.well-known/matrix/policy_server");
    let server = homeserver();
    server.get("/.well-known/matrix/support").must_be(404);
    server.get("/.well-known/matrix/policy_server").must_be(404);
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#getwell-knownmatrixpolicy_server)
#[test]
fn the_key_of_the_policy_server_is_told() {
    covers!(GET "/.well-known/matrix/policy_server");
    // The section that this line continues is the last one of the configuration.
    let settings = Settings {
        fialka: "policy_server_key = \"6yhHGKhCiXTSEN2ksjV7kX+N6rBQZ3Xb+M7LlC6NS+s\"".to_owned(),
        ..Settings::default()
    };
    let Some(server) = Homeserver::own(&settings) else {
        return;
    };
    let answer = server.get("/.well-known/matrix/policy_server").ok();
    let key = "6yhHGKhCiXTSEN2ksjV7kX+N6rBQZ3Xb+M7LlC6NS+s";
    assert_eq!(answer, json!({ "public_keys": { "ed25519": key } }));
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1auth_metadata)
#[test]
fn a_server_without_oauth_does_not_know_its_metadata() {
    covers!(GET "/_matrix/client/v1/auth_metadata");
    homeserver()
        .get("/v1/auth_metadata")
        .must_fail(404, "M_UNRECOGNIZED");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3loginssoredirectidpid)
#[test]
fn a_server_without_single_sign_on_knows_no_provider() {
    covers!(
        GET "/_matrix/client/v3/login/sso/redirect",
        GET "/_matrix/client/v3/login/sso/redirect/{idpId}",
    );
    let server = homeserver();
    if server.is_synapse() {
        return;
    }
    let redirect = "redirectUrl=https%3A%2F%2Fclient.spec.test";
    let plain = format!("/v3/login/sso/redirect?{redirect}");
    let provider = format!("/v3/login/sso/redirect/unknown?{redirect}");
    for path in [&plain, &provider] {
        server.get(path).must_fail(404, "M_NOT_FOUND");
        let page = server
            .request("GET", path)
            .header("Accept", "text/html")
            .try_send()
            .unwrap();
        assert_eq!(page.status, 404);
        assert!(page.header("content-type").starts_with("text/html"));
    }
    server
        .get("/v3/login/sso/redirect")
        .must_fail(400, "M_MISSING_PARAM");
}
