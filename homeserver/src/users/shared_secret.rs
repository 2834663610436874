//! Registration by scripts that know the shared secret of the configuration.
//!
//! The way is that of `/_synapse/admin/v1/register`, which existing tools speak: the script fetches a nonce and proves
//! with an HMAC over it and the account's details that it knows the secret.

use std::time::Duration;

use hmac::{Hmac, Mac};
use quick_cache::sync::Cache;
use ruma::api::error::ErrorKind;
use serde::Deserialize;
use sha1::Sha1;

use super::{NewAccount, SignIn, SignedIn, Users, tokens};
use crate::{ApiError, ApiResult};

/// Nonces that may be waiting at once.
const MAX_NONCES: usize = 1_000;
/// How long a nonce is good.
const NONCE_TIMEOUT: Duration = Duration::from_secs(60);
/// Letters of a nonce.
const NONCE_LENGTH: usize = 32;

/// Nonces given out and not yet used, with the time they were.
pub(super) struct Nonces(Cache<String, Duration>);

impl Default for Nonces {
    fn default() -> Self {
        Self(Cache::new(MAX_NONCES))
    }
}

/// What a script sends.
#[derive(Clone, Debug, Deserialize)]
pub struct SharedSecretRegistration {
    /// The nonce it was given.
    pub nonce: String,
    /// The local part of the name.
    pub username: String,
    /// The display name.
    #[serde(default)]
    pub displayname: Option<String>,
    /// The password.
    pub password: String,
    /// Whether the account administers the server.
    #[serde(default)]
    pub admin: bool,
    /// A type of user that other servers know; part of what is signed.
    #[serde(default)]
    pub user_type: Option<String>,
    /// HMAC-SHA1 in hexadecimal.
    pub mac: String,
}

impl Users {
    /// A nonce for one registration.
    pub fn registration_nonce(&self) -> ApiResult<String> {
        self.shared_secret()?;
        let nonce = tokens::random_text(NONCE_LENGTH);
        let now = self.inner.clock.elapsed();
        self.inner.nonces.0.insert(nonce.clone(), now);
        Ok(nonce)
    }

    /// Makes an account for whoever knows the secret.
    pub async fn register_with_secret(
        &self,
        wish: SharedSecretRegistration,
    ) -> ApiResult<SignedIn> {
        let secret = self.shared_secret()?;
        let given_out = self.inner.nonces.0.remove(&wish.nonce);
        let now = self.inner.clock.elapsed();
        if given_out.is_none_or(|(_, at)| now.saturating_sub(at) > NONCE_TIMEOUT) {
            return Err(ApiError::bad_request(
                ErrorKind::Unknown,
                "The nonce is not known or too old: fetch a new one.",
            ));
        }
        wish.verify(secret)?;
        let user_id = self.check_username(&wish.username).await?;
        let account = NewAccount {
            user_id,
            password: Some(self.inner.passwords.hash(wish.password).await?),
            admin: wish.admin,
            display_name: wish.displayname,
            registration_token: None,
            accepted_terms: Vec::new(),
        };
        let signed_in = self
            .create_account(account, Some(SignIn::default()))
            .await?;
        signed_in.ok_or_else(|| ApiError::internal(anyhow::anyhow!("no session was made")))
    }

    fn shared_secret(&self) -> ApiResult<&str> {
        let secret = self.inner.registration.shared_secret.as_deref();
        // Without a secret there is no such endpoint.
        secret.ok_or_else(ApiError::unrecognized)
    }
}

impl SharedSecretRegistration {
    fn verify(&self, secret: &str) -> ApiResult {
        let refused = || ApiError::forbidden("The HMAC is not right.");
        let mut mac =
            Hmac::<Sha1>::new_from_slice(secret.as_bytes()).map_err(ApiError::internal)?;
        let admin = if self.admin { "admin" } else { "notadmin" };
        let parts = [&self.nonce, &self.username, &self.password, admin];
        mac.update(parts.join("\0").as_bytes());
        if let Some(user_type) = &self.user_type {
            mac.update(b"\0");
            mac.update(user_type.as_bytes());
        }
        let given = from_hex(&self.mac).ok_or_else(refused)?;
        mac.verify_slice(&given).map_err(|_| refused())
    }
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok())
        .collect()
}

/// The HMAC over these parts, as a script computes it.
#[cfg(test)]
pub(super) fn mac(secret: &str, parts: &[&str]) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(parts.join("\0").as_bytes());
    let bytes = mac.finalize().into_bytes();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(mac: &str) -> SharedSecretRegistration {
        SharedSecretRegistration {
            nonce: "n".to_owned(),
            username: "root".to_owned(),
            displayname: None,
            password: "p".to_owned(),
            admin: true,
            user_type: None,
            mac: mac.to_owned(),
        }
    }

    #[test]
    fn hmac_is_over_nonce_name_password_and_admin() {
        // printf 'n\0root\0p\0admin' | openssl sha1 -hmac secret
        wish("7533dd571de1612f2a2de170832588bb54a1cca1")
            .verify("secret")
            .unwrap();
        wish("7533dd571de1612f2a2de170832588bb54a1cca1")
            .verify("other")
            .unwrap_err();
        wish("zz").verify("secret").unwrap_err();
        wish("é").verify("secret").unwrap_err();
    }
}
