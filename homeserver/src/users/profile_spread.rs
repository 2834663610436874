//! Telling rooms of a new name or picture.
//!
//! Somebody may be in thousands of rooms, so a request waits for that a moment only, and of several changes in a row
//! the last one is told. A mark in the database has the server go on with it after it was stopped in between.

use std::{collections::HashMap, time::Duration};

use parking_lot::Mutex;

use super::Users;
use crate::{
    ApiResult,
    ids::UserNid,
    storage::{Batch, Commit, tables},
};

/// How long a request waits until all rooms are told.
const PATIENCE: Duration = Duration::from_secs(3);

/// Users whose rooms are being told, with whether there is something newer to tell by now.
#[derive(Default)]
pub(super) struct Spreading(Mutex<HashMap<UserNid, bool>>);

impl Spreading {
    /// Whether it is up to the caller to tell. If somebody is at it already, they will begin again.
    fn begin(&self, user: UserNid) -> bool {
        let mut spreading = self.0.lock();
        if let Some(again) = spreading.get_mut(&user) {
            *again = true;
            return false;
        }
        spreading.insert(user, false);
        true
    }

    /// Whether to begin again.
    fn goes_on(&self, user: UserNid) -> bool {
        let mut spreading = self.0.lock();
        match spreading.get_mut(&user) {
            Some(again) if *again => {
                *again = false;
                true
            }
            _ => {
                spreading.remove(&user);
                false
            }
        }
    }
}

/// Marks a user whose rooms have to be told.
pub(super) fn mark(batch: &mut Batch<'_>, user: UserNid) {
    tables::UNTOLD_PROFILE.put(batch, user, &());
}

impl Users {
    /// Tells the rooms of a user of their present profile. Returns when that is done, or goes on behind the caller.
    pub(super) async fn spread_profile(&self, user: UserNid) {
        if !self.inner.spreading.begin(user) {
            return;
        }
        let users = self.clone();
        let telling = tokio::spawn(async move {
            loop {
                if let Some(hooks) = users.hooks() {
                    hooks.profile_changed(user).await;
                }
                if !users.inner.spreading.goes_on(user) {
                    break;
                }
            }
            let done = Commit::silent(move |batch| tables::UNTOLD_PROFILE.delete(batch, user));
            if let Err(error) = users.inner.storage.commit(done.ephemeral()).await {
                tracing::warn!(%error, "that a profile was told could not be noted");
            }
        });
        // What takes longer goes on.
        drop(tokio::time::timeout(PATIENCE, telling).await);
    }

    /// Goes on with what the server did not finish before it was stopped.
    pub async fn finish_spreading_profiles(&self) -> ApiResult {
        let untold = self
            .read(|_, snapshot| {
                let rows = tables::UNTOLD_PROFILE.scan(snapshot, ())?;
                Ok(rows
                    .map(|row| row.map(|(user, ())| user))
                    .collect::<Result<Vec<_>, _>>()?)
            })
            .await?;
        for user in untold {
            self.spread_profile(user).await;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_changes_in_a_row_the_last_one_is_told_once() {
        let spreading = Spreading::default();
        let user = UserNid(1);
        assert!(spreading.begin(user));
        assert!(!spreading.begin(user));
        assert!(!spreading.begin(user));
        assert!(spreading.goes_on(user), "once more for the two");
        assert!(!spreading.goes_on(user));
        assert!(spreading.begin(user));
    }
}
