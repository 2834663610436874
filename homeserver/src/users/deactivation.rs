//! Closing an account for good.

use super::{DevicesOf, Users};
use crate::{
    ApiResult,
    ids::UserNid,
    storage::{Commit, tables},
};

impl Users {
    /// Closes an account: nobody can sign in, its devices and profile go, it leaves its rooms. Its name stays taken.
    /// With `erase` newcomers to its rooms will not see its messages.
    /// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3accountdeactivate)
    pub async fn deactivate(&self, user: UserNid, erase: bool) -> ApiResult {
        // In this order a crash in between leaves an account that can do nothing and can be deactivated again.
        self.update_account(user, move |account| {
            account.password = None;
            account.deactivated = true;
            account.erased |= erase;
        })
        .await?;
        self.delete_devices(user, DevicesOf::All).await?;
        if let Some(hooks) = self.hooks() {
            if erase {
                hooks.erased(user).await?;
            }
            hooks.deactivated(user).await;
        }
        let _turn = self.lock(user).await;
        let commit = Commit::silent(move |batch| tables::PROFILE.delete(batch, user));
        self.inner.storage.commit(commit).await?;
        Ok(())
    }
}
