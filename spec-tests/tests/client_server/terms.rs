//! Terms that have to be accepted at registration.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#terms-of-service-at-registration)

use serde_json::{Value, json};
use spec_tests::{
    Homeserver, Reply, Settings, covers,
    must::{must_contain, must_find, text},
    path,
    server::unique,
};

const TERMS: &str = r#"
[[registration.terms]]
id = "privacy_policy"
version = "1.2"
languages.en = { name = "Privacy <policy>", url = "https://spec.test/privacy-en?a=1&b=2" }
languages.ru = { name = "Политика", url = "https://spec.test/privacy-ru" }
"#;

fn server_with_terms() -> Option<Homeserver> {
    Homeserver::own(&Settings {
        fialka: TERMS.to_owned(),
        ..Settings::default()
    })
}

fn wish() -> Value {
    json!({ "username": unique("alice"), "password": "a long enough password" })
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#definition-mloginterms-params)
#[test]
fn registration_lists_the_terms_and_goes_on_when_they_are_accepted() {
    covers!(POST "/_matrix/client/v3/register");
    let Some(server) = server_with_terms() else {
        return;
    };
    let mut body = wish();
    let question = server.post("/v3/register", &body).must_be(401);
    must_find(&question["flows"], &json!({ "stages": ["m.login.terms"] }));
    let policies = json!({ "privacy_policy": {
        "version": "1.2",
        "en": { "name": "Privacy <policy>", "url": "https://spec.test/privacy-en?a=1&b=2" },
        "ru": { "name": "Политика", "url": "https://spec.test/privacy-ru" },
    } });
    let params = json!({ "m.login.terms": { "policies": policies } });
    assert_eq!(question["params"], params);
    body["auth"] = json!({ "type": "m.login.dummy", "session": question["session"] });
    server.post("/v3/register", &body).must_be(401);
    body["auth"] = json!({ "type": "m.login.terms", "session": question["session"] });
    server.post("/v3/register", &body).ok();
}

fn page(server: &Homeserver, method: &str, path: &str, form: &str) -> Reply {
    let mut request = server.request(method, path);
    if method == "POST" {
        request = request.bytes("application/x-www-form-urlencoded", form);
    }
    request.try_send().expect("an answer")
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#fallback)
#[test]
fn terms_are_accepted_in_a_browser() {
    covers!(POST "/_matrix/client/v3/register");
    let Some(server) = server_with_terms() else {
        return;
    };
    let mut body = wish();
    let question = server.post("/v3/register", &body).must_be(401);
    let session = text(&question["session"]);
    let path = path!(
        "/_matrix/client/v3/auth/m.login.terms/fallback/web?session={}",
        session
    );
    let shown = page(&server, "GET", &path, "");
    let html = String::from_utf8(shown.bytes.clone()).unwrap();
    assert_eq!(shown.status, 200);
    assert!(shown.header("content-type").starts_with("text/html"));
    assert!(html.contains("Privacy &lt;policy&gt;"), "{html}");
    assert!(
        html.contains("https://spec.test/privacy-en?a=1&amp;b=2"),
        "{html}"
    );

    // Nothing is ticked: it stays open.
    page(&server, "POST", &path, &format!("session={session}"));
    body["auth"] = json!({ "session": session });
    let open = server.post("/v3/register", &body).must_be(401);
    assert!(open.get("completed").is_none_or(|done| done == &json!([])));

    let form = format!("session={session}&accept=privacy_policy");
    let done = page(&server, "POST", &path, &form);
    let html = String::from_utf8(done.bytes).unwrap();
    assert!(html.contains("window.onAuthDone()"), "{html}");
    assert!(html.contains(r#"postMessage("authDone","*")"#), "{html}");
    let answer = server.post("/v3/register", &body).ok();
    must_contain(&answer, &json!({ "device_id": answer["device_id"] }));
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#fallback)
#[test]
fn a_page_for_an_unknown_session_is_refused() {
    covers!(POST "/_matrix/client/v3/register");
    let Some(server) = server_with_terms() else {
        return;
    };
    let path = "/_matrix/client/v3/auth/m.login.terms/fallback/web";
    server.get(path).must_fail(400, "M_MISSING_PARAM");
    server.get(&format!("{path}?session=unknown")).must_be(400);
    let question = server.post("/v3/register", &wish()).must_be(401);
    let session = text(&question["session"]);
    let other = format!("/_matrix/client/v3/auth/m.login.dummy/fallback/web?session={session}");
    server.get(&other).must_fail(404, "M_NOT_FOUND");
}
