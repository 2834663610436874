//! Random tokens and identifiers.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rand::{Rng, RngCore, distr::Alphanumeric};
use ruma::OwnedDeviceId;
use sha2::{Digest, Sha256};

use super::store::TokenHash;

/// Letters of a device id.
const DEVICE_ID_LENGTH: usize = 10;

/// What a token is for. Its prefix lets people and secret scanners recognise a leaked one.
#[derive(Clone, Copy, Debug)]
pub(super) enum Purpose {
    Access,
    Refresh,
    OpenId,
    Login,
}

impl Purpose {
    const fn prefix(self) -> &'static str {
        match self {
            Self::Access => "fka_",
            Self::Refresh => "fkr_",
            Self::OpenId => "fko_",
            Self::Login => "fkl_",
        }
    }
}

/// A new token of 32 random bytes, and what is stored of it.
pub(super) fn new_token(purpose: Purpose) -> (String, TokenHash) {
    let mut bytes = [0; 32];
    rand::rng().fill_bytes(&mut bytes);
    let token = format!("{}{}", purpose.prefix(), URL_SAFE_NO_PAD.encode(bytes));
    let hash = hash(&token);
    (token, hash)
}

/// What is stored of a token.
pub(super) fn hash(token: &str) -> TokenHash {
    Sha256::digest(token).into()
}

/// A text nobody can guess, for short-lived sessions and nonces.
pub(super) fn random_text(length: usize) -> String {
    rand::rng()
        .sample_iter(Alphanumeric)
        .take(length)
        .map(char::from)
        .collect()
}

/// A new device id. Letters only, so that people can compare it aloud.
pub(super) fn new_device_id() -> OwnedDeviceId {
    let mut rng = rand::rng();
    let letters: String = (0..DEVICE_ID_LENGTH)
        .map(|_| char::from(rng.random_range(b'A'..=b'Z')))
        .collect();
    letters.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_differ_and_only_their_hash_finds_them() {
        let (first, first_hash) = new_token(Purpose::Access);
        let (second, second_hash) = new_token(Purpose::Access);
        assert_ne!(first, second);
        assert_ne!(first_hash, second_hash);
        assert_eq!(hash(&first), first_hash);
    }

    #[test]
    fn device_id_is_ten_capital_letters() {
        let id = new_device_id();
        assert_eq!(id.as_str().len(), DEVICE_ID_LENGTH);
        assert!(id.as_str().bytes().all(|b| b.is_ascii_uppercase()));
    }
}
