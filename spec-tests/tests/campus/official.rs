//! The names of accounts that speak for the server.

use serde_json::json;
use spec_tests::{Homeserver, Settings, http::Reply};

use super::fialka;

fn register(server: &Homeserver, name: &str) -> Reply {
    let wish = json!({
        "username": name,
        "password": "correct horse battery staple",
        "auth": { "type": "m.login.dummy" },
    });
    server.post("/v3/register", &wish)
}

#[test]
fn the_names_of_the_servers_own_accounts_are_not_given_to_people() {
    let Some(server) = fialka(&Settings::default()) else {
        return;
    };
    for name in ["campus", "notices", "Notices"] {
        register(&server, name).must_fail(400, "M_EXCLUSIVE");
        server
            .get(&format!("/v3/register/available?username={name}"))
            .must_fail(400, "M_EXCLUSIVE");
    }
    register(&server, "noticesboard").ok();
}

/// A server may have got a person of that name before it was told to send notices.
#[test]
fn notices_are_not_sent_by_somebodys_account() {
    let Some(server) = fialka(&Settings::default()) else {
        return;
    };
    let Some(admin) = server.register_admin() else {
        return;
    };
    let alice = server.register("alice");
    let path = format!("/_synapse/admin/v2/users/@notices:{}", server.server_name());
    let body = json!({ "password": "correct horse battery staple" });
    let made = admin.put(&path, &body);
    assert_eq!(made.status, 201, "{made}");
    let notice = json!({ "user_id": alice.id, "content": { "msgtype": "m.text", "body": "a" } });
    admin
        .post("/_synapse/admin/v1/send_server_notice", &notice)
        .must_fail(403, "M_FORBIDDEN");
}
