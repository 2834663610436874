//! What a user has set for a room follows them into the one that replaces it.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#room-upgrades)

use std::collections::BTreeMap;

use ruma::{
    OwnedRoomId, RoomId,
    push::{PushCondition, RuleKind, Ruleset},
};
use serde::Deserialize;
use serde_json::{Value, value::to_raw_value};

use crate::{
    account_data::{AccountData, NewRule, NewRuleBody, Placement, Rule},
    error::{ApiError, ApiResult},
    ids::UserNid,
    rooms::Rooms,
};

/// The account data that lists direct chats.
const DIRECT: &str = "m.direct";

impl Rooms {
    /// Copies a user's tags, push rules and mark of a direct chat from the room that a room replaces. Both rooms have to say
    /// so, except where the user has made the new one: whoever upgrades a room by hand closes the old one last.
    pub async fn follow_upgrade(
        &self,
        account_data: &AccountData,
        user: UserNid,
        new: &RoomId,
        by_themself: bool,
    ) -> ApiResult<()> {
        let Some((old, is_replaced)) = self.predecessor(new).await? else {
            return Ok(());
        };
        if !is_replaced && !by_themself {
            return Ok(());
        }
        copy_tags(account_data, user, &old, new).await?;
        copy_direct(account_data, user, &old, new).await?;
        copy_push_rules(account_data, user, &old, new).await
    }

    /// The room that a room says it replaces, and whether that one says so, too.
    async fn predecessor(&self, new: &RoomId) -> ApiResult<Option<(OwnedRoomId, bool)>> {
        #[derive(Deserialize)]
        struct Content {
            predecessor: Option<Predecessor>,
        }
        #[derive(Deserialize)]
        struct Predecessor {
            room_id: OwnedRoomId,
        }
        let new = new.to_owned();
        self.read(move |rooms, snapshot| {
            let interner = rooms.storage().interner();
            let create = match interner.find_room(&new)? {
                Some(room) => rooms.state_event(snapshot, room, "m.room.create", "")?,
                None => None,
            };
            let content = create.and_then(|create| create.pdu.content_as::<Content>().ok());
            let Some(old) = content.and_then(|content| content.predecessor) else {
                return Ok(None);
            };
            let summary = match interner.find_room(&old.room_id)? {
                Some(room) => rooms.summary(snapshot, room)?,
                None => None,
            };
            let replacement = summary.and_then(|summary| summary.replacement);
            let is_replaced = replacement.as_deref() == Some(new.as_str());
            Ok(Some((old.room_id, is_replaced)))
        })
        .await
    }
}

async fn copy_tags(
    account_data: &AccountData,
    user: UserNid,
    old: &RoomId,
    new: &RoomId,
) -> ApiResult<()> {
    let has_tags = |tags: &Value| tags.as_object().is_some_and(|tags| !tags.is_empty());
    // Who comes back later may have removed them on purpose.
    if has_tags(&account_data.tags(user, new).await?) {
        return Ok(());
    }
    if let Value::Object(tags) = account_data.tags(user, old).await? {
        for (tag, info) in tags {
            account_data.set_tag(user, new, tag, info).await?;
        }
    }
    Ok(())
}

async fn copy_direct(
    account_data: &AccountData,
    user: UserNid,
    old: &RoomId,
    new: &RoomId,
) -> ApiResult<()> {
    let Some(content) = account_data.get(user, None, DIRECT).await? else {
        return Ok(());
    };
    let Ok(mut chats) = serde_json::from_str::<BTreeMap<String, Vec<String>>>(content.get()) else {
        return Ok(());
    };
    let mut has_changed = false;
    for rooms in chats.values_mut() {
        let names = |id: &RoomId| rooms.iter().any(|room| room == id);
        if names(old) && !names(new) {
            rooms.push(new.to_string());
            has_changed = true;
        }
    }
    if has_changed {
        let content = to_raw_value(&chats).map_err(ApiError::internal)?;
        account_data.set(user, None, DIRECT, &content).await?;
    }
    Ok(())
}

async fn copy_push_rules(
    account_data: &AccountData,
    user: UserNid,
    old: &RoomId,
    new: &RoomId,
) -> ApiResult<()> {
    let rules = account_data.push_rules(user).await?;
    let rules = &rules.ruleset;
    for (rule, is_enabled) in rules_for(rules, old, new)? {
        if rules.get(rule.rule.kind.clone(), &rule.rule.id).is_some() {
            continue;
        }
        let name = rule.rule.clone();
        account_data
            .set_push_rule(user, rule, Placement::default())
            .await?;
        if !is_enabled {
            account_data
                .set_push_rule_enabled(user, &name, false)
                .await?;
        }
    }
    Ok(())
}

/// The rules that are about one room, made anew for another, and whether each is on.
fn rules_for(rules: &Ruleset, old: &RoomId, new: &RoomId) -> ApiResult<Vec<(NewRule, bool)>> {
    let actions = |actions: &[ruma::push::Action]| {
        let actions = actions.iter().map(serde_json::to_value);
        actions
            .collect::<serde_json::Result<Vec<Value>>>()
            .map_err(ApiError::internal)
    };
    let mut made = Vec::new();
    if let Some(rule) = rules.room.get(old.as_str()) {
        let body = NewRuleBody {
            actions: actions(&rule.actions)?,
            conditions: Vec::new(),
            pattern: None,
        };
        let rule_of = Rule {
            kind: RuleKind::Room,
            id: new.to_string(),
        };
        made.push((
            NewRule {
                rule: rule_of,
                body,
            },
            rule.enabled,
        ));
    }
    for (kind, set) in [
        (RuleKind::Override, &rules.override_),
        (RuleKind::Underride, &rules.underride),
    ] {
        for rule in set.iter().filter(|rule| !rule.default) {
            let Some(conditions) = moved(&rule.conditions, old, new)? else {
                continue;
            };
            let id = match rule.rule_id.replace(old.as_str(), new.as_str()) {
                same if same == rule.rule_id => format!("{same} {new}"),
                id => id,
            };
            let body = NewRuleBody {
                actions: actions(&rule.actions)?,
                conditions,
                pattern: None,
            };
            let rule_of = Rule {
                kind: kind.clone(),
                id,
            };
            made.push((
                NewRule {
                    rule: rule_of,
                    body,
                },
                rule.enabled,
            ));
        }
    }
    Ok(made)
}

/// The conditions of a rule that is about one room, for another; none if it is not about that room.
fn moved(
    conditions: &[PushCondition],
    old: &RoomId,
    new: &RoomId,
) -> ApiResult<Option<Vec<PushCondition>>> {
    let mut is_about_it = false;
    let mut moved = Vec::with_capacity(conditions.len());
    for condition in conditions {
        let mut json = serde_json::to_value(condition).map_err(ApiError::internal)?;
        if json["kind"] == "event_match"
            && json["key"] == "room_id"
            && json["pattern"] == old.as_str()
        {
            json["pattern"] = new.as_str().into();
            is_about_it = true;
        }
        moved.push(serde_json::from_value(json).map_err(ApiError::internal)?);
    }
    Ok(is_about_it.then_some(moved))
}
