//! What administrators do on the machine of the server.

use std::fs;

use serde_json::{Value, json};
use spec_tests::{Homeserver, Settings, User, must::text, path, sync_until::eventually};

use super::{command, fialka, try_command};

/// Waits until something that an administrator began is done.
fn finished(admin: &User, path: &str) -> Value {
    eventually(|| {
        let status = admin.get(path).ok();
        match status["status"].as_str() {
            Some("complete") => Ok(status),
            _ => Err(status.to_string()),
        }
    })
}

fn server_with_admin() -> Option<(Homeserver, User)> {
    let server = fialka(&Settings::default())?;
    let admin = server.register_with_secret("admin", true)?;
    Some((server, admin))
}

#[test]
fn a_backup_made_after_a_room_was_deleted_is_in_order() {
    let Some((server, admin)) = server_with_admin() else {
        return;
    };
    let bob = server.register("bob");
    let room = bob.public_room();
    bob.say(&room, "to be redacted");
    let delayed = path!("/v3/rooms/{}/send/m.room.message/later", room);
    let delayed = format!("{delayed}?org.matrix.msc4140.delay=1");
    let content = json!({ "msgtype": "m.text", "body": "delayed" });
    bob.put(&delayed, &content).ok();
    eventually(|| {
        let bodies = bob.bodies(&room);
        let is_sent = bodies.iter().any(|body| body == "delayed");
        is_sent.then_some(()).ok_or(bodies.join(", "))
    });
    let redact = path!("/_synapse/admin/v1/user/{}/redact", bob.id);
    let begun = admin.post(&redact, &json!({ "rooms": [room] })).ok();
    let id = text(&begun["redact_id"]);
    finished(
        &admin,
        &format!("/_synapse/admin/v1/user/redact_status/{id}"),
    );
    let delete = path!("/_synapse/admin/v2/rooms/{}", room);
    let begun = admin
        .request("DELETE", &delete)
        .json(&json!({}))
        .send()
        .ok();
    let id = text(&begun["delete_id"]);
    finished(
        &admin,
        &format!("/_synapse/admin/v2/rooms/delete_status/{id}"),
    );
    let backup = command(&server, "backup", &["create"]);
    let verified = command(&server, "backup", &["verify", backup.trim()]);
    assert!(verified.contains("is in order"), "{verified}");
}

#[test]
fn the_server_tells_how_much_there_is() {
    let Some((server, admin)) = server_with_admin() else {
        return;
    };
    admin.public_room();
    let told = command(&server, "stats", &[]);
    let value = |name: &str| {
        let line = told.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split_whitespace().last().map(str::to_owned))
    };
    assert_eq!(value("server").as_deref(), Some(server.server_name()));
    assert_eq!(value("users").as_deref(), Some("1"), "{told}");
    assert_eq!(value("rooms").as_deref(), Some("1"), "{told}");
}

#[test]
fn an_account_that_is_closed_stays_so() {
    let Some((server, _)) = server_with_admin() else {
        return;
    };
    let bob = server.register("bob");
    command(&server, "user", &["deactivate", &bob.localpart]);
    let refused = try_command(&server, "user", &["unlock", &bob.localpart]);
    let complaint = refused.expect_err("a refusal");
    assert!(complaint.contains("closed"), "{complaint}");
}

#[test]
fn nobody_gets_a_token_that_cannot_be_written_down() {
    let Some((server, _)) = server_with_admin() else {
        return;
    };
    let missing = ["create", "--join-file", "/nowhere/class.fialka"];
    try_command(&server, "invite", &missing).expect_err("a refusal");
    assert_eq!(command(&server, "invite", &["list"]), "");
    let file = server.folder().expect("a folder").join("class.fialka");
    fs::write(&file, "x".repeat(100_000)).expect("a file that is longer");
    let name = file.display().to_string();
    let token = command(&server, "invite", &["create", "--join-file", &name]);
    let written = fs::read(&file).expect("the join file");
    let join: Value = serde_json::from_slice(&written).expect("JSON");
    assert_eq!(join["registration_token"], token.trim());
}

#[test]
fn commands_that_would_do_nothing_are_refused() {
    let Some((server, _)) = server_with_admin() else {
        return;
    };
    for (name, arguments) in [
        ("backup", ["prune", "--keep=0"]),
        ("feedback", ["set", "1"]),
        ("roster", ["cards", "cards.html --class 9Z"]),
    ] {
        let arguments: Vec<&str> = arguments.iter().flat_map(|word| word.split(' ')).collect();
        try_command(&server, name, &arguments).expect_err(name);
    }
}
