//! What a server says about itself.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#api-versions)

use serde_json::json;
use spec_tests::{covers, homeserver, must::must_contain};

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientversions)
#[test]
fn versions_are_listed_without_signing_in() {
    covers!(GET "/_matrix/client/versions");
    let versions = homeserver().get("/_matrix/client/versions").ok();
    let listed = versions["versions"].as_array().unwrap();
    assert!(listed.contains(&json!("v1.1")), "{listed:?}");
    assert!(listed.contains(&json!("v1.11")), "{listed:?}");
    // Clients use the stable paths of what these versions have.
    if !homeserver().is_synapse() {
        assert!(listed.contains(&json!("v1.19")), "{listed:?}");
    }
}

/// Clients read feature flags as booleans.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientversions)
#[test]
fn unstable_features_are_booleans() {
    covers!(GET "/_matrix/client/versions");
    let versions = homeserver().get("/_matrix/client/versions").ok();
    let features = versions["unstable_features"].as_object().unwrap();
    assert!(features.values().all(serde_json::Value::is_boolean));
    for feature in [
        "org.matrix.simplified_msc3575",
        "org.matrix.e2e_cross_signing",
        "org.matrix.msc3827.stable",
    ] {
        assert_eq!(features[feature], true, "{feature}");
    }
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3capabilities)
#[test]
fn capabilities_name_the_room_versions_that_work() {
    covers!(GET "/_matrix/client/v3/capabilities");
    let alice = homeserver().register("alice");
    let answer = alice.get("/v3/capabilities").ok();
    let capabilities = &answer["capabilities"];
    for version in ["3", "4", "5", "6", "7", "8", "9", "10", "11", "12"] {
        must_contain(
            &capabilities["m.room_versions"]["available"],
            &json!({ version: "stable" }),
        );
    }
    assert_eq!(capabilities["m.room_versions"]["default"], "12");
    assert_eq!(capabilities["m.change_password"]["enabled"], true);
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#getwell-knownmatrixclient)
#[test]
fn well_known_names_the_client_api() {
    covers!(GET "/.well-known/matrix/client");
    let server = homeserver();
    let answer = server.get("/.well-known/matrix/client").ok();
    let base_url = answer["m.homeserver"]["base_url"].as_str().unwrap();
    assert_eq!(base_url.trim_end_matches('/'), server.url());
}

/// Browsers ask first, from any page.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#web-browser-clients)
#[test]
fn web_pages_may_call_the_api() {
    covers!(GET "/_matrix/client/versions");
    let server = homeserver();
    let asked = server
        .request("OPTIONS", "/v3/login")
        .header("Origin", "https://client.example")
        .header("Access-Control-Request-Method", "POST")
        .send();
    assert!(asked.status / 100 == 2, "{asked}");
    assert_eq!(asked.header("access-control-allow-origin"), "*");
    let methods = asked.header("access-control-allow-methods").to_owned();
    for method in ["GET", "POST", "PUT", "DELETE", "OPTIONS"] {
        assert!(methods.contains(method), "{methods}");
    }
    let headers = asked.header("access-control-allow-headers").to_lowercase();
    for header in ["authorization", "content-type", "x-requested-with"] {
        assert!(headers.contains(header), "{headers}");
    }
    let answer = server.get("/_matrix/client/versions");
    assert_eq!(answer.header("access-control-allow-origin"), "*");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#common-error-codes)
#[test]
fn an_unknown_path_is_unrecognized() {
    let server = homeserver();
    server
        .get("/_matrix/client/v3/no/such/path")
        .must_fail(404, "M_UNRECOGNIZED");
    server
        .get("/_matrix/client/v99/sync")
        .must_fail(404, "M_UNRECOGNIZED");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#common-error-codes)
#[test]
fn an_unknown_method_of_a_known_path_is_unrecognized() {
    let answer = homeserver().request("DELETE", "/v3/login").send();
    answer.must_fail(405, "M_UNRECOGNIZED");
}
