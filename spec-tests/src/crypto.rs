//! Keys and signatures, as far as a server looks at them.

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use ed25519_dalek::{Signature, Signer as _, SigningKey, Verifier as _, VerifyingKey};
use serde_json::{Value, json};

use crate::{server::unique, user::User};

/// An Ed25519 key pair.
#[derive(Debug)]
pub struct Key(SigningKey);

impl Key {
    /// A key that no other test uses.
    pub fn new() -> Self {
        let mut seed = [0; 32];
        let name = unique("key");
        for (byte, source) in seed.iter_mut().zip(name.bytes().rev()) {
            *byte = source;
        }
        Self(SigningKey::from_bytes(&seed))
    }

    /// The public half in unpadded base64.
    pub fn public(&self) -> String {
        STANDARD_NO_PAD.encode(self.0.verifying_key().as_bytes())
    }

    /// Adds a signature by `ed25519:{key_name}` of a user.
    pub fn sign(&self, object: &mut Value, user: &str, key_name: &str) {
        self.sign_as(object, user, &format!("ed25519:{key_name}"));
    }

    /// Adds a signature of a user or a server.
    /// [spec](https://spec.matrix.org/v1.19/appendices/#signing-details)
    pub fn sign_as(&self, object: &mut Value, signer: &str, key_id: &str) {
        let mut signed = object.clone();
        if let Some(object) = signed.as_object_mut() {
            object.remove("signatures");
            object.remove("unsigned");
        }
        let signature = self.0.sign(canonical(&signed).as_bytes());
        let signature = STANDARD_NO_PAD.encode(signature.to_bytes());
        object["signatures"][signer][key_id] = signature.into();
    }
}

impl Default for Key {
    fn default() -> Self {
        Self::new()
    }
}

/// An object has a valid signature of a server or a user.
///
/// # Panics
/// When it has none, or a wrong one.
#[track_caller]
pub fn must_be_signed(object: &Value, signer: &str, key_id: &str, public_key: &str) {
    let mut signed = object.clone();
    if let Some(object) = signed.as_object_mut() {
        object.remove("signatures");
        object.remove("unsigned");
    }
    let is_valid = || {
        let public_key = STANDARD_NO_PAD.decode(public_key).ok()?;
        let public_key = VerifyingKey::from_bytes(&public_key.try_into().ok()?).ok()?;
        let signature = object["signatures"][signer][key_id].as_str()?;
        let signature = Signature::from_slice(&STANDARD_NO_PAD.decode(signature).ok()?).ok()?;
        public_key
            .verify(canonical(&signed).as_bytes(), &signature)
            .ok()
    };
    assert!(
        is_valid().is_some(),
        "must be signed by {signer} with {key_id}: {object}"
    );
}

/// [Canonical JSON](https://spec.matrix.org/v1.19/appendices/#canonical-json).
pub fn canonical(json: &Value) -> String {
    match json {
        Value::Object(object) => {
            let mut members: Vec<_> = object.iter().collect();
            members.sort_by_key(|(key, _)| key.as_str());
            let members = members
                .into_iter()
                .map(|(key, value)| format!("{}:{}", Value::from(key.as_str()), canonical(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        }
        Value::Array(items) => {
            let items = items.iter().map(canonical);
            format!("[{}]", items.collect::<Vec<_>>().join(","))
        }
        other => other.to_string(),
    }
}

/// The keys of one device.
#[derive(Debug)]
pub struct Device {
    key: Key,
    user_id: String,
    device_id: String,
}

impl Device {
    /// Keys for the device that a user acts from.
    pub fn of(user: &User) -> Self {
        Self {
            key: Key::new(),
            user_id: user.id.clone(),
            device_id: user.device_id.clone(),
        }
    }

    /// The `device_keys` of `/keys/upload`.
    pub fn keys(&self) -> Value {
        let Self {
            key,
            user_id,
            device_id,
        } = self;
        let mut keys = json!({
            "user_id": user_id,
            "device_id": device_id,
            "algorithms": ["m.olm.v1.curve25519-aes-sha2", "m.megolm.v1.aes-sha2"],
            "keys": {
                format!("curve25519:{device_id}"): Key::new().public(),
                format!("ed25519:{device_id}"): key.public(),
            },
        });
        key.sign(&mut keys, user_id, device_id);
        keys
    }

    /// Signed one-time keys with these names.
    pub fn one_time_keys(&self, names: &[&str]) -> Value {
        let keys = names.iter().map(|name| {
            let mut key = json!({ "key": Key::new().public() });
            self.key.sign(&mut key, &self.user_id, &self.device_id);
            (format!("signed_curve25519:{name}"), key)
        });
        keys.collect()
    }

    /// A signed fallback key.
    pub fn fallback_key(&self, name: &str) -> Value {
        let mut key = json!({ "key": Key::new().public(), "fallback": true });
        self.key.sign(&mut key, &self.user_id, &self.device_id);
        json!({ format!("signed_curve25519:{name}"): key })
    }
}

/// The three cross-signing keys of a user.
#[derive(Debug)]
pub struct CrossSigning {
    user_id: String,
    /// Signs the other two.
    pub master: Key,
    /// Signs the user's own devices.
    pub self_signing: Key,
    /// Signs other users' master keys.
    pub user_signing: Key,
}

impl CrossSigning {
    /// New keys for a user.
    pub fn of(user: &User) -> Self {
        Self {
            user_id: user.id.clone(),
            master: Key::new(),
            self_signing: Key::new(),
            user_signing: Key::new(),
        }
    }

    /// The body of `/keys/device_signing/upload`.
    pub fn upload_body(&self) -> Value {
        json!({
            "master_key": self.public(&self.master, "master", false),
            "self_signing_key": self.public(&self.self_signing, "self_signing", true),
            "user_signing_key": self.public(&self.user_signing, "user_signing", true),
        })
    }

    fn public(&self, key: &Key, usage: &str, signed_by_master: bool) -> Value {
        let public = key.public();
        let mut object = json!({
            "user_id": self.user_id,
            "usage": [usage],
            "keys": { format!("ed25519:{public}"): public },
        });
        if signed_by_master {
            self.master
                .sign(&mut object, &self.user_id, &self.master.public());
        }
        object
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::canonical;

    #[test]
    fn canonical_json_has_sorted_keys_and_no_spaces() {
        let object = json!({ "b": [1, { "d": 2, "c": "й" }], "a": null });
        assert_eq!(canonical(&object), r#"{"a":null,"b":[1,{"c":"й","d":2}]}"#);
    }
}
