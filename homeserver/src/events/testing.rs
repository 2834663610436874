//! Rooms for tests: real events, hashed, signed and authorised, in memory.

use std::{collections::BTreeMap, convert::Infallible, sync::LazyLock};

use ruma::{
    EventId, MilliSecondsSinceUnixEpoch, OwnedEventId, OwnedRoomId, RoomVersionId, UInt, UserId,
    events::{StateEventType, TimelineEventType},
    room_version_rules::RoomVersionRules,
    server_name,
    signatures::Ed25519KeyPair,
};
use serde_json::{
    Value, json,
    value::{RawValue, to_raw_value},
};

use super::{
    BuildError, Draft, Pdu, RoomContext, Signer,
    auth::{self, StateView},
    build, versions,
};

static KEY_PAIR: LazyLock<Ed25519KeyPair> = LazyLock::new(|| {
    let document = Ed25519KeyPair::generate();
    Ed25519KeyPair::from_der(&document, "test".to_owned()).unwrap()
});

/// The key that signs the events of all test rooms.
pub fn key_pair() -> &'static Ed25519KeyPair {
    &KEY_PAIR
}

/// A room made by `@alice:local`, which anybody may join. Cloning it forks its history.
#[derive(Clone)]
pub struct TestRoom {
    rules: &'static RoomVersionRules,
    room_id: Option<OwnedRoomId>,
    state: BTreeMap<(String, String), Pdu>,
    timeline: Vec<Pdu>,
    clock: u32,
}

impl TestRoom {
    /// A room of a version with its first events.
    pub fn new(version: &RoomVersionId) -> Self {
        let rules = versions::rules(version).unwrap();
        let given_by_create = rules.authorization.room_create_event_id_as_room_id;
        let mut room = Self {
            rules,
            room_id: (!given_by_create).then(|| "!room:local".try_into().unwrap()),
            state: BTreeMap::new(),
            timeline: Vec::new(),
            clock: 1_000,
        };
        let alice = "@alice:local";
        let create = match rules.authorization.use_room_create_sender {
            true => json!({ "room_version": version }),
            false => json!({ "room_version": version, "creator": alice }),
        };
        let create = room.state(alice, "m.room.create", "", create);
        room.room_id = Some(create.room_id().to_owned());
        room.join(alice);
        let users = if given_by_create {
            json!({})
        } else {
            json!({ alice: 100 })
        };
        room.state(alice, "m.room.power_levels", "", json!({ "users": users }));
        room.state(
            alice,
            "m.room.join_rules",
            "",
            json!({ "join_rule": "public" }),
        );
        room
    }

    /// The rules of the room's version.
    pub fn rules(&self) -> &'static RoomVersionRules {
        self.rules
    }

    /// All events in the order in which they were sent.
    pub fn timeline(&self) -> &[Pdu] {
        &self.timeline
    }

    /// The last event.
    pub fn last(&self) -> &Pdu {
        self.timeline.last().unwrap()
    }

    /// An event by its id.
    pub fn event(&self, event_id: &EventId) -> Option<Pdu> {
        self.timeline
            .iter()
            .find(|pdu| pdu.event_id() == event_id)
            .cloned()
    }

    /// The current state.
    pub fn current_state(&self) -> &BTreeMap<(String, String), Pdu> {
        &self.state
    }

    /// Lets the clock of the senders' server run on.
    pub fn wait(&mut self, milliseconds: u32) {
        self.clock += milliseconds;
    }

    /// Sends a state event.
    pub fn state(
        &mut self,
        sender: &str,
        event_type: &str,
        state_key: &str,
        content: Value,
    ) -> Pdu {
        let pdu = self.build(sender, event_type, Some(state_key), content);
        self.append(pdu)
    }

    /// Joins a user.
    pub fn join(&mut self, user: &str) -> Pdu {
        self.member(user, user, "join")
    }

    /// Changes a user's membership.
    pub fn member(&mut self, sender: &str, user: &str, membership: &str) -> Pdu {
        self.state(
            sender,
            "m.room.member",
            user,
            json!({ "membership": membership }),
        )
    }

    /// Sends a text message.
    pub fn message(&mut self, sender: &str, body: &str) -> Pdu {
        let pdu = self.build(
            sender,
            "m.room.message",
            None,
            json!({ "msgtype": "m.text", "body": body }),
        );
        self.append(pdu)
    }

    /// Redacts an event.
    pub fn redact(&mut self, sender: &str, target: &EventId) -> Pdu {
        let content = to_raw_value(&json!({})).unwrap();
        let draft = Draft {
            redacts: Some(target.to_owned()),
            ..self.draft(sender, "m.room.redaction", None, content)
        };
        let pdu = self.build_draft(&draft).unwrap();
        self.append(pdu)
    }

    /// Makes an event without sending it.
    pub fn build(
        &self,
        sender: &str,
        event_type: &str,
        state_key: Option<&str>,
        content: Value,
    ) -> Pdu {
        let content = to_raw_value(&content).unwrap();
        self.try_build(sender, event_type, state_key, content)
            .unwrap()
    }

    /// Makes an event, which may be impossible.
    pub fn try_build(
        &self,
        sender: &str,
        event_type: &str,
        state_key: Option<&str>,
        content: Box<RawValue>,
    ) -> Result<Pdu, BuildError> {
        self.build_draft(&self.draft(sender, event_type, state_key, content))
    }

    fn draft(
        &self,
        sender: &str,
        event_type: &str,
        state_key: Option<&str>,
        content: Box<RawValue>,
    ) -> Draft {
        Draft {
            sender: UserId::parse(sender).unwrap(),
            event_type: event_type.into(),
            state_key: state_key.map(ToOwned::to_owned),
            content,
            redacts: None,
            origin_server_ts: MilliSecondsSinceUnixEpoch(UInt::from(self.clock)),
        }
    }

    /// Makes a message that follows the last events of this room and of other branches of its history.
    pub fn merge(&self, sender: &str, others: &[Self]) -> Pdu {
        let content = to_raw_value(&json!({ "body": "merge" })).unwrap();
        let draft = self.draft(sender, "m.room.message", None, content);
        let branches = others.iter().chain([self]);
        let mut prev_events: Vec<OwnedEventId> = branches
            .map(|room| room.last().event_id().clone())
            .collect();
        prev_events.sort();
        prev_events.dedup();
        self.build_after(&draft, &prev_events).unwrap()
    }

    fn build_draft(&self, draft: &Draft) -> Result<Pdu, BuildError> {
        let last = self.timeline.last();
        let prev_events: Vec<_> = last.map(|pdu| pdu.event_id().clone()).into_iter().collect();
        self.build_after(draft, &prev_events)
    }

    fn build_after(&self, draft: &Draft, prev_events: &[OwnedEventId]) -> Result<Pdu, BuildError> {
        let auth_events = auth::auth_events(
            &draft.event_type,
            &draft.sender,
            draft.state_key.as_deref(),
            &draft.content,
            self.rules,
            self,
        );
        let auth_events: Vec<OwnedEventId> = auth_events
            .unwrap()
            .iter()
            .map(|pdu| pdu.event_id().clone())
            .collect();
        let is_create = draft.event_type == TimelineEventType::RoomCreate;
        let context = RoomContext {
            rules: self.rules,
            room_id: self
                .room_id
                .as_deref()
                .filter(|_| !is_create || self.timeline.is_empty()),
            prev_events,
            auth_events: &auth_events,
            depth: self.timeline.len() as u64 + 1,
        };
        let signer = Signer {
            server_name: server_name!("local"),
            key: key_pair(),
        };
        build::build(draft, context, signer)
    }

    fn append(&mut self, pdu: Pdu) -> Pdu {
        auth::check_state_dependent(&pdu, self.rules, self).unwrap();
        if let Some((event_type, state_key)) = pdu.state_entry() {
            self.state
                .insert((event_type.to_string(), state_key.to_owned()), pdu.clone());
        }
        self.timeline.push(pdu.clone());
        self.clock += 1;
        pdu
    }
}

impl StateView for TestRoom {
    type Error = Infallible;

    fn get(&self, event_type: &StateEventType, state_key: &str) -> Result<Option<Pdu>, Infallible> {
        Ok(self
            .state
            .get(&(event_type.to_string(), state_key.to_owned()))
            .cloned())
    }
}
