//! Signing in with a password.

use ruma::{
    OwnedUserId, UserId,
    api::{client::uiaa::UserIdentifier, error::ErrorKind},
};
use tokio::sync::MutexGuard;

use super::{
    Account, Addition, SignIn, SignedIn, Users,
    localpart::typed_user_id,
    password::Verdict,
    refresh::{delete_access, delete_refresh},
    sessions::{NewSession, locked},
    store::{self, TokenKind},
};
use crate::{
    ApiError, ApiResult,
    ids::UserNid,
    storage::{Snapshot, tables},
};

/// How often a password is verified that is changed meanwhile.
const LOGIN_TRIES: usize = 3;

/// Whom somebody claims to be.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#identifier-types)
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identifier {
    /// A user id or its local part.
    User(String),
    /// An address or a phone number. No account of this server has one, so it stands for nobody.
    ThirdParty,
}

impl Identifier {
    /// What a client sent; [`ErrorKind::Unknown`] for a type this server does not know.
    pub fn from_request(identifier: &UserIdentifier) -> ApiResult<Self> {
        match identifier {
            UserIdentifier::Matrix(user) => Ok(Self::User(user.user.clone())),
            other => match other.identifier_type() {
                "m.id.thirdparty" | "m.id.phone" => Ok(Self::ThirdParty),
                _ => Err(ApiError::bad_request(
                    ErrorKind::Unknown,
                    "This server does not know this type of identifier: use \"m.id.user\".",
                )),
            },
        }
    }

    /// The user ids it may stand for, the likeliest first.
    fn candidates(&self, server_name: &ruma::ServerName) -> Vec<OwnedUserId> {
        let Self::User(typed) = self else {
            return Vec::new();
        };
        let exact = typed_user_id(typed, server_name);
        // Names are lower case, but phones like to begin with a capital letter.
        let lower = typed_user_id(&typed.to_lowercase(), server_name)
            .filter(|_| typed.chars().any(char::is_uppercase));
        exact.into_iter().chain(lower).collect()
    }
}

impl Users {
    /// Signs a device in with a password.
    /// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3login)
    pub async fn login(
        &self,
        identifier: &Identifier,
        password: String,
        request: SignIn,
    ) -> ApiResult<SignedIn> {
        // Verifying takes its time, in which the password may be changed, if only to be hashed anew.
        for _ in 0..LOGIN_TRIES {
            let account = self.verify_password(identifier, password.clone()).await?;
            let turn = self.lock(account.user).await;
            if self.has_password(&account).await? {
                return self.sign_in_now(turn, account, request).await;
            }
        }
        Err(wrong_password())
    }

    /// Whether the password of an account is the one it was read with.
    async fn has_password(&self, account: &Account) -> ApiResult<bool> {
        let (user, password) = (account.user, account.row.password.clone());
        self.read(move |_, snapshot| {
            let row = tables::ACCOUNT.get(snapshot, user)?;
            Ok(row.is_some_and(|row| row.password == password))
        })
        .await
    }

    /// Signs a device in for an application service. `check` says whether the user is one of the service's.
    /// [spec](https://spec.matrix.org/v1.19/application-service-api/#server-admin-style-permissions)
    pub async fn login_for_appservice(
        &self,
        identifier: &Identifier,
        request: SignIn,
        check: impl FnOnce(&UserId) -> ApiResult<()>,
    ) -> ApiResult<SignedIn> {
        let Some(user_id) = identifier
            .candidates(&self.inner.server_name)
            .into_iter()
            .next()
        else {
            return Err(ApiError::invalid_param(
                "\"identifier\" has to name a user of this server.",
            ));
        };
        check(&user_id)?;
        match self.account(&user_id).await? {
            Some(account) if !account.row.deactivated => self.sign_in(account, request).await,
            _ => Err(ApiError::forbidden(
                "The application service has to register this user first.",
            )),
        }
    }

    /// The account whose password this is; 403 for a wrong password and for an unknown user alike.
    pub(super) async fn verify_password(
        &self,
        identifier: &Identifier,
        password: String,
    ) -> ApiResult<Account> {
        let account = self.identify(identifier).await?;
        if let Some(account) = &account
            && account.row.deactivated
        {
            return Err(deactivated());
        }
        let stored = account
            .as_ref()
            .and_then(|account| account.row.password.clone());
        let verdict = self.inner.passwords.verify(password, stored).await?;
        match (account, verdict) {
            (Some(mut account), Verdict::Right { rehashed }) => {
                if let Some(hash) = rehashed {
                    self.replace_hash(&account, hash.clone()).await?;
                    account.row.password = Some(hash);
                }
                Ok(account)
            }
            _ => Err(wrong_password()),
        }
    }

    pub(super) async fn identify(&self, identifier: &Identifier) -> ApiResult<Option<Account>> {
        for user_id in identifier.candidates(&self.inner.server_name) {
            if let Some(account) = self.account(&user_id).await? {
                return Ok(Some(account));
            }
        }
        Ok(None)
    }

    async fn replace_hash(&self, account: &Account, hash: String) -> ApiResult {
        let verified = account.row.password.clone();
        self.update_account(account.user, move |row| {
            // The password may have been changed since it was verified.
            if row.password == verified {
                row.password = Some(hash);
            }
        })
        .await
    }

    /// Gives a device of an account its tokens. Tokens the device had are void from here on.
    pub async fn sign_in(&self, account: Account, request: SignIn) -> ApiResult<SignedIn> {
        let turn = self.lock(account.user).await;
        self.sign_in_now(turn, account, request).await
    }

    async fn sign_in_now(
        &self,
        _turn: MutexGuard<'_, ()>,
        account: Account,
        request: SignIn,
    ) -> ApiResult<SignedIn> {
        let user = account.user;
        let mut session = NewSession::mint(request, self.inner.clock.now())?;
        let (device_id, hooks) = (session.device_id().clone(), self.hooks().cloned());
        let (known, mut tokens, addition) = self
            .read(move |_, snapshot| {
                check_open(snapshot, user)?;
                let known = tables::DEVICE.get(snapshot, (user, &device_id))?;
                let addition = match hooks {
                    Some(hooks) if known.is_none() => {
                        hooks.device_created(snapshot, user, &device_id)?
                    }
                    _ => Addition::default(),
                };
                Ok((known, store::tokens_of(snapshot, user)?, addition))
            })
            .await?;
        if let Some(known) = known {
            session.keep_device(known);
        }
        tokens.retain(|token| token.device_id == *session.device_id());
        let answer = session.answer(account.user_id);
        let ended: Vec<_> = tokens.iter().map(|token| token.hash).collect();
        let commit = addition.with(move |batch| {
            for token in &tokens {
                match token.kind {
                    TokenKind::Access => {
                        delete_access(batch, user, &token.device_id, token.hash);
                    }
                    TokenKind::Refresh => {
                        delete_refresh(batch, user, &token.device_id, token.hash);
                    }
                }
            }
            session.write(batch, user, None);
        });
        self.inner.storage.commit(commit).await?;
        self.inner.sessions.forget(ended);
        Ok(answer)
    }
}

/// Refuses those whose account was closed or locked, be it while they signed in.
fn check_open(snapshot: &Snapshot<'_>, user: UserNid) -> ApiResult {
    match tables::ACCOUNT.get(snapshot, user)? {
        Some(row) if row.locked => Err(locked()),
        Some(row) if !row.deactivated => Ok(()),
        _ => Err(deactivated()),
    }
}

fn deactivated() -> ApiError {
    ApiError::new(
        http::StatusCode::FORBIDDEN,
        ErrorKind::UserDeactivated,
        "This account has been deactivated.",
    )
}

pub(super) fn wrong_password() -> ApiError {
    ApiError::forbidden("The user name or the password is wrong.")
}
