//! Registration tokens: invitations to make an account.

use std::time::Duration;

use ruma::{MilliSecondsSinceUnixEpoch, UInt};

use super::{Users, store::RegistrationTokenRow, tokens};
use crate::{
    ApiError, ApiResult,
    storage::{Commit, tables},
};

/// Letters of a token that nobody chose.
const GENERATED_LENGTH: usize = 16;
/// Characters of the longest token.
const MAX_LENGTH: usize = 64;

/// A registration token to be made.
#[derive(Clone, Debug, Default)]
pub struct NewRegistrationToken {
    /// The token; a random one without.
    pub token: Option<String>,
    /// Letters of a random one.
    pub length: Option<usize>,
    /// For how many accounts it is good; any number without.
    pub uses_allowed: Option<u32>,
    /// For how long it is good; for ever without.
    pub valid_for: Option<Duration>,
}

/// A registration token.
#[derive(Clone, Debug)]
pub struct RegistrationToken {
    /// The token.
    pub token: String,
    /// For how many accounts it is good.
    pub uses_allowed: Option<u32>,
    /// How many have been made with it.
    pub used: u32,
    /// Until when it is good.
    pub expires: Option<MilliSecondsSinceUnixEpoch>,
}

/// A change of a registration token: what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct TokenChange {
    /// For how many accounts it is good; any number for `Some(None)`.
    pub uses_allowed: Option<Option<u32>>,
    /// Until when it is good; for ever for `Some(None)`.
    pub expires: Option<Option<MilliSecondsSinceUnixEpoch>>,
}

impl RegistrationToken {
    /// Whether one more account can be made with it.
    pub fn is_valid(&self, now: MilliSecondsSinceUnixEpoch) -> bool {
        is_valid(self.uses_allowed, self.used, self.expires, now)
    }
}

fn is_valid(
    uses_allowed: Option<u32>,
    used: u32,
    expires: Option<MilliSecondsSinceUnixEpoch>,
    now: MilliSecondsSinceUnixEpoch,
) -> bool {
    uses_allowed.is_none_or(|allowed| used < allowed) && expires.is_none_or(|expires| now < expires)
}

impl RegistrationTokenRow {
    /// Whether one more account can be made with it.
    pub(super) fn is_valid(&self, now: MilliSecondsSinceUnixEpoch) -> bool {
        is_valid(self.uses_allowed, self.used, self.expires, now)
    }
}

impl Users {
    /// Whether an account can be made with this token.
    pub async fn is_registration_token_valid(&self, token: &str) -> ApiResult<bool> {
        let token = token.to_owned();
        let now = self.inner.clock.now();
        self.read(move |_, snapshot| {
            let row = tables::REGISTRATION_TOKEN.get(snapshot, &token)?;
            Ok(row.is_some_and(|row| row.is_valid(now)))
        })
        .await
    }

    /// Makes a registration token.
    pub async fn create_registration_token(
        &self,
        new: NewRegistrationToken,
    ) -> ApiResult<RegistrationToken> {
        let token = new
            .token
            .unwrap_or_else(|| tokens::random_text(new.length.unwrap_or(GENERATED_LENGTH)));
        check(&token)?;
        let now = self.inner.clock.now();
        let row = RegistrationTokenRow {
            uses_allowed: new.uses_allowed,
            used: 0,
            expires: new.valid_for.map(|valid_for| {
                let by = UInt::try_from(valid_for.as_millis()).unwrap_or(UInt::MAX);
                MilliSecondsSinceUnixEpoch(now.get().saturating_add(by))
            }),
            created: now,
        };
        let _turn = self.inner.creating.lock().await;
        let key = token.clone();
        let taken = self
            .read(move |_, snapshot| Ok(tables::REGISTRATION_TOKEN.contains(snapshot, &key)?))
            .await?;
        if taken {
            return Err(ApiError::invalid_param("This token exists already."));
        }
        let made = RegistrationToken::new(token.clone(), &row);
        let commit =
            Commit::silent(move |batch| tables::REGISTRATION_TOKEN.put(batch, &token, &row));
        self.inner.storage.commit(commit).await?;
        Ok(made)
    }

    /// Changes for how much a token is good. The token as it is then, if there is one.
    pub async fn change_registration_token(
        &self,
        token: &str,
        change: TokenChange,
    ) -> ApiResult<Option<RegistrationToken>> {
        let _turn = self.inner.creating.lock().await;
        let key = token.to_owned();
        let row = self
            .read(move |_, snapshot| Ok(tables::REGISTRATION_TOKEN.get(snapshot, &key)?))
            .await?;
        let Some(mut row) = row else { return Ok(None) };
        row.uses_allowed = change.uses_allowed.unwrap_or(row.uses_allowed);
        row.expires = change.expires.unwrap_or(row.expires);
        let changed = RegistrationToken::new(token.to_owned(), &row);
        let token = token.to_owned();
        let commit =
            Commit::silent(move |batch| tables::REGISTRATION_TOKEN.put(batch, &token, &row));
        self.inner.storage.commit(commit).await?;
        Ok(Some(changed))
    }

    /// Every registration token, used up ones included.
    pub async fn registration_tokens(&self) -> ApiResult<Vec<RegistrationToken>> {
        self.read(|_, snapshot| {
            let rows = tables::REGISTRATION_TOKEN.scan(snapshot, ())?;
            rows.map(|row| {
                let (token, row) = row?;
                Ok(RegistrationToken::new(token, &row))
            })
            .collect()
        })
        .await
    }

    /// Makes a token worthless. Whether there was one.
    pub async fn revoke_registration_token(&self, token: &str) -> ApiResult<bool> {
        let _turn = self.inner.creating.lock().await;
        let key = token.to_owned();
        let there = self
            .read(move |_, snapshot| Ok(tables::REGISTRATION_TOKEN.contains(snapshot, &key)?))
            .await?;
        if there {
            let token = token.to_owned();
            let commit =
                Commit::silent(move |batch| tables::REGISTRATION_TOKEN.delete(batch, &token));
            self.inner.storage.commit(commit).await?;
        }
        Ok(there)
    }
}

impl RegistrationToken {
    fn new(token: String, row: &RegistrationTokenRow) -> Self {
        Self {
            token,
            uses_allowed: row.uses_allowed,
            used: row.used,
            expires: row.expires,
        }
    }
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#token-authenticated-registration)
fn check(token: &str) -> ApiResult {
    let good = token
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"._~-".contains(&b));
    if good && !token.is_empty() && token.len() <= MAX_LENGTH {
        return Ok(());
    }
    Err(ApiError::invalid_param(
        "A registration token has 1 to 64 of the characters A-Z, a-z, 0-9, \".\", \"_\", \"~\" and \"-\".",
    ))
}
