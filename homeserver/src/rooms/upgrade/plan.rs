//! What the new room takes over from the old one.

use ruma::{
    MilliSecondsSinceUnixEpoch, OwnedEventId, OwnedUserId, RoomVersionId,
    events::TimelineEventType,
    room_version_rules::{AuthorizationRules, RoomVersionRules},
};
use serde_json::{Map, Value, json};

use super::Upgrade;
use crate::{
    error::{ApiError, ApiResult},
    events::{Draft, versions},
    rooms::{draft, rows::Membership, txn::Txn},
    storage::tables,
};

/// State that is taken over as it is.
const TRANSFERRED: [&str; 8] = [
    "m.room.server_acl",
    "m.room.encryption",
    "m.room.name",
    "m.room.avatar",
    "m.room.topic",
    "m.room.guest_access",
    "m.room.history_visibility",
    "m.room.canonical_alias",
];
/// State of which each state key is taken over.
const TRANSFERRED_BY_KEY: [&str; 2] = ["m.space.child", "m.space.parent"];
/// Bans that are taken over.
const MAX_BANS: usize = 1_000;
/// The level of whoever makes a room in versions where that is a level.
const CREATOR_LEVEL: i64 = 100;

type Content = Map<String, Value>;

/// The new room.
pub(super) struct Plan {
    pub(super) rules: &'static RoomVersionRules,
    pub(super) version: RoomVersionId,
    creator: OwnedUserId,
    create: Content,
    state: Vec<(String, String, Content)>,
    bans: Vec<(OwnedUserId, Content)>,
    power_levels: Content,
}

impl Plan {
    /// Reads the old room.
    pub(super) fn of(txn: &Txn<'_>, upgrade: Upgrade) -> ApiResult<Self> {
        let Upgrade {
            user,
            room_id,
            version,
            additional_creators,
        } = upgrade;
        let unknown = || ApiError::internal(anyhow::anyhow!("a checked room version is unknown"));
        let rules = versions::rules(&version).ok_or_else(unknown)?;
        let authorization = &rules.authorization;
        let mut create = Content::new();
        create.insert("room_version".to_owned(), version.as_str().into());
        create.insert("predecessor".to_owned(), json!({ "room_id": room_id }));
        if !authorization.use_room_create_sender {
            create.insert("creator".to_owned(), user.as_str().into());
        }
        let before = content(txn, "m.room.create", "")?.unwrap_or_default();
        for name in ["type", "m.federate"] {
            if let Some(value) = before.get(name) {
                create.insert(name.to_owned(), value.clone());
            }
        }
        let mut creators = vec![user.clone()];
        if authorization.additional_room_creators && !additional_creators.is_empty() {
            create.insert("additional_creators".to_owned(), json!(additional_creators));
            creators.extend(additional_creators);
        }
        Ok(Self {
            power_levels: power_levels(txn, authorization, &creators)?,
            state: state(txn, authorization)?,
            bans: bans(txn)?,
            rules,
            version,
            creator: user,
            create,
        })
    }

    /// Names the last event of the old room.
    pub(super) fn begin_after(&mut self, event: Option<OwnedEventId>) {
        if let (Some(event), Some(Value::Object(before))) =
            (event, self.create.get_mut("predecessor"))
        {
            before.insert("event_id".to_owned(), event.as_str().into());
        }
    }

    /// The first event of the new room.
    pub(super) fn create_event(&self, now: MilliSecondsSinceUnixEpoch) -> ApiResult<Draft> {
        let kind = TimelineEventType::RoomCreate;
        draft::state(&self.creator, kind, "", &self.create, now)
    }

    /// Appends everything after the first event. The power levels come last: before them the creator may do everything.
    pub(super) fn fill(self, txn: &mut Txn<'_>) -> ApiResult<()> {
        let creator = &self.creator;
        let member = TimelineEventType::RoomMember;
        let join = txn.member_content(creator, "join")?;
        txn.set_state(creator, member.clone(), creator.as_str(), &join)?;
        for (kind, state_key, content) in &self.state {
            txn.set_state(creator, kind.as_str().into(), state_key, content)?;
        }
        for (user, content) in &self.bans {
            txn.set_state(creator, member.clone(), user.as_str(), content)?;
        }
        let kind = TimelineEventType::RoomPowerLevels;
        txn.set_state(creator, kind, "", &self.power_levels)?;
        Ok(())
    }
}

fn content(txn: &Txn<'_>, kind: &str, state_key: &str) -> ApiResult<Option<Content>> {
    let event = txn.state(kind, state_key)?;
    Ok(event.and_then(|event| event.pdu.content_as().ok()))
}

fn state(txn: &Txn<'_>, rules: &AuthorizationRules) -> ApiResult<Vec<(String, String, Content)>> {
    let mut state = Vec::new();
    for kind in TRANSFERRED {
        let content = content(txn, kind, "")?;
        let content = content.filter(|content| !content.is_empty());
        state.extend(content.map(|content| (kind.to_owned(), String::new(), content)));
    }
    if let Some(content) = content(txn, "m.room.join_rules", "")? {
        let kind = "m.room.join_rules".to_owned();
        state.push((kind, String::new(), join_rules(content, rules)));
    }
    for kind in TRANSFERRED_BY_KEY {
        for row in tables::CURRENT_STATE.scan(txn.snapshot, (txn.room, &kind))? {
            let ((_, kind, state_key), _) = row?;
            // Without servers it is a child or a parent no longer.
            if let Some(content) = content(txn, &kind, &state_key)?
                && content.get("via").is_some_and(Value::is_array)
            {
                state.push((kind, state_key, content));
            }
        }
    }
    Ok(state)
}

/// A join rule that the new version does not know would let nobody in without saying so.
fn join_rules(content: Content, rules: &AuthorizationRules) -> Content {
    let is_known = match content.get("join_rule").and_then(Value::as_str) {
        Some("knock") => rules.knocking,
        Some("restricted") => rules.restricted_join_rule,
        Some("knock_restricted") => rules.knock_restricted_join_rule,
        _ => true,
    };
    if is_known {
        return content;
    }
    Content::from_iter([("join_rule".to_owned(), "invite".into())])
}

fn bans(txn: &Txn<'_>) -> ApiResult<Vec<(OwnedUserId, Content)>> {
    let interner = txn.rooms.storage().interner();
    let mut bans = Vec::new();
    let rows = tables::MEMBER.scan(txn.snapshot, (txn.room, Membership::Ban))?;
    for row in rows.take(MAX_BANS) {
        let ((_, _, user), _) = row?;
        let user = interner.user_id(user)?;
        if let Some(content) = content(txn, "m.room.member", user.as_str())? {
            bans.push((user, content));
        }
    }
    Ok(bans)
}

/// The levels of the old room in a form that the new version takes.
///
/// Where creators stand above all levels they may not have one; coming from there to a version where they do not, they
/// get one.
fn power_levels(
    txn: &Txn<'_>,
    rules: &AuthorizationRules,
    creators: &[OwnedUserId],
) -> ApiResult<Content> {
    let mut levels = content(txn, "m.room.power_levels", "")?.unwrap_or_default();
    if rules.integer_power_levels {
        levels.values_mut().for_each(to_integers);
    }
    let privileged = txn.power_levels()?.rules.privileged_creators;
    let is_new = levels.is_empty();
    let users = levels.entry("users").or_insert_with(|| json!({}));
    if !users.is_object() {
        *users = json!({});
    }
    let Value::Object(users) = users else {
        return Ok(levels);
    };
    if rules.explicitly_privilege_room_creators {
        users.retain(|user, _| !creators.iter().any(|creator| creator == user));
        return Ok(levels);
    }
    let mut raised: Vec<OwnedUserId> = privileged.into_iter().flatten().collect();
    if is_new {
        raised.extend(creators.first().cloned());
    }
    for user in raised {
        let before = users.get(user.as_str()).and_then(as_level).unwrap_or(0);
        users.insert(user.to_string(), before.max(CREATOR_LEVEL).into());
    }
    Ok(levels)
}

/// A level, which older rooms may write as text.
pub(super) fn as_level(value: &Value) -> Option<i64> {
    value
        .as_i64()
        .or_else(|| value.as_str()?.trim().parse().ok())
}

fn to_integers(value: &mut Value) {
    match value {
        Value::Object(fields) => fields.values_mut().for_each(to_integers),
        Value::String(_) => {
            if let Some(level) = as_level(value) {
                *value = level.into();
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_in_text_become_numbers() {
        let mut levels = json!({ "ban": "50", "users": { "@a:b": " 100 " }, "kick": 50, "x": "y" });
        to_integers(&mut levels);
        let expected = json!({ "ban": 50, "users": { "@a:b": 100 }, "kick": 50, "x": "y" });
        assert_eq!(levels, expected);
    }

    #[test]
    fn a_join_rule_that_the_version_lacks_becomes_an_invite() {
        let rule = |word: &str| Content::from_iter([("join_rule".to_owned(), word.into())]);
        for (version, word, expected) in [
            (RoomVersionId::V6, "knock", "invite"),
            (RoomVersionId::V7, "restricted", "invite"),
            (RoomVersionId::V8, "restricted", "restricted"),
            (RoomVersionId::V9, "knock_restricted", "invite"),
            (RoomVersionId::V6, "public", "public"),
        ] {
            let rules = &versions::rules(&version).unwrap().authorization;
            assert_eq!(
                join_rules(rule(word), rules),
                rule(expected),
                "{version} {word}"
            );
        }
    }
}
