//! Who ignores whom.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#ignoring-users)
//!
//! Kept in memory from the side of the ignored: every event asks who ignores its sender, and nearly always the answer is
//! nobody.

use std::collections::HashMap;

use parking_lot::RwLock;
use roaring::RoaringBitmap;

use super::{AccountData, IgnoredUsers};
use crate::{
    ids::UserNid,
    storage::{Result, Snapshot, Storage, tables},
};

/// The ignored, each with those who ignore them.
#[derive(Default)]
pub(super) struct Ignored(RwLock<HashMap<UserNid, RoaringBitmap>>);

impl Ignored {
    pub(super) fn load(storage: &Storage, snapshot: &Snapshot<'_>) -> Result<Self> {
        let ignored = Self::default();
        for row in tables::ACCOUNT.scan(snapshot, ())? {
            let (user, _) = row?;
            let user_id = storage.interner().user_id(user)?;
            let listed = IgnoredUsers::of(snapshot, user, &user_id)?;
            if !listed.is_empty() {
                ignored.replace(user, &numbers(storage, &listed)?);
            }
        }
        Ok(ignored)
    }

    fn replace(&self, user: UserNid, listed: &[UserNid]) {
        let mut by_ignored = self.0.write();
        by_ignored.retain(|_, ignoring| {
            ignoring.remove(user.0);
            !ignoring.is_empty()
        });
        for ignored in listed {
            by_ignored.entry(*ignored).or_default().insert(user.0);
        }
    }
}

impl AccountData {
    /// The users who ignore a user.
    pub fn ignoring(&self, user: UserNid) -> RoaringBitmap {
        let by_ignored = self.ignored.0.read();
        by_ignored.get(&user).cloned().unwrap_or_default()
    }

    /// Takes over a list that a user has stored.
    pub(super) fn learn_ignored(&self, user: UserNid, content: &str) -> Result<()> {
        let user_id = self.storage.interner().user_id(user)?;
        let listed = IgnoredUsers::parse(content, &user_id);
        self.ignored
            .replace(user, &numbers(&self.storage, &listed)?);
        Ok(())
    }
}

fn numbers(storage: &Storage, listed: &IgnoredUsers) -> Result<Vec<UserNid>> {
    let numbers = listed.iter().map(|id| storage.interner().user(id));
    numbers.collect()
}
