//! Previews of pages on the web.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1mediapreview_url)

use serde_json::{Value, json};
use spec_tests::{
    Homeserver, Settings, User, covers, homeserver,
    http::encode,
    media::{PICTURES, size},
    must::{must_contain, text},
    website::{Page, Website},
};

const PATH: &str = "/v1/media/preview_url?url=";

fn picture() -> Vec<u8> {
    PICTURES[0].1.to_vec()
}

fn site() -> Website {
    let russian = b"<meta http-equiv=content-type content='text/html; charset=windows-1251'>\
        <title>\xcf\xf0\xe8\xe2\xe5\xf2</title>";
    let stated = "<meta property='og:title' content='A title'>\
        <meta property='og:description' content='A description'>\
        <meta property='og:image' content='/picture.png'>\
        <meta property='og:image:width' content='1'>";
    let plain = "<title>Plain</title><script>no</script><p>Some   words</p><img src='picture.png'>";
    Website::start([
        ("/stated", Page::new("text/html", stated)),
        ("/plain", Page::new("text/html; charset=utf-8", plain)),
        ("/russian", Page::new("text/html", russian.to_vec())),
        ("/picture.png", Page::new("image/png", picture())),
        ("/moved", Page::redirect("/plain")),
        ("/round", Page::redirect("/round")),
        ("/text", Page::new("text/plain", "words")),
        ("/lies", Page::new("image/png", "no picture")),
        (
            "/large",
            Page::new("text/html", vec![b' '; 6 * 1024 * 1024]),
        ),
    ])
}

/// A user of a server that looks at pages on this machine.
fn user() -> Option<User> {
    use std::sync::OnceLock;
    static SERVER: OnceLock<Option<Homeserver>> = OnceLock::new();
    if homeserver().is_synapse() {
        return None;
    }
    let server = SERVER.get_or_init(|| {
        Homeserver::own(&Settings {
            fialka: "[media]\nurl_previews = true".to_owned(),
            ..Settings::default()
        })
    });
    Some(server.as_ref()?.register("alice"))
}

fn preview(user: &User, url: &str) -> Value {
    user.get(&format!("{PATH}{}", encode(url))).ok()
}

#[test]
fn what_a_page_states_is_shown_with_its_picture() {
    covers!(GET "/_matrix/client/v1/media/preview_url");
    let Some(alice) = user() else { return };
    let shown = preview(&alice, &site().url("/stated"));
    must_contain(
        &shown,
        &json!({
            "og:title": "A title",
            "og:description": "A description",
            "og:image:type": "image/png",
            "og:image:width": 320,
            "og:image:height": 240,
            "matrix:image:size": picture().len(),
        }),
    );
    let uri = text(&shown["og:image"]);
    let media = uri.strip_prefix("mxc://").unwrap();
    let image = alice.get(&format!("/v1/media/download/{media}"));
    assert_eq!(size(&image.bytes), Some((320, 240)));
}

#[test]
fn a_page_that_states_nothing_is_read() {
    covers!(GET "/_matrix/client/v1/media/preview_url");
    let Some(alice) = user() else { return };
    let site = site();
    let expected = json!({
        "og:title": "Plain", "og:description": "Some words", "og:image:type": "image/png",
    });
    must_contain(&preview(&alice, &site.url("/plain")), &expected);
    must_contain(&preview(&alice, &site.url("/moved")), &expected);
    let russian = preview(&alice, &site.url("/russian"));
    assert_eq!(russian["og:title"], "Привет");
}

#[test]
fn a_picture_is_its_own_preview_and_other_files_have_none() {
    covers!(GET "/_matrix/client/v1/media/preview_url");
    let Some(alice) = user() else { return };
    let site = site();
    let shown = preview(&alice, &site.url("/picture.png"));
    must_contain(
        &shown,
        &json!({ "og:image:type": "image/png", "matrix:image:size": picture().len() }),
    );
    assert_eq!(preview(&alice, &site.url("/text")), json!({}));
    assert_eq!(preview(&alice, &site.url("/lies")), json!({}));
}

#[test]
fn a_page_is_fetched_once_in_each_language() {
    covers!(GET "/_matrix/client/v1/media/preview_url");
    let Some(alice) = user() else { return };
    let site = site();
    let ask = |language: &str, more: &str| {
        let path = format!("{PATH}{}{more}", encode(&site.url("/text")));
        let request = alice.request("GET", &path);
        request.header("Accept-Language", language).send().ok()
    };
    ask("ru", "");
    ask("ru", "");
    ask("ru", "&ts=1000");
    ask("en", "");
    let asked = site.asked();
    assert_eq!(asked.len(), 2, "{asked:?}");
    assert!(asked[0].contains("accept-language: ru"), "{asked:?}");
}

#[test]
fn what_cannot_be_looked_at_is_refused() {
    covers!(GET "/_matrix/client/v1/media/preview_url");
    let Some(alice) = user() else { return };
    let site = site();
    for url in [
        "",
        "nowhere",
        "ftp://a.test/",
        "file:///etc/passwd",
        "javascript:1",
    ] {
        let reply = alice.get(&format!("{PATH}{}", encode(url)));
        reply.must_fail(400, "M_INVALID_PARAM");
    }
    alice
        .get("/v1/media/preview_url")
        .must_fail(400, "M_MISSING_PARAM");
    alice
        .get(&format!("{PATH}{}&ts=noon", encode(&site.url("/text"))))
        .must_be(400);
    // The page is somebody else's, and so is the fault.
    for page in ["/absent", "/round", "/large"] {
        let path = format!("{PATH}{}", encode(&site.url(page)));
        let reply = alice.request("GET", &path).try_send().unwrap();
        assert_eq!(reply.status, 502, "{reply}");
        assert_eq!(reply.json["errcode"], "M_UNKNOWN");
    }
}

#[test]
fn addresses_inside_the_network_are_not_looked_at() {
    covers!(GET "/_matrix/client/v1/media/preview_url");
    if homeserver().is_synapse() {
        return;
    }
    let settings = Settings {
        fialka: "[media]\nurl_previews = true\n[outbound]".to_owned(),
        ..Settings::default()
    };
    let Some(server) = Homeserver::own(&settings) else {
        return;
    };
    let alice = server.register("alice");
    let site = site();
    for url in [
        site.url("/text"),
        site.url("/text").replace("127.0.0.1", "localhost"),
        "http://10.0.0.1/".to_owned(),
        "http://[::1]/".to_owned(),
        "http://169.254.169.254/latest".to_owned(),
    ] {
        let reply = alice.get(&format!("{PATH}{}", encode(&url)));
        reply.must_fail(403, "M_FORBIDDEN");
    }
    assert_eq!(site.asked(), Vec::<String>::new());
}

#[test]
fn previews_are_off_unless_the_administrator_wants_them() {
    covers!(GET "/_matrix/media/v3/preview_url");
    let alice = homeserver().register("alice");
    for path in [PATH, "/_matrix/media/v3/preview_url?url="] {
        let reply = alice.get(&format!("{path}{}", encode("https://example.org/")));
        reply.must_fail(404, "M_UNRECOGNIZED");
    }
}
