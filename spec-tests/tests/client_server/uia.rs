//! User-interactive authentication.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#user-interactive-authentication-api)

use serde_json::{Value, json};
use spec_tests::{
    Homeserver, Settings, User, covers, homeserver,
    must::{must_contain, text},
    path,
    server::unique,
};

fn ask(user: &User, device: &User) -> Value {
    let path = path!("/v3/devices/{}", device.device_id);
    user.delete(&path).must_be(401)
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#user-interactive-api-in-the-rest-api)
#[test]
fn a_wrong_password_can_be_corrected_in_the_same_session() {
    covers!(DELETE "/_matrix/client/v3/devices/{deviceId}");
    let phone = homeserver().register("alice");
    let laptop = phone.new_device();
    let path = path!("/v3/devices/{}", laptop.device_id);
    let question = ask(&phone, &laptop);
    let mut auth = phone.password_auth(&question["session"]);
    auth["password"] = json!("wrong");
    let refused = phone
        .request("DELETE", &path)
        .json(&json!({ "auth": auth }))
        .send()
        .must_be(401);
    must_contain(
        &refused,
        &json!({ "errcode": "M_FORBIDDEN", "session": question["session"] }),
    );
    let auth = phone.password_auth(&question["session"]);
    phone
        .request("DELETE", &path)
        .json(&json!({ "auth": auth }))
        .send()
        .ok();
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#user-interactive-api-in-the-rest-api)
#[test]
fn a_session_is_good_for_its_own_request_and_user_only() {
    covers!(POST "/_matrix/client/v3/account/password", POST "/_matrix/client/v3/account/deactivate");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let body = json!({ "new_password": "another password" });
    let question = alice.post("/v3/account/password", &body).must_be(401);
    let auth = alice.password_auth(&question["session"]);
    alice
        .post("/v3/account/deactivate", &json!({ "auth": auth }))
        .must_be(403);
    let mut stolen = body.clone();
    stolen["auth"] = bob.password_auth(&question["session"]);
    bob.post("/v3/account/password", &stolen).must_be(403);
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#user-interactive-api-in-the-rest-api)
#[test]
fn a_question_about_one_device_is_not_answered_with_another() {
    covers!(DELETE "/_matrix/client/v3/devices/{deviceId}");
    let phone = homeserver().register("alice");
    let (laptop, tablet) = (phone.new_device(), phone.new_device());
    let question = ask(&phone, &laptop);
    let auth = phone.password_auth(&question["session"]);
    let remove = |device: &User| {
        phone
            .request("DELETE", &path!("/v3/devices/{}", device.device_id))
            .json(&json!({ "auth": auth }))
            .send()
    };
    remove(&tablet).must_be(403);
    remove(&laptop).ok();
    tablet.get("/v3/account/whoami").ok();
}

/// Before there were identifiers, clients wrote `user`, and some still do.
#[test]
fn a_password_is_proved_without_an_identifier() {
    covers!(DELETE "/_matrix/client/v3/devices/{deviceId}");
    let phone = homeserver().register("alice");
    let laptop = phone.new_device();
    let question = ask(&phone, &laptop);
    let mut auth = phone.password_auth(&question["session"]);
    auth["user"] = auth["identifier"]["user"].take();
    auth.as_object_mut()
        .expect("an object")
        .remove("identifier");
    phone
        .request("DELETE", &path!("/v3/devices/{}", laptop.device_id))
        .json(&json!({ "auth": auth }))
        .send()
        .ok();
}

/// The password of somebody else proves nothing.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#password-based)
#[test]
fn the_password_of_another_user_is_refused() {
    covers!(POST "/_matrix/client/v3/account/password");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let mut body = json!({ "new_password": "another password" });
    let question = alice.post("/v3/account/password", &body).must_be(401);
    body["auth"] = bob.password_auth(&question["session"]);
    let answer = alice.post("/v3/account/password", &body);
    assert!(matches!(answer.status, 401 | 403), "{answer}");
    alice.new_device();
}

/// Nobody finds out by user-interactive authentication whether they have guessed somebody else's password.
#[test]
fn the_password_of_another_user_is_not_guessed() {
    covers!(POST "/_matrix/client/v3/delete_devices");
    // Synapse says that it was right, but for somebody else.
    if homeserver().is_synapse() {
        return;
    }
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let mut body = json!({ "devices": ["NONE"] });
    let mut guess = |password: Option<&str>| {
        let question = alice.post("/v3/delete_devices", &body).must_be(401);
        let mut auth = bob.password_auth(&question["session"]);
        if let Some(password) = password {
            auth["password"] = json!(password);
        }
        body["auth"] = auth;
        let answer = alice.post("/v3/delete_devices", &body).must_be(401);
        body = json!({ "devices": ["NONE"] });
        (answer["errcode"].clone(), answer["error"].clone())
    };
    assert_eq!(guess(None), guess(Some("a wrong password")));
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#user-interactive-api-in-the-rest-api)
#[test]
fn a_request_without_auth_never_succeeds() {
    covers!(POST "/_matrix/client/v3/delete_devices");
    let phone = homeserver().register("alice");
    let (laptop, tablet) = (phone.new_device(), phone.new_device());
    let body = json!({ "devices": [laptop.device_id] });
    phone
        .with_password("POST", "/v3/delete_devices", &body)
        .ok();
    let body = json!({ "devices": [tablet.device_id] });
    phone.post("/v3/delete_devices", &body).must_be(401);
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#user-interactive-api-in-the-rest-api)
#[test]
fn a_stage_that_is_done_is_done_when_it_is_sent_again() {
    covers!(POST "/_matrix/client/v3/register");
    let settings = Settings {
        registration_token_required: true,
        fialka: "[[registration.terms]]\nid = \"terms\"\nversion = \"1\"\nlanguages.en = { name = \"Terms\", url = \"https://spec.test/terms\" }".to_owned(),
        ..Settings::default()
    };
    let Some(server) = Homeserver::own(&settings) else {
        return;
    };
    let mut body = json!({ "username": unique("alice"), "password": "a long enough password" });
    let question = server.post("/v3/register", &body).must_be(401);
    let session = text(&question["session"]);
    body["auth"] = json!({ "type": "m.login.terms", "session": session });
    for _ in 0..2 {
        let answer = server.post("/v3/register", &body).must_be(401);
        assert_eq!(answer["completed"], json!(["m.login.terms"]));
    }
    body["auth"] = json!({ "session": session });
    let answer = server.post("/v3/register", &body).must_be(401);
    assert_eq!(answer["completed"], json!(["m.login.terms"]));
    assert!(answer.get("errcode").is_none(), "{answer}");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3accountpassword)
#[test]
fn a_new_password_signs_the_other_devices_out_unless_they_are_to_stay() {
    covers!(POST "/_matrix/client/v3/account/password");
    let phone = homeserver().register("alice");
    let laptop = phone.new_device();
    let body = json!({ "new_password": "the second password", "logout_devices": false });
    phone
        .with_password("POST", "/v3/account/password", &body)
        .ok();
    laptop.get("/v3/account/whoami").ok();
    let mut phone = phone;
    phone.password = "the second password".to_owned();
    let body = json!({ "new_password": "the third password" });
    phone
        .with_password("POST", "/v3/account/password", &body)
        .ok();
    phone.get("/v3/account/whoami").ok();
    laptop
        .get("/v3/account/whoami")
        .must_fail(401, "M_UNKNOWN_TOKEN");
}
