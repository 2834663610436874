//! Users whom a user does not want to hear of.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#ignoring-users)

use std::collections::{BTreeMap, HashSet};

use ruma::{OwnedUserId, UserId};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::store::{self, Scope};
use crate::{
    ids::UserNid,
    storage::{Result, Snapshot},
};

/// The type under which clients keep the list.
pub(super) const IGNORED_USER_LIST: &str = "m.ignored_user_list";

/// The users somebody ignores.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IgnoredUsers(HashSet<OwnedUserId>);

impl IgnoredUsers {
    /// Those whom a user ignores as of a snapshot. Nobody can ignore themself.
    pub fn of(snapshot: &Snapshot<'_>, user: UserNid, user_id: &UserId) -> Result<Self> {
        let row = store::get(snapshot, user, Scope::Global, IGNORED_USER_LIST)?;
        Ok(row.map_or_else(Self::default, |row| Self::parse(&row.content, user_id)))
    }

    /// Clients store what they like; whatever is no list ignores nobody.
    pub(super) fn parse(content: &str, user_id: &UserId) -> Self {
        #[derive(Deserialize)]
        struct Content<'a> {
            #[serde(borrow)]
            ignored_users: BTreeMap<String, &'a RawValue>,
        }
        let listed = serde_json::from_str::<Content<'_>>(content)
            .map(|content| content.ignored_users)
            .unwrap_or_default();
        let users = listed.into_keys().filter_map(|id| UserId::parse(id).ok());
        Self(users.filter(|id| id != user_id).collect())
    }

    /// Whether a user is among them.
    pub fn has(&self, user: &UserId) -> bool {
        !self.0.is_empty() && self.0.contains(user)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The users.
    pub fn iter(&self) -> impl Iterator<Item = &OwnedUserId> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use ruma::user_id;

    use super::*;

    #[test]
    fn nobody_ignores_themself_and_nonsense_ignores_nobody() {
        let own = user_id!("@lilia:b.example");
        let content = r#"{"ignored_users":{"@lilia:b.example":{},"@rosa:b.example":{},"x":1}}"#;
        let ignored = IgnoredUsers::parse(content, own);
        assert!(ignored.has(user_id!("@rosa:b.example")));
        assert!(!ignored.has(own));
        for nonsense in ["{}", r#"{"ignored_users":[]}"#, r#"{"ignored_users":7}"#] {
            assert!(IgnoredUsers::parse(nonsense, own).is_empty(), "{nonsense}");
        }
    }
}
