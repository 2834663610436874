//! Accounts: making them, finding them, changing what administrators decide.

use std::sync::Arc;

use ruma::{OwnedUserId, UserId, api::error::ErrorKind};

use super::{
    Profile, Session, SignIn, SignedIn, Users,
    localpart::typed_user_id,
    password::Passwords,
    sessions::NewSession,
    store::{self, AcceptedPolicy, AccountRow, RegistrationTokenRow, TermsRow},
};
use crate::{
    ApiError, ApiResult,
    ids::UserNid,
    storage::{self, Change, Commit, Snapshot, tables},
};

/// An account and its number.
#[derive(Clone, Debug)]
pub struct Account {
    /// The number.
    pub user: UserNid,
    /// The name.
    pub user_id: OwnedUserId,
    /// What is stored.
    pub row: AccountRow,
}

/// An account to be made.
#[derive(Clone, Debug)]
pub struct NewAccount {
    /// The name, which follows the rules.
    pub user_id: OwnedUserId,
    /// The hash of the password.
    pub password: Option<String>,
    /// Whether it administers the server.
    pub admin: bool,
    /// The display name; the local part of the name without one.
    pub display_name: Option<String>,
    /// The registration token that pays for it.
    pub registration_token: Option<String>,
    /// The documents that were accepted for it.
    pub accepted_terms: Vec<AcceptedPolicy>,
}

impl Users {
    /// The account of a user id, if it is one of this server's.
    pub async fn account(&self, user_id: &UserId) -> ApiResult<Option<Account>> {
        let user_id = user_id.to_owned();
        self.read(move |inner, snapshot| {
            let found = store::find_account(&inner.storage, snapshot, &user_id)?;
            Ok(found.map(|(user, row)| Account { user, user_id, row }))
        })
        .await
    }

    /// Every account, in the order they were made.
    pub async fn accounts(&self) -> ApiResult<Vec<Account>> {
        self.read(|inner, snapshot| {
            let mut accounts = Vec::new();
            for row in tables::ACCOUNT.scan(snapshot, ())? {
                let (user, row) = row?;
                let user_id = inner.storage.interner().user_id(user)?;
                accounts.push(Account { user, user_id, row });
            }
            Ok(accounts)
        })
        .await
    }

    /// Whether a name is free. [`ErrorKind::UserInUse`] if not.
    pub(super) async fn check_free(&self, user_id: &UserId) -> ApiResult {
        match self.account(user_id).await? {
            None => Ok(()),
            Some(_) => Err(in_use()),
        }
    }

    /// Makes an account and, if asked, signs its first device in; both or neither.
    pub async fn create_account(
        &self,
        new: NewAccount,
        sign_in: Option<SignIn>,
    ) -> ApiResult<Option<SignedIn>> {
        let session = sign_in.map(|request| NewSession::mint(request, self.inner.clock.now()));
        let session = session.transpose()?;
        let answer = session
            .as_ref()
            .map(|session| session.answer(new.user_id.clone()));
        // The name must still be free, and the token still good, when the rows are written.
        let turn = self.inner.creating.lock().await;
        self.write_account(new, session).await?;
        drop(turn);
        Ok(answer)
    }

    async fn write_account(&self, new: NewAccount, session: Option<NewSession>) -> ApiResult {
        let now = self.inner.clock.now();
        let user_id = new.user_id.clone();
        let token = new.registration_token.clone();
        let (user, token) = self
            .read(move |inner, snapshot| {
                let user = inner.storage.interner().user(&user_id)?;
                if tables::ACCOUNT.contains(snapshot, user)? {
                    return Err(in_use());
                }
                let token = match token {
                    Some(token) => Some(spend(
                        token.clone(),
                        tables::REGISTRATION_TOKEN.get(snapshot, &token)?,
                        now,
                    )?),
                    None => None,
                };
                Ok((user, token))
            })
            .await?;
        let mut profile = Profile::default();
        let display_name = new
            .display_name
            .unwrap_or_else(|| new.user_id.localpart().to_owned());
        profile.set("displayname", display_name.into())?;
        let account = AccountRow {
            password: new.password,
            created: now,
            admin: new.admin,
            locked: false,
            suspended: false,
            deactivated: false,
            erased: false,
            kind: None,
            rate_limit: None,
        };
        let terms = new.accepted_terms;
        let commit = Commit::silent(move |batch| {
            tables::ACCOUNT.put(batch, user, &account);
            tables::PROFILE.put(batch, user, &profile.to_json());
            if !terms.is_empty() {
                let row = TermsRow {
                    accepted: terms,
                    at: now,
                };
                tables::ACCEPTED_TERMS.put(batch, user, &row);
            }
            if let Some(session) = session {
                session.write(batch, user, None);
            }
            if let Some((token, row)) = token {
                tables::REGISTRATION_TOKEN.put(batch, &token, &row);
            }
        });
        self.inner.storage.commit(commit).await?;
        self.refresh_name(user).await
    }

    /// Changes an account. Its sessions see the change with their next request.
    pub async fn update_account(
        &self,
        user: UserNid,
        change: impl FnOnce(&mut AccountRow) + Send + 'static,
    ) -> ApiResult {
        let change = move |_: &Snapshot<'_>, account: &mut AccountRow| {
            change(account);
            Ok(())
        };
        self.try_update_account(user, change).await
    }

    async fn try_update_account(
        &self,
        user: UserNid,
        change: impl FnOnce(&Snapshot<'_>, &mut AccountRow) -> ApiResult + Send + 'static,
    ) -> ApiResult {
        let _turn = self.lock(user).await;
        let (account, changed, tokens) = self
            .read(move |_, snapshot| {
                let account = tables::ACCOUNT.get(snapshot, user)?.ok_or_else(unknown)?;
                let mut changed = account.clone();
                change(snapshot, &mut changed)?;
                Ok((account, changed, store::tokens_of(snapshot, user)?))
            })
            .await?;
        if changed == account {
            return Ok(());
        }
        let commit = Commit::silent(move |batch| tables::ACCOUNT.put(batch, user, &changed));
        self.inner.storage.commit(commit).await?;
        self.inner
            .sessions
            .forget(tokens.iter().map(|token| token.hash));
        self.refresh_name(user).await?;
        self.wake(user).await
    }

    /// Has polls of a user look again, so that they end if the session has.
    pub(super) async fn wake(&self, user: UserNid) -> ApiResult {
        let commit = Commit::new(|_, _| {}).ephemeral();
        let commit = commit.changing(Change::User(user));
        self.inner.storage.commit(commit).await?;
        Ok(())
    }

    /// The account meant by a user id or a local part, if there is one.
    pub async fn account_by_name(&self, name: &str) -> ApiResult<Option<Account>> {
        match typed_user_id(name, &self.inner.server_name) {
            Some(user_id) => self.account(&user_id).await,
            None => Ok(None),
        }
    }

    /// A password as it is stored.
    pub async fn hash_password(&self, password: String) -> ApiResult<String> {
        self.inner.passwords.hash(password).await
    }

    /// A random code of at least fifty bits as it is stored, for somebody who signs in with it for the first time.
    pub fn hash_code(&self, code: &str) -> ApiResult<String> {
        Passwords::hash_code(code)
    }

    /// Sets a password. Sessions stay as they are.
    pub async fn set_password(&self, user: UserNid, password: String) -> ApiResult {
        let hash = self.inner.passwords.hash(password).await?;
        self.update_account(user, move |account| account.password = Some(hash))
            .await
    }

    /// Sets the password of the user of a session. Other sessions stay as they are.
    pub async fn change_password(&self, session: &Session, password: String) -> ApiResult {
        let hash = self.inner.passwords.hash(password).await?;
        let (user, session) = (session.user, session.clone());
        self.try_update_account(user, move |snapshot, account| {
            // Hashing takes its time, in which an administrator may have set another password.
            session.check_stored(snapshot)?;
            account.password = Some(hash);
            Ok(())
        })
        .await
    }

    pub(super) fn hooks(&self) -> Option<&Arc<dyn super::UserHooks>> {
        self.inner.hooks.get()
    }
}

/// Counts one more account made with a token.
fn spend(
    token: String,
    row: Option<RegistrationTokenRow>,
    now: ruma::MilliSecondsSinceUnixEpoch,
) -> ApiResult<(String, RegistrationTokenRow)> {
    match row {
        Some(mut row) if row.is_valid(now) => {
            row.used += 1;
            Ok((token, row))
        }
        _ => Err(ApiError::forbidden(
            "The registration token has been used up in the meantime.",
        )),
    }
}

fn in_use() -> ApiError {
    ApiError::bad_request(ErrorKind::UserInUse, "This user name is taken.")
}

fn unknown() -> ApiError {
    ApiError::not_found("There is no such user on this server.")
}

/// Whether a user may write events: an account that is neither closed nor locked nor suspended.
pub fn may_send(snapshot: &Snapshot<'_>, user: UserNid) -> storage::Result<bool> {
    let account = tables::ACCOUNT.get(snapshot, user)?;
    Ok(account.is_some_and(|row| !row.deactivated && !row.locked && !row.suspended))
}
