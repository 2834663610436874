use ruma::{
    serde::Base64,
    server_name,
    signatures::{Ed25519KeyPair, sign_json},
};
use serde_json::json;

use super::*;

fn pair(version: &str) -> Ed25519KeyPair {
    Ed25519KeyPair::from_der(&Ed25519KeyPair::generate(), version.to_owned()).unwrap()
}

fn public(pair: &Ed25519KeyPair) -> String {
    Base64::<ruma::serde::base64::Standard, _>::new(pair.public_key().to_vec()).encode()
}

fn time(milliseconds: u64) -> MilliSecondsSinceUnixEpoch {
    MilliSecondsSinceUnixEpoch(UInt::new(milliseconds).unwrap())
}

/// An answer with one key in use and one old key.
fn answer(key: &Ed25519KeyPair, signers: &[&Ed25519KeyPair]) -> Raw<ServerSigningKeys> {
    let answer = json!({
        "server_name": "a.example",
        "verify_keys": { format!("ed25519:{}", key.version()): { "key": public(key) } },
        "old_verify_keys": { "ed25519:old": { "key": public(&pair("old")), "expired_ts": 500 } },
        "valid_until_ts": 1_000_000_000_000_u64,
        "unknown": true,
    });
    let mut object: CanonicalJsonObject = serde_json::from_value(answer).unwrap();
    for signer in signers {
        sign_json("a.example", *signer, &mut object).unwrap();
    }
    if signers.is_empty() {
        object.insert("signatures".to_owned(), CanonicalJsonObject::new().into());
    }
    Raw::from_json_string(serde_json::to_string(&object).unwrap()).unwrap()
}

fn check(raw: &Raw<ServerSigningKeys>) -> Result<ServerKeys, Unbelievable> {
    ServerKeys::check(server_name!("a.example"), raw, time(1_000))
}

#[test]
fn a_signed_answer_is_believed_for_a_week() {
    let key = pair("k1");
    let keys = check(&answer(&key, &[&key])).unwrap();
    assert_eq!(keys.valid_until, time(1_000 + LONGEST_VALIDITY));
    let row = &keys.keys["ed25519:k1"];
    assert_eq!((row.valid_until, row.is_old), (keys.valid_until, false));
    assert_eq!(row.key, public(&key));
    let old = &keys.keys["ed25519:old"];
    assert_eq!((old.valid_until, old.is_old), (time(500), true));
}

#[test]
fn an_answer_needs_the_signature_of_a_key_it_lists() {
    let (key, other, namesake) = (pair("k1"), pair("k2"), pair("k1"));
    assert_eq!(check(&answer(&key, &[])), Err(Unbelievable::NotSigned));
    assert_eq!(
        check(&answer(&key, &[&other])),
        Err(Unbelievable::NotSigned)
    );
    assert_eq!(
        check(&answer(&key, &[&namesake])),
        Err(Unbelievable::WronglySigned)
    );
    check(&answer(&key, &[&key, &other])).unwrap();
}

#[test]
fn an_answer_about_another_server_is_not_believed() {
    let key = pair("k1");
    let raw = answer(&key, &[&key]);
    let refused = ServerKeys::check(server_name!("b.example"), &raw, time(0));
    assert_eq!(refused, Err(Unbelievable::OfAnother));
}

#[test]
fn a_key_is_usable_while_it_was_valid() {
    use super::super::When;
    let key = pair("k1");
    let keys = check(&answer(&key, &[&key])).unwrap().keys;
    let (new, old) = (&keys["ed25519:k1"], &keys["ed25519:old"]);
    let (now, later) = (time(1_000), time(1_001 + LONGEST_VALIDITY));
    assert!(new.public_key(When::Now, now).is_some());
    assert!(new.public_key(When::Now, later).is_none());
    assert!(new.public_key(When::At(later), now).is_none());
    assert!(old.public_key(When::Now, time(400)).is_none());
    assert!(old.public_key(When::At(time(500)), now).is_some());
    assert!(old.public_key(When::At(time(501)), now).is_none());
    assert!(old.public_key(When::Ever, now).is_some());
}
