//! Pages for people with a browser.

use spec_tests::{Homeserver, homeserver, http::Reply};

fn page(server: &Homeserver, path: &str, languages: &str) -> (Reply, String) {
    let reply = server
        .request("GET", path)
        .header("Accept", "text/html")
        .header("Accept-Language", languages)
        .try_send()
        .expect("an answer");
    let html = String::from_utf8(reply.bytes.clone()).expect("text");
    assert_eq!(reply.status, 200, "{html}");
    assert!(reply.header("content-type").starts_with("text/html"));
    (reply, html)
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#login-fallback)
#[test]
fn there_is_a_page_to_sign_in() {
    let server = homeserver();
    let path = "/_matrix/static/client/login/";
    let (reply, html) = page(&server, path, "en");
    if server.is_synapse() {
        return;
    }
    assert!(html.contains("window.matrixLogin.onLogin("), "{html}");
    let policy = reply.header("content-security-policy");
    assert!(!policy.contains("unsafe"), "{policy}");
    let (_, html) = page(&server, &format!("{path}?device_id=A%22B&lang=ru"), "en");
    assert!(html.contains("?device_id=A%22B&amp;lang=en"), "{html}");
}

#[test]
fn the_address_of_the_server_shows_how_to_take_part() {
    let server = homeserver();
    if server.is_synapse() {
        return;
    }
    for (path, languages, lang, words) in [
        ("/", "ru-RU,ru;q=0.9,en;q=0.8", "ru", "Фиалка"),
        ("/", "en-GB", "en", "Fialka"),
        ("/", "de", "en", "Fialka"),
        ("/?lang=ru", "en", "ru", "Фиалка"),
        ("/?lang=xx", "ru", "ru", "Фиалка"),
    ] {
        let (_, html) = page(&server, path, languages);
        let tag = format!("<html lang=\"{lang}\">");
        assert!(html.contains(&tag), "{path} {languages}: {html}");
        assert!(
            html.contains(words) && html.contains(server.server_name()),
            "{html}"
        );
    }
}
