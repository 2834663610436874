//! OpenID tokens: with one, a service outside of Matrix learns who somebody is, and nothing else.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#openid)

use std::time::Duration;

use http::StatusCode;
use ruma::{OwnedUserId, api::error::ErrorKind};

use super::{
    Session, Users,
    sessions::later,
    store::OpenIdTokenRow,
    tokens::{self, Purpose},
};
use crate::{
    ApiError, ApiResult,
    storage::{Commit, tables},
};

/// How long a token is good.
pub const OPENID_TOKEN_LIFETIME: Duration = Duration::from_secs(60 * 60);

impl Users {
    /// Makes a token that says who a user is.
    pub async fn create_openid_token(&self, session: &Session) -> ApiResult<String> {
        let (token, hash) = tokens::new_token(Purpose::OpenId);
        let row = OpenIdTokenRow {
            user: session.user,
            expires: later(self.inner.clock.now(), OPENID_TOKEN_LIFETIME),
        };
        let commit = Commit::silent(move |batch| tables::OPENID_TOKEN.put(batch, hash, &row));
        self.inner.storage.commit(commit).await?;
        Ok(token)
    }

    /// Whom a token speaks of.
    /// [spec](https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1openiduserinfo)
    pub async fn openid_user(&self, token: &str) -> ApiResult<OwnedUserId> {
        let hash = tokens::hash(token);
        let now = self.inner.clock.now();
        self.read(move |inner, snapshot| {
            let row = tables::OPENID_TOKEN
                .get(snapshot, hash)?
                .filter(|row| row.expires > now)
                .ok_or_else(unknown)?;
            let account = tables::ACCOUNT.get(snapshot, row.user)?;
            if account.is_none_or(|account| account.deactivated || account.locked) {
                return Err(unknown());
            }
            Ok(inner.storage.interner().user_id(row.user)?)
        })
        .await
    }

    /// Removes tokens that are good no longer.
    pub async fn forget_expired_openid_tokens(&self) -> ApiResult {
        let now = self.inner.clock.now();
        let expired = self
            .read(move |_, snapshot| {
                let mut expired = Vec::new();
                for row in tables::OPENID_TOKEN.scan(snapshot, ())? {
                    let (hash, row) = row?;
                    if row.expires <= now {
                        expired.push(hash);
                    }
                }
                Ok(expired)
            })
            .await?;
        if expired.is_empty() {
            return Ok(());
        }
        let commit = Commit::silent(move |batch| {
            for hash in expired {
                tables::OPENID_TOKEN.delete(batch, hash);
            }
        });
        self.inner.storage.commit(commit).await?;
        Ok(())
    }
}

fn unknown() -> ApiError {
    ApiError::new(
        StatusCode::UNAUTHORIZED,
        ErrorKind::UnknownToken(Default::default()),
        "The OpenID token is not known or has expired.",
    )
}
