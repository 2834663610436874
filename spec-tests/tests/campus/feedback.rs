//! Reporting what is wrong with Fialka, and answering it.

use serde_json::{Value, json};
use spec_tests::{Settings, User, path};

use super::{command, fialka, register_bot, try_command};

const PATH: &str = "/_fialka/client/v1/feedback";

fn report(user: &User, id: &str, text: &str) -> Value {
    let body = json!({ "id": id, "category": "broken", "text": text });
    user.post(PATH, &body).ok()["problem"].clone()
}

#[test]
fn people_who_report_the_same_are_counted_together() {
    let Some(server) = fialka(&Settings::default()) else {
        return;
    };
    let (anna, boris) = (server.register("anna"), server.register("boris"));
    let first = report(&anna, "1", "Не открываются файлы PDF в 214");
    assert_eq!(first["people"], 1);
    let body = json!({ "text": "PDF файл не открывается", "category": "broken" });
    let similar = boris.post(&format!("{PATH}/similar"), &body).ok();
    assert_eq!(similar["problems"][0]["id"], first["id"]);
    assert_eq!(similar["problems"][0]["mine"], false);
    let second = report(
        &boris,
        "1",
        "Файл PDF скачался, но не открывается. Аудитория 214.",
    );
    assert_eq!(
        (&second["id"], &second["people"]),
        (&first["id"], &json!(2))
    );
    // The same report again, because its answer was lost.
    let again = report(
        &boris,
        "1",
        "Файл PDF скачался, но не открывается. Аудитория 214.",
    );
    assert_eq!(again, second);
    let own = boris.get(PATH).ok();
    assert_eq!(own["feedback"].as_array().map(Vec::len), Some(1));
    assert_eq!(own["feedback"][0]["problem"], second);
    let listed = command(&server, "feedback", &["list"]);
    assert!(listed.starts_with("1  2 people"), "{listed}");
}

#[test]
fn the_bot_hands_over_words_of_others_who_are_counted_themselves() {
    let Some(server) = fialka(&Settings::default()) else {
        return;
    };
    let (anna, boris) = (server.register("anna"), server.register("boris"));
    let bot = register_bot(&server, "bot");
    let handed = |speaker: &User, id: &str, from: &User| {
        let body = json!({
            "id": id, "category": "unclear", "text": "Как закрепить сообщение в чате?",
            "reporter": from.id,
        });
        speaker.post(PATH, &body)
    };
    assert_eq!(handed(&bot, "1", &anna).ok()["problem"]["people"], 1);
    assert_eq!(handed(&bot, "2", &boris).ok()["problem"]["people"], 2);
    assert_eq!(handed(&bot, "3", &anna).ok()["problem"]["people"], 2);
    let own = anna.get(PATH).ok();
    assert_eq!(own["feedback"].as_array().map(Vec::len), Some(2));
    handed(&boris, "4", &anna).must_fail(403, "M_FORBIDDEN");
}

#[test]
fn who_says_me_too_is_counted_without_words() {
    let Some(server) = fialka(&Settings::default()) else {
        return;
    };
    let (anna, boris) = (server.register("anna"), server.register("boris"));
    let first = report(&anna, "1", "Долго грузится список чатов");
    let body = json!({ "id": "1", "category": "broken", "text": "", "same_as": first["id"] });
    assert_eq!(boris.post(PATH, &body).ok()["problem"]["people"], 2);
    let body = json!({ "id": "2", "category": "broken", "text": "", "same_as": 99 });
    boris.post(PATH, &body).must_fail(404, "M_NOT_FOUND");
}

#[test]
fn an_answer_reaches_everybody_as_a_message_of_the_server() {
    let Some(server) = fialka(&Settings::default()) else {
        return;
    };
    let (anna, boris) = (server.register("anna"), server.register("boris"));
    report(&anna, "1", "Не приходят уведомления о сообщениях");
    report(&boris, "1", "Не приходят уведомления о новых сообщениях");
    let fixed = ["set", "1", "--status", "fixed", "--fixed-in", "1.4.3"];
    command(&server, "feedback", &fixed);
    let said = command(
        &server,
        "feedback",
        &["reply", "1", "Исправлено, <обновите> программу."],
    );
    assert_eq!(said.trim(), "to 2 people");
    for user in [&anna, &boris] {
        let room = invitation(user);
        user.join(&room);
        let messages = user.get(&path!("/v3/rooms/{}/messages?dir=b", room)).ok();
        let answer = messages["chunk"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|event| event["type"] == "m.room.message")
            .expect("the answer");
        let content = &answer["content"];
        let body = content["body"].as_str().unwrap_or_default();
        assert!(body.starts_with("> Не приходят уведомления"), "{body}");
        assert!(
            body.ends_with("\n\nИсправлено, <обновите> программу."),
            "{body}"
        );
        let html = content["formatted_body"].as_str().unwrap_or_default();
        assert!(html.contains("&lt;обновите&gt;"), "{html}");
        assert_eq!(
            content["org.fialka.feedback"],
            json!({ "problem": 1, "status": "told" })
        );
    }
    let listed = command(&server, "feedback", &["list", "--status", "told"]);
    assert!(listed.contains("told in 1.4.3"), "{listed}");
}

/// The room that a user is invited to, once they are.
fn invitation(user: &User) -> String {
    let mut since = String::new();
    for _ in 0..50 {
        let answer = user.get(&format!("/v3/sync?timeout=2000{since}")).ok();
        if let Some((room, _)) = answer["rooms"]["invite"]
            .as_object()
            .and_then(|all| all.iter().next())
        {
            return room.clone();
        }
        since = format!("&since={}", answer["next_batch"].as_str().expect("a token"));
    }
    panic!("nobody invites {}", user.id);
}

#[test]
fn a_screenshot_and_diagnostics_are_kept_with_the_words() {
    let Some(server) = fialka(&Settings::default()) else {
        return;
    };
    let anna = server.register("anna");
    let body = json!({
        "id": "a", "category": "awkward", "text": "Кнопка за краем окна",
        "screenshot": { "png": PIXEL }, "diagnostics": { "renderer": "software" },
        "written_at": 1_700_000_000_000_u64,
    });
    anna.post(PATH, &body).ok();
    let shown = command(&server, "feedback", &["show", "1"]);
    for expected in [
        "Кнопка за краем окна",
        "screenshot: mxc://",
        "\"renderer\":\"software\"",
        "written 2023-11-14",
    ] {
        assert!(shown.contains(expected), "{expected} is not in: {shown}");
    }
    let address = shown
        .split("screenshot: mxc://")
        .nth(1)
        .and_then(|rest| rest.lines().next());
    let path = format!("/v1/media/download/{}", address.expect("an address"));
    let picture = anna.get(&path);
    assert_eq!(
        (picture.status, picture.header("content-type")),
        (200, "image/png")
    );
}

/// One pixel.
const PIXEL: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

#[test]
fn what_is_no_feedback_is_refused() {
    let Some(server) = fialka(&Settings::default()) else {
        return;
    };
    let anna = server.register("anna");
    let good = json!({ "id": "x", "category": "idea", "text": "Тёмная тема" });
    let with = |key: &str, value: Value| {
        let mut body = good.clone();
        body[key] = value;
        body
    };
    let wrong = [
        with("id", json!("")),
        with("id", json!("a/b")),
        with("id", json!(5)),
        with("category", json!("rant")),
        with("text", json!("  ")),
        with("text", json!("a".repeat(4_001))),
        with("same_as", json!("1")),
        with("screenshot", json!({ "png": "%%%" })),
        with("screenshot", json!({ "png": "aGVsbG8=" })),
        with("screenshot", json!({ "mxc": "mxc://elsewhere.test/abc" })),
        with("screenshot", json!({ "file": "/etc/passwd" })),
        with("diagnostics", json!([])),
        json!({}),
    ];
    for body in wrong {
        anna.post(PATH, &body).must_be(400);
    }
    let large = with("diagnostics", json!({ "log": "x".repeat(17_000) }));
    anna.post(PATH, &large).must_fail(413, "M_TOO_LARGE");
    let large = with("screenshot", json!({ "png": "A".repeat(2_000_000) }));
    anna.post(PATH, &large).must_fail(413, "M_TOO_LARGE");
    server.post(PATH, &good).must_fail(401, "M_MISSING_TOKEN");
    server.get(PATH).must_fail(401, "M_MISSING_TOKEN");
    assert_eq!(command(&server, "feedback", &["list"]), "");
    let complaint = try_command(&server, "feedback", &["show", "7"]).expect_err("no such problem");
    assert!(complaint.contains("no such problem"), "{complaint}");
}

#[test]
fn nobody_floods_the_list() {
    let settings = Settings {
        limits: true,
        ..Settings::default()
    };
    let Some(server) = fialka(&settings) else {
        return;
    };
    let anna = server.register("anna");
    for number in 0..10 {
        report(
            &anna,
            &number.to_string(),
            &format!("Жалоба номер {number}"),
        );
    }
    let body = json!({ "id": "11", "category": "broken", "text": "Ещё одна" });
    let refused = anna.post(PATH, &body).must_fail(429, "M_LIMIT_EXCEEDED");
    assert!(
        refused["retry_after_ms"]
            .as_u64()
            .is_some_and(|wait| wait > 1_000)
    );
    let boris = server.register("boris");
    boris.post(PATH, &body).ok();
}
