//! Users who have verified somebody of another server.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#cross-signing)

use serde_json::{Value, json};
use spec_tests::{
    User,
    crypto::{CrossSigning, Key},
    homeserver,
    matchers::{at, items},
    must::must_contain,
    server::homeserver2,
};

/// Two users with cross-signing keys, each of another server, in one room.
struct Two {
    alice: User,
    keys: CrossSigning,
    bob: User,
}

impl Two {
    fn new() -> Option<Self> {
        let second = homeserver2()?;
        let (alice, bob) = (homeserver().register("alice"), second.register("bob"));
        let room = alice.public_room();
        bob.join_via(&room, &alice.server);
        alice.must_see_member(&room, &bob, "join");
        let keys = CrossSigning::of(&alice);
        for (user, keys) in [(&alice, &keys), (&bob, &CrossSigning::of(&bob))] {
            let path = "/v3/keys/device_signing/upload";
            user.with_password("POST", path, &keys.upload_body()).ok();
        }
        Some(Self { alice, keys, bob })
    }

    /// Bob's master key as Alice gets it, without signatures.
    fn master_key(&self) -> Value {
        let mut key = master_key(&self.alice, &self.bob);
        if let Some(key) = key.as_object_mut() {
            key.remove("signatures");
            key.remove("unsigned");
        }
        key
    }

    /// Alice uploads Bob's master key with a signature of a key that is named as her user-signing key.
    fn sign(&self, with: &Key) -> (Value, Value) {
        let mut key = self.master_key();
        with.sign(&mut key, &self.alice.id, &self.keys.user_signing.public());
        let body = json!({ &self.bob.id: { public_key(&key): key } });
        let answer = self.alice.post("/v3/keys/signatures/upload", &body).ok();
        (key, answer["failures"].clone())
    }
}

fn master_key(user: &User, whom: &User) -> Value {
    let wanted = json!({ "device_keys": { &whom.id: [] } });
    let answer = user.post("/v3/keys/query", &wanted).ok();
    let key = answer["master_keys"][&whom.id].clone();
    assert!(key.is_object(), "no master key of {}: {answer}", whom.id);
    key
}

fn public_key(key: &Value) -> String {
    let keys = key["keys"].as_object().into_iter().flatten();
    let public = keys.filter_map(|(_, public)| public.as_str()).next();
    public.expect("a master key has a key").to_owned()
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#key-and-signature-security)
#[test]
fn whom_a_user_of_another_server_has_verified_is_seen_by_their_own_devices_only() {
    let Some(two) = Two::new() else { return };
    let (alice, bob) = (&two.alice, &two.bob);
    let phone = alice.new_device();
    let before = phone.initial_sync();
    let (signed, failures) = two.sign(&two.keys.user_signing);
    assert!(
        failures
            .as_object()
            .is_none_or(|failures| failures.is_empty()),
        "{failures}"
    );
    phone.must_see_after(&before, |response| {
        match items(at(response, &["device_lists", "changed"])).contains(&json!(bob.id)) {
            true => Ok(()),
            false => Err(response["device_lists"].to_string()),
        }
    });
    let seen = master_key(&phone, bob);
    must_contain(
        &seen["signatures"][&alice.id],
        &signed["signatures"][&alice.id],
    );
    let carol = alice.server.register("carol");
    for other in [bob, &carol] {
        let seen = master_key(other, bob);
        assert!(seen["signatures"].get(&alice.id).is_none(), "{seen}");
    }
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3keyssignaturesupload)
#[test]
fn a_wrong_signature_on_a_key_of_another_server_is_a_failure() {
    let Some(two) = Two::new() else { return };
    let (key, failures) = two.sign(&Key::new());
    let failure = &failures[&two.bob.id][&public_key(&key)];
    assert_eq!(failure["errcode"], "M_INVALID_SIGNATURE", "{failures}");
    let seen = master_key(&two.alice, &two.bob);
    assert!(seen["signatures"].get(&two.alice.id).is_none(), "{seen}");
}

#[test]
fn a_signature_on_a_key_of_a_server_that_does_not_answer_is_a_failure() {
    let Some(two) = Two::new() else { return };
    let nobody = "@nobody:127.0.0.1:1";
    let body = json!({ nobody: { "key": two.master_key() } });
    let answer = two.alice.post("/v3/keys/signatures/upload", &body).ok();
    let failure = &answer["failures"][nobody]["key"];
    assert!(failure["errcode"].is_string(), "{answer}");
}
