//! `Dag`: a room as a peer knows it, and the events it makes there, after whichever others it likes.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
};

use serde_json::{Value, json};

use super::{Answer, Peer, Received, event, now};
use crate::{crypto::Key, http::Reply, must::text, path, server::Homeserver, server::unique};

/// The ids of state events by type and state key.
pub type State = BTreeMap<(String, String), String>;

/// An event to be made.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Who sends it.
    pub sender: String,
    /// Its type.
    pub kind: String,
    /// Its state key, if it is one of state.
    pub state_key: Option<String>,
    /// Its content.
    pub content: Value,
}

/// A room that a peer is in. Clones are the same room.
#[derive(Clone)]
pub struct Dag(Arc<Mutex<Inner>>);

struct Inner {
    peer: Peer,
    room: String,
    version: u8,
    events: HashMap<String, Value>,
    state_before: HashMap<String, State>,
}

impl Draft {
    /// A text message.
    pub fn message(sender: &str, words: &str) -> Self {
        Self {
            sender: sender.to_owned(),
            kind: "m.room.message".to_owned(),
            state_key: None,
            content: crate::user::rooms::message(words),
        }
    }

    /// An event of state.
    pub fn state(sender: &str, kind: &str, state_key: &str, content: Value) -> Self {
        Self {
            sender: sender.to_owned(),
            kind: kind.to_owned(),
            state_key: Some(state_key.to_owned()),
            content,
        }
    }

    /// A member's membership.
    pub fn member(sender: &str, user: &str, membership: &str) -> Self {
        let content = json!({ "membership": membership });
        Self::state(sender, "m.room.member", user, content)
    }
}

impl Dag {
    /// Has a user of a peer join a room, and the peer answer questions about it from now on.
    ///
    /// # Panics
    /// When the server does not let the user in.
    #[track_caller]
    pub fn join(peer: &Peer, server: &Homeserver, room: &str, user: &str) -> Self {
        let dag = Self(Arc::new(Mutex::new(Inner {
            peer: peer.clone(),
            room: room.to_owned(),
            version: 0,
            events: HashMap::new(),
            state_before: HashMap::new(),
        })));
        dag.enter(server, user);
        let answering = dag.clone();
        peer.on(move |received| answering.inner().answer(received));
        dag
    }

    /// Has another user join, and returns the id of the event.
    ///
    /// # Panics
    /// When the server does not let the user in.
    #[track_caller]
    pub fn enter(&self, server: &Homeserver, user: &str) -> String {
        let (peer, room) = self.place();
        let versions = "?ver=6&ver=7&ver=8&ver=9&ver=10&ver=11&ver=12";
        let path = path!("/_matrix/federation/v1/make_join/{}/{}", room, user) + versions;
        let proposed = peer.request(server, "GET", &path, None).send().ok();
        let version = text(&proposed["room_version"]).parse();
        self.inner().version = version.expect("a version that is a number");
        let mut join = proposed["event"].clone();
        join["origin_server_ts"] = now().into();
        join["origin"] = peer.name().into();
        let id = event::finish(&peer, &mut join, self.inner().version);
        let path = path!("/_matrix/federation/v2/send_join/{}/{}", room, id);
        let answer = peer.request(server, "PUT", &path, Some(&join)).send().ok();
        let mut inner = self.inner();
        let state = inner.learn(&answer["state"]);
        inner.learn(&answer["auth_chain"]);
        inner.events.insert(id.clone(), join);
        inner.state_before.insert(id.clone(), state);
        id
    }

    /// Learns an event and the state before it from a server.
    ///
    /// # Panics
    /// When the server does not tell.
    #[track_caller]
    pub fn learn(&self, server: &Homeserver, id: &str) {
        let (peer, room) = self.place();
        let ask = |path: &str| peer.request(server, "GET", path, None).send().ok();
        let found = ask(&path!("/_matrix/federation/v1/event/{}", id));
        let state = ask(&path!(
            "/_matrix/federation/v1/state/{}?event_id={}",
            room,
            id
        ));
        let mut inner = self.inner();
        inner.learn(&found["pdus"]);
        inner.learn(&state["auth_chain"]);
        let state = inner.learn(&state["pdus"]);
        inner.state_before.insert(id.to_owned(), state);
    }

    /// What a server says about the state before an event.
    pub fn state_ids_at(&self, server: &Homeserver, id: &str) -> Reply {
        let path = path!(
            "/_matrix/federation/v1/state_ids/{}?event_id={}",
            self.room(),
            id
        );
        let peer = self.inner().peer.clone();
        peer.request(server, "GET", &path, None).send()
    }

    /// Notes the state before an event.
    pub fn set_state_before(&self, id: &str, state: State) {
        self.inner().state_before.insert(id.to_owned(), state);
    }

    /// Makes an event after others, in the state after the first of them; returns its id.
    pub fn make(&self, after: &[String], draft: &Draft) -> String {
        self.make_at(after, draft, now())
    }

    /// The same with this `origin_server_ts`.
    pub fn make_at(&self, after: &[String], draft: &Draft, ts: u64) -> String {
        let mut inner = self.inner();
        let first = after.first().expect("an event to follow");
        let state = inner.state_after(first);
        let mut made = inner.unfinished(after, draft, &state, ts);
        let id = event::finish(&inner.peer, &mut made, inner.version);
        inner.events.insert(id.clone(), made);
        // What several states make, the peer cannot tell.
        if after.len() == 1 {
            inner.state_before.insert(id.clone(), state);
        }
        id
    }

    /// An event as it would be made, to be spoilt before it is hashed and signed.
    pub fn unfinished(&self, after: &[String], draft: &Draft) -> Value {
        let inner = self.inner();
        let state = inner.state_after(after.first().expect("an event to follow"));
        inner.unfinished(after, draft, &state, now())
    }

    /// Hashes and signs an event, and returns its id. The peer does not keep it.
    pub fn finish(&self, event: &mut Value) -> String {
        let inner = self.inner();
        event::finish(&inner.peer, event, inner.version)
    }

    /// Keeps an event that was made elsewhere, with the state before it.
    pub fn keep(&self, id: &str, event: &Value, state: State) {
        let mut inner = self.inner();
        inner.events.insert(id.to_owned(), event.clone());
        inner.state_before.insert(id.to_owned(), state);
    }

    /// The state after an event.
    ///
    /// # Panics
    /// When the peer does not know it.
    pub fn state_after(&self, id: &str) -> State {
        self.inner().state_after(id)
    }

    /// An event.
    ///
    /// # Panics
    /// When the peer does not know it.
    pub fn event(&self, id: &str) -> Value {
        self.inner().events[id].clone()
    }

    /// The content of a piece of state, null if there is none.
    pub fn content(&self, state: &State, kind: &str, state_key: &str) -> Value {
        let id = state.get(&(kind.to_owned(), state_key.to_owned()));
        id.map_or(Value::Null, |id| self.inner().events[id]["content"].clone())
    }

    /// The room's id.
    pub fn room(&self) -> String {
        self.inner().room.clone()
    }

    /// Sends events in transactions of fifty, and returns the last answer.
    ///
    /// # Panics
    /// When a transaction is refused.
    pub fn send(&self, server: &Homeserver, ids: &[String]) -> Value {
        let events: Vec<Value> = ids.iter().map(|id| self.event(id)).collect();
        let mut answer = Value::Null;
        for events in events.chunks(50) {
            answer = self.send_events(server, events).ok();
        }
        answer
    }

    /// The answer to a transaction with these events.
    pub fn send_events(&self, server: &Homeserver, events: &[Value]) -> Reply {
        let peer = self.inner().peer.clone();
        peer.send_transaction(server, events, &[])
    }

    /// Has another peer in the room answer questions about it as this one does.
    pub fn answer_at(&self, peer: &Peer) {
        let answering = self.clone();
        peer.on(move |received| answering.inner().answer(received));
    }

    /// The peer's signature of an event as the room's policy server.
    /// [spec](https://spec.matrix.org/v1.19/server-server-api/#post_matrixpolicyv1sign)
    pub fn policy_signature(&self, key: &Key, event: &Value) -> Value {
        let inner = self.inner();
        event::policy_signature(&inner.peer, key, event, inner.version)
    }

    /// The peer.
    pub fn peer(&self) -> Peer {
        self.inner().peer.clone()
    }

    fn place(&self) -> (Peer, String) {
        let inner = self.inner();
        (inner.peer.clone(), inner.room.clone())
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().expect("no test died here")
    }
}

impl Peer {
    /// The answer to a transaction.
    pub fn send_transaction(&self, server: &Homeserver, pdus: &[Value], edus: &[Value]) -> Reply {
        let body = json!({
            "origin": self.name(), "origin_server_ts": now(), "pdus": pdus, "edus": edus,
        });
        let path = path!("/_matrix/federation/v1/send/{}", unique("txn"));
        self.request(server, "PUT", &path, Some(&body)).send()
    }
}

impl Inner {
    /// Keeps events, and returns the state that they make.
    fn learn(&mut self, events: &Value) -> State {
        let mut state = State::new();
        for found in events.as_array().into_iter().flatten() {
            let id = event::event_id(found, self.version);
            if let Some(state_key) = found["state_key"].as_str() {
                let kind = text(&found["type"]);
                state.insert((kind, state_key.to_owned()), id.clone());
            }
            self.events.insert(id, found.clone());
        }
        state
    }

    fn state_after(&self, id: &str) -> State {
        let mut state = self.state_before[id].clone();
        let event = &self.events[id];
        if let Some(state_key) = event["state_key"].as_str() {
            state.insert((text(&event["type"]), state_key.to_owned()), id.to_owned());
        }
        state
    }

    fn unfinished(&self, after: &[String], draft: &Draft, state: &State, ts: u64) -> Value {
        let depths = after
            .iter()
            .filter_map(|id| self.events[id]["depth"].as_u64());
        let mut event = json!({
            "room_id": self.room,
            "sender": draft.sender,
            "type": draft.kind,
            "content": draft.content,
            "origin_server_ts": ts,
            "depth": depths.max().unwrap_or(0) + 1,
            "prev_events": after,
            "auth_events": self.auth_events(draft, state),
        });
        if let Some(state_key) = &draft.state_key {
            event["state_key"] = state_key.as_str().into();
        }
        event
    }

    /// [spec](https://spec.matrix.org/v1.19/server-server-api/#auth-events-selection)
    fn auth_events(&self, draft: &Draft, state: &State) -> Vec<String> {
        let mut wanted = vec![
            ("m.room.power_levels", ""),
            ("m.room.member", draft.sender.as_str()),
        ];
        if self.version < 12 {
            wanted.push(("m.room.create", ""));
        }
        if draft.kind == "m.room.member" {
            wanted.push((
                "m.room.member",
                draft.state_key.as_deref().unwrap_or_default(),
            ));
            if matches!(
                draft.content["membership"].as_str(),
                Some("join" | "invite" | "knock")
            ) {
                wanted.push(("m.room.join_rules", ""));
            }
            if let Some(member) = draft.content["join_authorised_via_users_server"].as_str() {
                wanted.push(("m.room.member", member));
            }
        }
        let found: BTreeSet<String> = wanted
            .into_iter()
            .filter_map(|(kind, key)| state.get(&(kind.to_owned(), key.to_owned())).cloned())
            .collect();
        found.into_iter().collect()
    }

    /// Answers what servers ask about this room.
    fn answer(&self, received: &Received) -> Option<Answer> {
        let path = received.path().strip_prefix("/_matrix/federation/v1/")?;
        let (what, rest) = path.split_once('/').unwrap_or((path, ""));
        let parts: Vec<String> = rest.split('/').map(decode).collect();
        let query = |name: &str| {
            let query = received
                .target
                .split_once('?')
                .map_or("", |(_, query)| query);
            let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            let found = pairs.into_iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| decode(value)).unwrap_or_default()
        };
        let event = |id: &String| self.events.get(id).cloned();
        if what == "send" {
            return Some(Answer::json(200, &json!({ "pdus": {} })));
        }
        if what == "event" {
            let found = event(parts.first()?)?;
            let answer =
                json!({ "origin": self.peer.name(), "origin_server_ts": now(), "pdus": [found] });
            return Some(Answer::json(200, &answer));
        }
        if *parts.first()? != self.room {
            return None;
        }
        let answer = match what {
            "get_missing_events" => json!({ "events": self.missing(&received.body) }),
            "event_auth" => {
                let chain = self.auth_chain(&[parts.get(1)?.clone()]);
                json!({ "auth_chain": chain.iter().filter_map(event).collect::<Vec<_>>() })
            }
            "state_ids" | "state" => {
                let state: Vec<String> = self
                    .state_before
                    .get(&query("event_id"))?
                    .values()
                    .cloned()
                    .collect();
                let chain = self.auth_chain(&state);
                if what == "state_ids" {
                    json!({ "pdu_ids": state, "auth_chain_ids": chain })
                } else {
                    let events = |ids: &[String]| ids.iter().filter_map(event).collect::<Vec<_>>();
                    json!({ "pdus": events(&state), "auth_chain": events(&chain) })
                }
            }
            _ => return None,
        };
        Some(Answer::json(200, &answer))
    }

    /// [spec](https://spec.matrix.org/v1.19/server-server-api/#post_matrixfederationv1get_missing_eventsroomid)
    fn missing(&self, wanted: &Value) -> Vec<Value> {
        let ids = |key: &str| -> Vec<String> {
            let ids = wanted[key].as_array().into_iter().flatten();
            ids.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let limit = usize::try_from(wanted["limit"].as_u64().unwrap_or(10)).unwrap_or(10);
        let mut seen: BTreeSet<String> = ids("earliest_events").into_iter().collect();
        let mut queue: VecDeque<String> = ids("latest_events").into();
        let mut found = Vec::new();
        while let Some(id) = queue.pop_front() {
            let prev = self
                .events
                .get(&id)
                .map(|event| event["prev_events"].clone());
            for id in prev
                .as_ref()
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
            {
                let id = text(id);
                // What was there before the peer is not its to give.
                if !self.state_before.contains_key(&id) || !seen.insert(id.clone()) {
                    continue;
                }
                if found.len() < limit {
                    found.push(self.events[&id].clone());
                    queue.push_back(id);
                }
            }
        }
        found.sort_by_key(|event| event["depth"].as_u64());
        found
    }

    /// What stands behind events, without themselves.
    fn auth_chain(&self, of: &[String]) -> Vec<String> {
        let (mut chain, mut queue) = (BTreeSet::new(), of.to_vec());
        while let Some(id) = queue.pop() {
            let auth = self
                .events
                .get(&id)
                .map(|event| event["auth_events"].clone());
            for id in auth
                .as_ref()
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
            {
                let id = text(id);
                if chain.insert(id.clone()) {
                    queue.push(id);
                }
            }
        }
        chain.into_iter().collect()
    }
}

/// Undoes percent-encoding.
fn decode(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.bytes());
    while let Some(byte) = rest.next() {
        let hex = |byte: u8| char::from(byte).to_digit(16);
        match (
            byte,
            rest.clone().next().and_then(hex),
            rest.clone().nth(1).and_then(hex),
        ) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((high * 16 + low) as u8);
                rest.nth(1);
            }
            _ => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
