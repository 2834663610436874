//! What clients keep on the server for a user: account data, tags, push rules, filters.

use std::sync::Arc;

use ruma::{OwnedDeviceId, RoomId, api::error::ErrorKind, serde::JsonObject};
use serde_json::value::RawValue;

pub mod filters;
mod ignored;
mod ignored_users;
mod invite_permission;
mod push_rules;
mod push_rules_edit;
pub mod routes;
pub mod store;
mod tags;

use self::{ignored::Ignored, ignored_users::IGNORED_USER_LIST, push_rules::PushRules};
pub use self::{
    ignored_users::IgnoredUsers,
    invite_permission::{InvitePermission, InviteVerdict},
    push_rules::{Class, UserRules, default_rules, nobody, rules_json},
    push_rules_edit::{NewRule, NewRuleBody, Placement, Rule},
    store::{AccountDatum, Scope},
};
use crate::{
    ApiError, ApiResult,
    ids::{RoomNid, StreamPos, UserNid},
    storage::{Change, Commit, Fill, Result, Snapshot, Storage, tables},
    users::Users,
};

/// The type under which push rules appear.
const PUSH_RULES: &str = "m.push_rules";
/// The type of the read marker, which has an endpoint of its own.
const FULLY_READ: &str = "m.fully_read";

/// Bytes that one piece may have.
const MAX_CONTENT: usize = 256 * 1024;
/// Bytes that all of a user's may have: a first sync tells all of them.
const MAX_TOTAL: usize = 8 * 1024 * 1024;

/// Account data of this server's users. Clones share everything.
#[derive(Clone)]
pub struct AccountData {
    storage: Storage,
    users: Users,
    push_rules: Arc<PushRules>,
    ignored: Arc<Ignored>,
}

impl AccountData {
    /// The account data in a database.
    pub fn new(storage: Storage, users: Users) -> Result<Self> {
        let push_rules = Arc::new(PushRules::load(&storage, &storage.snapshot())?);
        let ignored = Arc::new(Ignored::load(&storage, &storage.snapshot())?);
        Ok(Self {
            storage,
            users,
            push_rules,
            ignored,
        })
    }

    /// The content a client stored, if it did.
    pub async fn get(
        &self,
        user: UserNid,
        room_id: Option<&RoomId>,
        event_type: &str,
    ) -> ApiResult<Option<Box<RawValue>>> {
        if room_id.is_none() && event_type == PUSH_RULES {
            let content = self.push_rules_content(user).await?;
            return Ok(Some(content));
        }
        let row = self.row(user, room_id, event_type).await?;
        row.map(|(_, row)| RawValue::from_string(row.content).map_err(ApiError::internal))
            .transpose()
    }

    /// Stores what a client sent. Types that the server controls are refused.
    /// [spec](https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3useruseridaccount_datatype)
    pub async fn set(
        &self,
        user: UserNid,
        room_id: Option<&RoomId>,
        event_type: &str,
        content: &RawValue,
    ) -> ApiResult {
        if matches!(event_type, PUSH_RULES | FULLY_READ) {
            return Err(ApiError::new(
                http::StatusCode::METHOD_NOT_ALLOWED,
                ErrorKind::BadJson,
                format!("\"{event_type}\" cannot be set here: it has an endpoint of its own."),
            ));
        }
        check_object(content)?;
        let _turn = self.users.lock(user).await;
        self.write(user, room_id, event_type, content.get().to_owned())
            .await
    }

    /// Stores account data of a type that the server controls, such as `m.fully_read`.
    pub async fn set_by_server(
        &self,
        user: UserNid,
        room_id: Option<&RoomId>,
        event_type: &str,
        content: &RawValue,
    ) -> ApiResult {
        let _turn = self.users.lock(user).await;
        self.write(user, room_id, event_type, content.get().to_owned())
            .await
    }

    /// All account data of a user, for a first sync. Push rules are among it.
    pub fn all(&self, snapshot: &Snapshot<'_>, user: UserNid) -> Result<Vec<AccountDatum>> {
        let mut all = store::all(snapshot, user)?;
        if !all.iter().any(is_push_rules) {
            all.push(self.default_push_rules(user)?);
        }
        Ok(all)
    }

    /// The account data of a user in one room.
    pub fn all_in_room(
        &self,
        snapshot: &Snapshot<'_>,
        user: UserNid,
        room: RoomNid,
    ) -> Result<Vec<AccountDatum>> {
        store::all_in(snapshot, user, Scope::Room(room))
    }

    /// One piece of account data in a snapshot.
    pub fn get_at(
        &self,
        snapshot: &Snapshot<'_>,
        user: UserNid,
        scope: Scope,
        event_type: &str,
    ) -> Result<Option<String>> {
        Ok(store::get(snapshot, user, scope, event_type)?.map(|row| row.content))
    }

    /// The account data of a user that changed after `since` and not after `until`.
    pub fn changed_since(
        &self,
        snapshot: &Snapshot<'_>,
        user: UserNid,
        since: StreamPos,
        until: StreamPos,
    ) -> Result<Vec<AccountDatum>> {
        store::changed(snapshot, user, since, until)
    }

    /// What removes the settings that clients keep for single devices, when the devices go.
    pub fn devices_deleted(
        &self,
        snapshot: &Snapshot<'_>,
        user: UserNid,
        devices: &[OwnedDeviceId],
    ) -> Result<Option<Fill>> {
        store::erase_settings_of(snapshot, user, devices)
    }

    /// What removes a user's account data of a room, if there is any.
    pub fn erase_room_of(
        &self,
        snapshot: &Snapshot<'_>,
        room: RoomNid,
        user: UserNid,
    ) -> Result<Option<Fill>> {
        store::erase_room_of(snapshot, room, user)
    }

    /// What removes everybody's account data of a room.
    pub fn erase_room(&self, snapshot: &Snapshot<'_>, room: RoomNid) -> Result<Vec<Fill>> {
        let mut fills = Vec::new();
        for row in tables::ACCOUNT.scan(snapshot, ())? {
            let (user, _) = row?;
            fills.extend(store::erase_room_of(snapshot, room, user)?);
        }
        Ok(fills)
    }

    /// Removes everything a user stored, as they asked when they closed their account.
    pub async fn erase(&self, user: UserNid) -> ApiResult {
        let _turn = self.users.lock(user).await;
        let commit = Commit::silent(move |batch| {
            tables::ACCOUNT_DATA.delete_prefix(batch, (user,));
            tables::ACCOUNT_DATA_CHANGE.delete_prefix(batch, (user,));
            tables::FILTER.delete_prefix(batch, (user,));
        });
        self.storage.commit(commit).await?;
        Ok(())
    }

    async fn row(
        &self,
        user: UserNid,
        room_id: Option<&RoomId>,
        event_type: &str,
    ) -> ApiResult<Option<(Scope, store::AccountDataRow)>> {
        let storage = self.storage.clone();
        let room_id = room_id.map(ToOwned::to_owned);
        let event_type = event_type.to_owned();
        self.storage
            .read(move |snapshot| {
                let scope = match room_id {
                    None => Scope::Global,
                    Some(room_id) => match storage.interner().find_room(&room_id)? {
                        Some(room) => Scope::Room(room),
                        None => return Ok(None),
                    },
                };
                let row = store::get(snapshot, user, scope, &event_type)?;
                Ok(row.map(|row| (scope, row)))
            })
            .await
    }

    /// Writes account data and wakes the user's sessions. The caller holds the user's lock.
    async fn write(
        &self,
        user: UserNid,
        room_id: Option<&RoomId>,
        event_type: &str,
        content: String,
    ) -> ApiResult {
        let before = self.row(user, room_id, event_type).await?;
        let scope = match (&before, room_id) {
            (Some((scope, _)), _) => *scope,
            (None, None) => Scope::Global,
            (None, Some(room_id)) => self.intern(room_id).await?,
        };
        let length = before.as_ref().map_or(0, |(_, row)| row.content.len());
        if content.len() > length {
            self.check_growth(user, content.len(), length).await?;
        }
        let before = before.map(|(_, row)| row.pos);
        if room_id.is_none() && event_type == IGNORED_USER_LIST {
            self.learn_ignored(user, &content)?;
        }
        let event_type = event_type.to_owned();
        let commit = Commit::new(move |batch, pos| {
            let key = (user, scope, event_type.as_str());
            store::put(batch, key, content, before, pos);
            if event_type == PUSH_RULES {
                tables::CUSTOM_PUSH_RULES.put(batch, user, &());
            }
        });
        self.storage
            .commit(commit.changing(Change::User(user)))
            .await?;
        Ok(())
    }

    /// Refuses what would make a user's account data too long. What is not longer than before is never refused.
    async fn check_growth(&self, user: UserNid, length: usize, before: usize) -> ApiResult {
        if length > MAX_CONTENT {
            return Err(ApiError::too_large("Account data may have 256 KiB."));
        }
        let read = move |snapshot: &Snapshot<'_>| Ok::<_, ApiError>(store::length(snapshot, user)?);
        let total = self.storage.read(read).await?;
        if total + length - before > MAX_TOTAL {
            return Err(ApiError::too_large(
                "All account data of a user may have 8 MiB together.",
            ));
        }
        Ok(())
    }

    async fn intern(&self, room_id: &RoomId) -> ApiResult<Scope> {
        let storage = self.storage.clone();
        let room_id = room_id.to_owned();
        self.storage
            .read(move |_| Ok(Scope::room(&storage, &room_id)?))
            .await
    }
}

fn is_push_rules(datum: &AccountDatum) -> bool {
    datum.scope == Scope::Global && datum.event_type == PUSH_RULES
}

/// The content of an event is an object, and one that clients can parse: not nested without end.
fn check_object(content: &RawValue) -> ApiResult {
    match serde_json::from_str::<JsonObject>(content.get()) {
        Ok(_) => Ok(()),
        Err(error) => Err(ApiError::bad_json(format!(
            "The body has to be a JSON object: {error}."
        ))),
    }
}

#[cfg(test)]
mod tests;
