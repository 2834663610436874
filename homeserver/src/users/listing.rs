//! Lists of accounts, as administrators look through them.

use ruma::MilliSecondsSinceUnixEpoch;

use super::{Account, Users, profile_of, store::AccountRow};
use crate::{
    ApiResult,
    ids::UserNid,
    storage::{Result, Snapshot, tables},
};

/// An account with what an administrator sees beside it.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The account.
    pub account: Account,
    /// The display name.
    pub display_name: Option<String>,
    /// The avatar.
    pub avatar_url: Option<String>,
    /// When a device of the user was last seen.
    pub last_seen: Option<MilliSecondsSinceUnixEpoch>,
}

impl Users {
    /// The accounts that are wanted, each with its profile, in the order they were made.
    pub async fn list(
        &self,
        wanted: impl Fn(&Listed) -> bool + Send + 'static,
    ) -> ApiResult<Vec<Listed>> {
        self.read(move |inner, snapshot| {
            let mut found = Vec::new();
            for row in tables::ACCOUNT.scan(snapshot, ())? {
                let (user, row) = row?;
                let user_id = inner.storage.interner().user_id(user)?;
                let listed = Listed::read(snapshot, Account { user, user_id, row })?;
                if wanted(&listed) {
                    found.push(listed);
                }
            }
            Ok(found)
        })
        .await
    }

    /// One account with its profile.
    pub async fn listed(&self, account: Account) -> ApiResult<Listed> {
        self.read(move |_, snapshot| Ok(Listed::read(snapshot, account)?))
            .await
    }

    /// Opens a closed account again, with a new password or, without one, for other ways to sign in.
    pub async fn reactivate(&self, user: UserNid, password: Option<String>) -> ApiResult {
        let hash = match password {
            Some(password) => Some(self.hash_password(password).await?),
            None => None,
        };
        self.update_account(user, move |account: &mut AccountRow| {
            account.deactivated = false;
            account.erased = false;
            account.password = hash;
        })
        .await
    }
}

impl Listed {
    fn read(snapshot: &Snapshot<'_>, account: Account) -> Result<Self> {
        let profile = profile_of(snapshot, account.user)?;
        let mut last_seen = None;
        for row in tables::LAST_SEEN.scan(snapshot, (account.user,))? {
            last_seen = last_seen.max(Some(row?.1.at));
        }
        Ok(Self {
            display_name: profile.display_name().map(str::to_owned),
            avatar_url: profile.avatar_url().map(ToString::to_string),
            last_seen,
            account,
        })
    }
}
