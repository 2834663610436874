//! Who has signed that an invitation is somebody's.
//! [spec](https://spec.matrix.org/v1.19/server-server-api/#verifying-the-invite)

use ruma::{
    CanonicalJsonObject, SigningKeyAlgorithm,
    serde::{Base64, base64::UrlSafe},
    signatures::{to_canonical_json_string_for_signing, verify_canonical_json_bytes},
};
use serde_json::Value;

use super::identity::PublicKey;

/// The key of an invitation with which a claim is signed.
pub(super) fn signing_key(invitation: &Value, signed: &Value) -> Option<PublicKey> {
    let object: CanonicalJsonObject = serde_json::from_value(signed.clone()).ok()?;
    let json = to_canonical_json_string_for_signing(&object).ok()?;
    let signatures: Vec<Base64> = signed["signatures"]
        .as_object()?
        .values()
        .filter_map(Value::as_object)
        .flatten()
        .filter(|(id, _)| id.starts_with("ed25519:"))
        .filter_map(|(_, signature)| Base64::parse(signature.as_str()?).ok())
        .collect();
    keys(invitation).into_iter().find(|key| {
        let Some(public) = decoded(&key.public_key) else {
            return false;
        };
        signatures.iter().any(|signature| {
            let algorithm = SigningKeyAlgorithm::Ed25519;
            let (signature, json) = (signature.as_bytes(), json.as_bytes());
            verify_canonical_json_bytes(&algorithm, &public, signature, json).is_ok()
        })
    })
}

/// The keys that an invitation names: in a list, and one beside it as older servers write it.
fn keys(invitation: &Value) -> Vec<PublicKey> {
    let listed = invitation["public_keys"].as_array().into_iter().flatten();
    let all = listed.chain(std::iter::once(invitation));
    all.filter_map(|key| {
        let url = key["key_validity_url"].as_str();
        Some(PublicKey {
            public_key: key["public_key"].as_str()?.to_owned(),
            key_validity_url: url.filter(|url| !url.is_empty()).map(str::to_owned),
        })
    })
    .collect()
}

/// The bytes of a key, which may be written in either alphabet.
fn decoded(key: &str) -> Option<Vec<u8>> {
    let standard = Base64::<ruma::serde::base64::Standard>::parse(key).map(|key| key.into_inner());
    let url_safe = || Base64::<UrlSafe>::parse(key).map(|key| key.into_inner());
    standard.or_else(|_| url_safe()).ok()
}
