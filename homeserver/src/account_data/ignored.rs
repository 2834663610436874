//! Who ignores whom.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#ignoring-users)
//!
//! Kept in memory from the side of the ignored: every event asks who ignores its sender, and nearly always the answer is
//! nobody.

use std::collections::{BTreeMap, HashMap};

use parking_lot::RwLock;
use roaring::RoaringBitmap;
use ruma::{OwnedUserId, serde::JsonObject};
use serde::Deserialize;

use super::{AccountData, Scope, store};
use crate::{
    ids::UserNid,
    storage::{Result, Snapshot, Storage, tables},
};

/// The type under which clients keep the list.
pub(super) const IGNORED_USERS: &str = "m.ignored_user_list";

/// The ignored, each with those who ignore them.
#[derive(Default)]
pub(super) struct Ignored(RwLock<HashMap<UserNid, RoaringBitmap>>);

impl Ignored {
    pub(super) fn load(storage: &Storage, snapshot: &Snapshot<'_>) -> Result<Self> {
        let ignored = Self::default();
        for row in tables::ACCOUNT.scan(snapshot, ())? {
            let (user, _) = row?;
            if let Some(row) = store::get(snapshot, user, Scope::Global, IGNORED_USERS)? {
                ignored.replace(user, &listed(storage, &row.content)?);
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
        let listed = listed(&self.storage, content)?;
        self.ignored.replace(user, &listed);
        Ok(())
    }
}

/// The users in a stored list. What is no user id is nobody.
fn listed(storage: &Storage, content: &str) -> Result<Vec<UserNid>> {
    #[derive(Default, Deserialize)]
    struct Content {
        #[serde(default)]
        ignored_users: BTreeMap<String, JsonObject>,
    }
    let content: Content = serde_json::from_str(content).unwrap_or_default();
    let users = content.ignored_users.into_keys();
    users
        .filter_map(|id| OwnedUserId::try_from(id).ok())
        .map(|id| storage.interner().user(&id))
        .collect()
}
