//! Push rules of users: the server's defaults, with what a user changed.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#push-rules)
//!
//! Rules are stored, as account data of type `m.push_rules`, only once they differ from the defaults. Who has such rules,
//! and for which rooms, is kept in memory, since one evaluation of the defaults serves everybody else.

use std::sync::Arc;

use roaring::RoaringBitmap;
use ruma::{RoomId, UserId, push::Ruleset};
use serde::Deserialize;
use serde_json::{Value as JsonValue, json, value::RawValue};

mod class;
mod defaults;

use self::class::Special;
pub use self::{
    class::{Class, UserRules, nobody},
    defaults::default_rules,
};
use super::{
    AccountData, AccountDatum, MAX_CONTENT, NewRule, PUSH_RULES, Placement, Rule, Scope,
    push_rules_edit, store,
};
use crate::{
    ApiError, ApiResult,
    ids::UserNid,
    read_cache::ReadCache,
    storage::{Error, Result, Snapshot, Storage, tables},
};

/// Rulesets kept in memory.
const CACHED_RULESETS: usize = 2_000;

/// Rules in memory.
pub(super) struct PushRules {
    cache: ReadCache<UserNid, Arc<UserRules>>,
    special: Special,
}

impl PushRules {
    pub(super) fn load(storage: &Storage, snapshot: &Snapshot<'_>) -> Result<Self> {
        let special = Special::default();
        for row in tables::CUSTOM_PUSH_RULES.scan(snapshot, ())? {
            let (user, ()) = row?;
            let rules = read(storage, snapshot, user)?;
            special.learn(user, &rules);
        }
        Ok(Self {
            cache: ReadCache::new(CACHED_RULESETS),
            special,
        })
    }
}

/// The rules of a user as stored, or the defaults.
fn read(storage: &Storage, snapshot: &Snapshot<'_>, user: UserNid) -> Result<UserRules> {
    let user_id = storage.interner().user_id(user)?;
    let row = store::get(snapshot, user, Scope::Global, PUSH_RULES)?;
    let rules = match row {
        Some(row) => parse(&row.content, &user_id)?,
        None => default_rules(&user_id),
    };
    Ok(UserRules::new(rules, &user_id))
}

/// The content of `m.push_rules`.
#[derive(Deserialize)]
struct Content {
    global: Ruleset,
}

impl AccountData {
    /// The push rules of a user. Reads the database only if they are not in memory.
    pub fn rules_of(&self, user: UserNid) -> Result<Arc<UserRules>> {
        let cache = &self.push_rules.cache;
        if let Some(rules) = cache.get(&user) {
            return Ok(rules);
        }
        let generation = cache.generation();
        let rules = Arc::new(read(&self.storage, &self.storage.snapshot(), user)?);
        cache.insert(user, Arc::clone(&rules), generation);
        Ok(rules)
    }

    /// Those of some users whose rules may say something else of an event in a room than the defaults do, with what they
    /// share with others.
    pub fn special_in(
        &self,
        room_id: &RoomId,
        among: &RoaringBitmap,
    ) -> Vec<(UserNid, Option<Arc<Class>>)> {
        self.push_rules.special.in_room(room_id, among)
    }

    /// Whether anybody has rules that are not the defaults.
    pub fn has_special(&self) -> bool {
        !self.push_rules.special.is_empty()
    }

    /// The push rules of a user, from a request.
    pub async fn push_rules(&self, user: UserNid) -> ApiResult<Arc<UserRules>> {
        if let Some(rules) = self.push_rules.cache.get(&user) {
            return Ok(rules);
        }
        let this = self.clone();
        self.storage
            .read(move |_| Ok::<_, ApiError>(this.rules_of(user)?))
            .await
    }

    /// Adds or changes a rule.
    pub async fn set_push_rule(
        &self,
        user: UserNid,
        rule: NewRule,
        placement: Placement,
    ) -> ApiResult {
        self.change_push_rules(user, |rules| {
            push_rules_edit::insert(rules, rule, &placement)?;
            check_content(rules)
        })
        .await
    }

    /// Removes a rule of the user.
    pub async fn delete_push_rule(&self, user: UserNid, rule: &Rule) -> ApiResult {
        self.change_push_rules(user, |rules| push_rules_edit::delete(rules, rule))
            .await
    }

    /// Switches a rule on or off.
    pub async fn set_push_rule_enabled(
        &self,
        user: UserNid,
        rule: &Rule,
        enabled: bool,
    ) -> ApiResult {
        self.change_push_rules(user, |rules| {
            push_rules_edit::set_enabled(rules, rule, enabled)
        })
        .await
    }

    /// Sets what a rule does.
    pub async fn set_push_rule_actions(
        &self,
        user: UserNid,
        rule: &Rule,
        actions: Vec<serde_json::Value>,
    ) -> ApiResult {
        let actions = push_rules_edit::parse_actions(actions)?;
        self.change_push_rules(user, |rules| {
            push_rules_edit::set_actions(rules, rule, actions)?;
            check_content(rules)
        })
        .await
    }

    /// Gives a user who subscribes to threads the rules about them. Whoever has them already keeps them as they are.
    pub async fn add_thread_rules(&self, user: UserNid) -> ApiResult {
        if !self.push_rules(user).await?.ruleset.postcontent.is_empty() {
            return Ok(());
        }
        self.change_push_rules(user, |rules| {
            defaults::add_thread_rules(rules);
            Ok(())
        })
        .await
    }

    async fn change_push_rules(
        &self,
        user: UserNid,
        change: impl FnOnce(&mut Ruleset) -> ApiResult + Send,
    ) -> ApiResult {
        let _turn = self.users.lock(user).await;
        let mut rules = self.push_rules(user).await?.ruleset.clone();
        change(&mut rules)?;
        let content = content(&rules).map_err(ApiError::internal)?;
        let user_id = self.user_id(user).await?;
        let rules = UserRules::new(rules, &user_id);
        // In memory first: a message that arrives in between is then judged by the user's own rules, old or new, and
        // never by the defaults.
        self.push_rules.special.learn_also(user, &rules);
        self.write(user, None, PUSH_RULES, content.get().to_owned())
            .await?;
        self.push_rules.cache.forget([user]);
        self.push_rules.special.learn(user, &rules);
        Ok(())
    }

    async fn user_id(&self, user: UserNid) -> ApiResult<ruma::OwnedUserId> {
        let storage = self.storage.clone();
        self.storage
            .read(move |_| Ok::<_, ApiError>(storage.interner().user_id(user)?))
            .await
    }

    pub(super) async fn push_rules_content(&self, user: UserNid) -> ApiResult<Box<RawValue>> {
        let rules = self.push_rules(user).await?;
        content(&rules.ruleset).map_err(ApiError::internal)
    }

    pub(super) fn default_push_rules(&self, user: UserNid) -> Result<AccountDatum> {
        let user_id = self.storage.interner().user_id(user)?;
        let content = content(&default_rules(&user_id))
            .map_err(|_| Error::Corrupt("push rules cannot be written as JSON"))?;
        Ok(AccountDatum {
            scope: Scope::Global,
            event_type: PUSH_RULES.to_owned(),
            content,
        })
    }
}

/// Rules as clients see them. Ruma leaves kinds without rules out; clients have learnt to expect all five.
pub fn rules_json(rules: &Ruleset) -> serde_json::Result<JsonValue> {
    let mut all =
        json!({ "override": [], "content": [], "room": [], "sender": [], "underride": [] });
    if let (JsonValue::Object(all), JsonValue::Object(rules)) =
        (&mut all, serde_json::to_value(rules)?)
    {
        all.extend(rules);
    }
    Ok(all)
}

/// Refuses rules that have grown too much. Nothing keeps anybody from removing some.
fn check_content(rules: &Ruleset) -> ApiResult {
    let size = content(rules).map_err(ApiError::internal)?.get().len();
    if size > MAX_CONTENT {
        return Err(ApiError::too_large("You have too many push rules."));
    }
    Ok(())
}

fn content(rules: &Ruleset) -> serde_json::Result<Box<RawValue>> {
    serde_json::value::to_raw_value(&json!({ "global": rules_json(rules)? }))
}

/// Stored rules, brought up to date with the defaults of today.
fn parse(content: &str, user_id: &UserId) -> Result<Ruleset> {
    let Content { global: mut rules }: Content = serde_json::from_str(content)
        .map_err(|_| Error::Corrupt("stored push rules are malformed"))?;
    rules.update_with_server_default(default_rules(user_id));
    Ok(rules)
}
