//! JSON objects with signatures inside: device keys and cross-signing keys.
//! [spec](https://spec.matrix.org/v1.19/appendices/#signing-json)

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use ruma::{
    CanonicalJsonObject, CanonicalJsonValue, UserId,
    serde::Raw,
    signatures::{to_canonical_json_string_for_signing, verify_canonical_json_bytes},
};

use crate::{ApiError, ApiResult, storage};

/// Clients leave the padding away; some do not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A JSON object with `signatures`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SignedObject(CanonicalJsonObject);

/// One signature on an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FoundSignature {
    /// The algorithm and the name of the signing key: `ed25519:DEVICE`.
    pub(super) key_id: String,
    /// The signature in Base64.
    pub(super) signature: String,
}

impl SignedObject {
    /// Reads an object from a client. `what` begins the error's sentence.
    pub(super) fn parse(json: &str, what: &str) -> ApiResult<Self> {
        serde_json::from_str(json).map(Self).map_err(|error| {
            ApiError::bad_json(format!("{what} is not a canonical JSON object.")).because(error)
        })
    }

    /// Reads an object from the database.
    pub(super) fn stored(json: &str) -> storage::Result<Self> {
        serde_json::from_str(json)
            .map(Self)
            .map_err(|_| storage::Error::Corrupt("a stored key is not a JSON object"))
    }

    pub(super) fn to_json(&self) -> storage::Result<String> {
        serde_json::to_string(&self.0)
            .map_err(|_| storage::Error::Corrupt("a key cannot be written as JSON"))
    }

    pub(super) fn to_raw<T>(&self) -> storage::Result<Raw<T>> {
        Raw::from_json_string(self.to_json()?)
            .map_err(|_| storage::Error::Corrupt("a key cannot be written as JSON"))
    }

    /// Removes what servers on the way add.
    pub(super) fn without_unsigned(mut self) -> Self {
        self.0.remove("unsigned");
        self
    }

    /// Adds a field that is not signed.
    pub(super) fn set_unsigned(&mut self, unsigned: CanonicalJsonObject) {
        self.0
            .insert("unsigned".to_owned(), CanonicalJsonValue::Object(unsigned));
    }

    /// Whether two objects say the same, whoever has signed them.
    pub(super) fn says_the_same_as(&self, other: &Self) -> bool {
        let signed = |field: &&String| !matches!(field.as_str(), "signatures" | "unsigned");
        let fields = |object: &Self| object.0.keys().filter(signed).count();
        fields(self) == fields(other)
            && self
                .0
                .keys()
                .filter(signed)
                .all(|field| self.0.get(field) == other.0.get(field))
    }

    /// The public key with this id in `keys`.
    pub(super) fn public_key(&self, key_id: &str) -> Option<&str> {
        self.0.get("keys")?.as_object()?.get(key_id)?.as_str()
    }

    /// The Ed25519 key of a cross-signing key, which has exactly one key.
    pub(super) fn only_ed25519_key(&self) -> Option<&str> {
        let keys = self.0.get("keys")?.as_object()?;
        let (id, key) = keys.iter().next().filter(|_| keys.len() == 1)?;
        let name = id.strip_prefix("ed25519:")?;
        key.as_str().filter(|&key| key == name)
    }

    /// Whether the list `usage` has a word.
    pub(super) fn has_usage(&self, word: &str) -> bool {
        let usage = self.0.get("usage").and_then(CanonicalJsonValue::as_array);
        usage.is_some_and(|usage| usage.iter().any(|entry| entry.as_str() == Some(word)))
    }

    /// The signatures of a user.
    pub(super) fn signatures_of(&self, user: &UserId) -> Vec<FoundSignature> {
        let of_user = || {
            self.0
                .get("signatures")?
                .as_object()?
                .get(user.as_str())?
                .as_object()
        };
        let signature = |(key_id, signature): (&String, &CanonicalJsonValue)| {
            Some(FoundSignature {
                key_id: key_id.clone(),
                signature: signature.as_str()?.to_owned(),
            })
        };
        of_user()
            .into_iter()
            .flatten()
            .filter_map(signature)
            .collect()
    }

    /// Adds a signature beside those that are there.
    pub(super) fn add_signature(&mut self, user: &UserId, key_id: String, signature: String) {
        let of_user = object_in(object_in(&mut self.0, "signatures"), user.as_str());
        of_user.insert(key_id, CanonicalJsonValue::String(signature));
    }

    /// Whether `signature` is one of `public_key` over this object.
    pub(super) fn is_signed_by(&self, public_key: &str, signature: &str) -> bool {
        let (Ok(public_key), Ok(signature)) = (BASE64.decode(public_key), BASE64.decode(signature))
        else {
            return false;
        };
        let Ok(signed) = to_canonical_json_string_for_signing(&self.0) else {
            return false;
        };
        let algorithm = ruma::SigningKeyAlgorithm::Ed25519;
        verify_canonical_json_bytes(&algorithm, &public_key, &signature, signed.as_bytes()).is_ok()
    }
}

/// The object in a field, put there if something else was.
fn object_in<'o>(object: &'o mut CanonicalJsonObject, field: &str) -> &'o mut CanonicalJsonObject {
    let value = object
        .entry(field.to_owned())
        .or_insert(CanonicalJsonValue::Null);
    if !value.is_object() {
        *value = CanonicalJsonValue::Object(CanonicalJsonObject::new());
    }
    match value {
        CanonicalJsonValue::Object(object) => object,
        _ => unreachable!("the value was made an object above"),
    }
}

#[cfg(test)]
mod tests {
    use ruma::user_id;

    use super::*;

    #[test]
    fn objects_are_compared_without_signatures() {
        let parse = |json: &str| SignedObject::parse(json, "The object").unwrap();
        let signed = parse(r#"{"a":1,"signatures":{"@a:b":{}}}"#);
        assert!(signed.says_the_same_as(&parse(r#"{"a":1,"unsigned":{}}"#)));
        assert!(!signed.says_the_same_as(&parse(r#"{"a":2}"#)));
        assert!(!signed.says_the_same_as(&parse(r#"{"a":1,"b":1}"#)));
    }

    #[test]
    fn signatures_are_added_beside_others() {
        let mut object =
            SignedObject::parse(r#"{"signatures":{"@a:b.c":{"ed25519:X":"1"}}}"#, "It").unwrap();
        let alice = user_id!("@a:b.c");
        object.add_signature(alice, "ed25519:Y".to_owned(), "2".to_owned());
        let keys: Vec<_> = object
            .signatures_of(alice)
            .into_iter()
            .map(|found| found.key_id)
            .collect();
        assert_eq!(keys, ["ed25519:X", "ed25519:Y"]);
    }

    #[test]
    fn signatures_that_are_no_object_are_replaced() {
        let mut object = SignedObject::parse(r#"{"signatures":[]}"#, "It").unwrap();
        object.add_signature(user_id!("@a:b.c"), "ed25519:Y".to_owned(), "2".to_owned());
        assert_eq!(object.signatures_of(user_id!("@a:b.c")).len(), 1);
    }
}
