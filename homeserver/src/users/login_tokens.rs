//! Login tokens: with one, a signed-in device signs in another.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv1loginget_token)
//!
//! They live for two minutes and in memory only: after a restart of the server a device asks for a new one.

use std::time::Duration;

use quick_cache::sync::Cache;

use super::{
    Account, Session, SignIn, SignedIn, Users,
    store::TokenHash,
    tokens::{self, Purpose},
};
use crate::{ApiError, ApiResult, ids::UserNid, storage::tables};

/// How long a token is good.
pub const LOGIN_TOKEN_LIFETIME: Duration = Duration::from_secs(2 * 60);
/// Tokens that may be waiting at once.
const MAX_TOKENS: usize = 10_000;

/// Tokens given out and not yet used, with the time at which they expire.
pub(super) struct LoginTokens(Cache<TokenHash, (UserNid, Duration)>);

impl Default for LoginTokens {
    fn default() -> Self {
        Self(Cache::new(MAX_TOKENS))
    }
}

impl Users {
    /// A token that signs in one device of the same user. The user has just authenticated for it.
    pub fn create_login_token(&self, session: &Session) -> String {
        let (token, hash) = tokens::new_token(Purpose::Login);
        let expires = self.inner.clock.elapsed() + LOGIN_TOKEN_LIFETIME;
        let tokens = &self.inner.login_tokens.0;
        tokens.insert(hash, (session.user, expires));
        token
    }

    /// Signs a device in with a login token, which is spent by that.
    /// [spec](https://spec.matrix.org/v1.19/client-server-api/#token-based)
    pub async fn login_with_token(&self, token: &str, request: SignIn) -> ApiResult<SignedIn> {
        let refused = || ApiError::forbidden("The login token is not known, used up or expired.");
        let spent = self.inner.login_tokens.0.remove(&tokens::hash(token));
        let (_, (user, expires)) = spent.ok_or_else(refused)?;
        if expires <= self.inner.clock.elapsed() {
            return Err(refused());
        }
        let account = self
            .read(move |inner, snapshot| {
                let row = tables::ACCOUNT.get(snapshot, user)?;
                let row = row.filter(|row| !row.deactivated).ok_or_else(refused)?;
                let user_id = inner.storage.interner().user_id(user)?;
                Ok(Account { user, user_id, row })
            })
            .await?;
        self.sign_in(account, request).await
    }
}
