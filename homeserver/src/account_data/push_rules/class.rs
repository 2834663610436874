//! Which users can share one evaluation of push rules.
//!
//! Rules that do not speak of their user say the same of an event to everybody who has them. Such a set of rules is a
//! class: it is evaluated once for all its users, with their user id replaced by one that nobody has. And rules that
//! differ from the defaults only for some rooms (a muted one, say) matter in no other room.

use std::{
    collections::{BTreeSet, HashMap},
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Weak},
};

use parking_lot::RwLock;
use roaring::RoaringBitmap;
use ruma::{
    OwnedRoomId, OwnedUserId, RoomId, ServerName, UserId,
    push::{ConditionalPushRule, PushCondition, Ruleset},
};

use super::defaults::default_rules;
use crate::ids::UserNid;

/// The rules of a user.
#[derive(Clone, Debug)]
pub struct UserRules {
    /// The rules.
    pub ruleset: Ruleset,
    /// The same for everybody with such rules, unless they look for the user's display name.
    pub class: Option<Arc<Class>>,
    /// Where they differ from the defaults.
    differ: Differ,
}

/// A set of rules that is the same for many.
#[derive(Debug)]
pub struct Class {
    /// Stands for the rules: equal rules have equal ones.
    pub id: u64,
    /// The rules of a user whom no event names.
    pub ruleset: Ruleset,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Differ {
    Nowhere,
    In(BTreeSet<OwnedRoomId>),
    Everywhere,
}

impl UserRules {
    /// Takes rules as they are.
    pub(super) fn new(ruleset: Ruleset, user_id: &UserId) -> Self {
        let class = Class::of(&ruleset, user_id).map(Arc::new);
        let differ = differ(&ruleset, user_id);
        Self {
            ruleset,
            class,
            differ,
        }
    }
}

impl Class {
    fn of(ruleset: &Ruleset, user_id: &UserId) -> Option<Self> {
        if looks_for_name(ruleset) {
            return None;
        }
        let nobody = nobody(user_id.server_name())?;
        let text = serde_json::to_string(ruleset).ok()?;
        let text = text.replace(
            &serde_json::to_string(user_id).ok()?,
            &serde_json::to_string(&nobody).ok()?,
        );
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        Some(Self {
            id: hasher.finish(),
            ruleset: serde_json::from_str(&text).ok()?,
        })
    }
}

/// A user id that no event names: nobody can register a name with a capital letter.
pub fn nobody(server_name: &ServerName) -> Option<OwnedUserId> {
    UserId::parse(format!("@Nobody:{server_name}")).ok()
}

#[expect(deprecated, reason = "clients may still set rules with this condition")]
fn looks_for_name(ruleset: &Ruleset) -> bool {
    let names = |rule: &ConditionalPushRule| {
        let conditions = rule.conditions.iter();
        rule.enabled
            && conditions
                .into_iter()
                .any(|condition| matches!(condition, PushCondition::ContainsDisplayName))
    };
    ruleset.override_.iter().any(names) || ruleset.underride.iter().any(names)
}

fn differ(ruleset: &Ruleset, user_id: &UserId) -> Differ {
    let mut rooms = BTreeSet::new();
    let mut rest = ruleset.clone();
    rest.room.retain(|rule| {
        rooms.insert(rule.rule_id.clone());
        false
    });
    let mut general = |rule: &ConditionalPushRule| match only_room(rule) {
        Some(room) => {
            rooms.insert(room);
            false
        }
        None => true,
    };
    rest.override_.retain(&mut general);
    rest.underride.retain(&mut general);
    let is_default =
        serde_json::to_value(&rest).ok() == serde_json::to_value(default_rules(user_id)).ok();
    match (is_default, rooms.is_empty()) {
        (false, _) => Differ::Everywhere,
        (true, true) => Differ::Nowhere,
        (true, false) => Differ::In(rooms),
    }
}

/// The one room that a rule is about, if it is about one.
fn only_room(rule: &ConditionalPushRule) -> Option<OwnedRoomId> {
    if rule.default {
        return None;
    }
    rule.conditions
        .iter()
        .find_map(|condition| match condition {
            PushCondition::EventMatch(data) if data.key == "room_id" => {
                let pattern = &data.pattern;
                let is_literal = !pattern.contains(['*', '?']);
                RoomId::parse(pattern).ok().filter(|_| is_literal)
            }
            _ => None,
        })
}

/// Who has rules that are not the defaults.
#[derive(Default)]
pub(super) struct Special(RwLock<Index>);

#[derive(Default)]
struct Index {
    everywhere: RoaringBitmap,
    rooms: HashMap<OwnedRoomId, RoaringBitmap>,
    /// What each of them shares with others. Equal classes are one in memory.
    classes: HashMap<UserNid, Arc<Class>>,
    known: HashMap<u64, Weak<Class>>,
}

impl Special {
    /// Takes a user's rules instead of those they had.
    pub(super) fn learn(&self, user: UserNid, rules: &UserRules) {
        let mut index = self.0.write();
        index.everywhere.remove(user.0);
        index.rooms.retain(|_, users| {
            users.remove(user.0);
            !users.is_empty()
        });
        index.add(user, rules);
    }

    /// Takes a user's rules beside those they had, while it is open which of them an event will meet.
    pub(super) fn learn_also(&self, user: UserNid, rules: &UserRules) {
        self.0.write().add(user, rules);
    }

    /// Those of some users whose rules matter in a room, with their classes.
    pub(super) fn in_room(
        &self,
        room_id: &RoomId,
        among: &RoaringBitmap,
    ) -> Vec<(UserNid, Option<Arc<Class>>)> {
        let index = self.0.read();
        let mut found = &index.everywhere & among;
        if let Some(users) = index.rooms.get(room_id) {
            found |= users & among;
        }
        let with_class = |user| (UserNid(user), index.classes.get(&UserNid(user)).cloned());
        found.iter().map(with_class).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        let index = self.0.read();
        index.everywhere.is_empty() && index.rooms.is_empty()
    }
}

impl Index {
    fn add(&mut self, user: UserNid, rules: &UserRules) {
        self.classes.remove(&user);
        if let Some(class) = rules
            .class
            .as_ref()
            .filter(|_| rules.differ != Differ::Nowhere)
        {
            let class = self.one_for_all(class);
            self.classes.insert(user, class);
        }
        match &rules.differ {
            Differ::Nowhere => {}
            Differ::Everywhere => {
                self.everywhere.insert(user.0);
            }
            Differ::In(rooms) => {
                for room in rooms {
                    self.rooms.entry(room.clone()).or_default().insert(user.0);
                }
            }
        }
    }
}

impl Index {
    fn one_for_all(&mut self, class: &Arc<Class>) -> Arc<Class> {
        if let Some(known) = self.known.get(&class.id).and_then(Weak::upgrade) {
            return known;
        }
        self.known.retain(|_, class| class.strong_count() > 0);
        self.known.insert(class.id, Arc::downgrade(class));
        Arc::clone(class)
    }
}

#[cfg(test)]
mod tests {
    use ruma::{
        owned_room_id,
        push::{
            Action, ConditionalPushRuleInit, EventMatchConditionData, RuleKind, SimplePushRule,
            SimplePushRuleInit,
        },
        room_id, user_id,
    };

    use super::*;

    fn rules(user: &UserId, change: impl FnOnce(&mut Ruleset)) -> UserRules {
        let mut ruleset = default_rules(user);
        change(&mut ruleset);
        UserRules::new(ruleset, user)
    }

    fn mute(ruleset: &mut Ruleset, room: OwnedRoomId) {
        let rule: SimplePushRule<OwnedRoomId> = SimplePushRuleInit {
            actions: Vec::<Action>::new(),
            default: false,
            enabled: true,
            rule_id: room,
        }
        .into();
        ruleset.room.insert(rule);
    }

    fn found(special: &Special, room: &RoomId) -> Vec<u32> {
        let all: RoaringBitmap = (0..100).collect();
        let found = special.in_room(room, &all);
        found.into_iter().map(|(user, _)| user.0).collect()
    }

    #[test]
    fn users_with_the_same_rules_share_a_class() {
        let silent = |ruleset: &mut Ruleset| {
            ruleset
                .set_enabled(RuleKind::Underride, ".m.rule.message", false)
                .unwrap();
        };
        let class = |rules: UserRules| rules.class.unwrap().id;
        let (a, b) = (user_id!("@a:x"), user_id!("@b:x"));
        assert_eq!(class(rules(a, silent)), class(rules(b, silent)));
        assert_eq!(class(rules(a, |_| {})), class(rules(b, |_| {})));
        assert_ne!(class(rules(a, silent)), class(rules(b, |_| {})));
    }

    #[test]
    fn muted_room_is_special_there_only() {
        let special = Special::default();
        let muted = rules(user_id!("@a:x"), |ruleset| {
            mute(ruleset, owned_room_id!("!m:x"));
        });
        special.learn(UserNid(7), &muted);
        assert_eq!(found(&special, room_id!("!m:x")), [7]);
        assert!(found(&special, room_id!("!n:x")).is_empty());
        special.learn(UserNid(7), &rules(user_id!("@a:x"), |_| {}));
        assert!(special.is_empty());
    }

    #[test]
    fn override_for_one_room_is_special_there_only_and_for_a_pattern_everywhere() {
        for (pattern, elsewhere) in [("!m:x", false), ("!m*", true)] {
            let special = Special::default();
            let with = rules(user_id!("@a:x"), |ruleset| {
                let condition = EventMatchConditionData::new("room_id".into(), pattern.into());
                let rule: ConditionalPushRule = ConditionalPushRuleInit {
                    actions: Vec::new(),
                    default: false,
                    enabled: true,
                    rule_id: "x".into(),
                    conditions: vec![PushCondition::EventMatch(condition)],
                }
                .into();
                ruleset.override_.insert(rule);
            });
            special.learn(UserNid(7), &with);
            assert_eq!(found(&special, room_id!("!m:x")), [7]);
            assert_eq!(!found(&special, room_id!("!n:x")).is_empty(), elsewhere);
        }
    }
}
