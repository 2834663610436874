//! `Quarrel`: people of one peer who do things in a room at the same time that do not go together.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Dag, Draft, Peer, State, now};
use crate::{dice::Dice, must::text, server::Homeserver, sync_until::eventually, user::User};

/// The people by what they may do at the beginning.
const POWERS: [i64; 6] = [100, 100, 50, 50, 0, 0];

/// A room in which people quarrel.
pub struct Quarrel {
    /// The room, as the peer knows it.
    pub dag: Dag,
    /// What decides who does what.
    pub dice: Dice,
    people: Vec<String>,
    base: String,
}

/// What people did at the same time.
#[derive(Debug)]
pub struct Fork {
    /// All events, each after those it follows.
    pub events: Vec<String>,
    /// The one that follows all ends.
    pub merge: String,
}

impl Quarrel {
    /// Lets people of a peer into a room and gives them power.
    ///
    /// # Panics
    /// When one of them is not let in.
    #[track_caller]
    pub fn begin(peer: &Peer, owner: &User, room: &str, seed: u64) -> Self {
        let people: Vec<String> = (0..POWERS.len())
            .map(|number| peer.user(&format!("p{number}")))
            .collect();
        let mut levels = owner.state(room, "m.room.power_levels", "").ok();
        for (person, power) in people.iter().zip(POWERS) {
            levels["users"][person] = power.into();
        }
        levels["invite"] = 0.into();
        levels["events"] = json!({ "m.room.power_levels": 50, "m.room.name": 0 });
        owner.set_state(room, "m.room.power_levels", "", &levels);
        let dag = Dag::join(peer, &owner.server, room, &people[0]);
        for person in &people[1..] {
            dag.enter(&owner.server, person);
        }
        let base = owner.say(room, "before the quarrel");
        dag.learn(&owner.server, &base);
        Self {
            dag,
            dice: Dice::new(seed),
            people,
            base,
        }
    }

    /// Makes a fork of two to four branches that go on from where everybody agreed.
    pub fn fork(&mut self) -> Fork {
        let mut events: Vec<String> = Vec::new();
        for _ in 0..2 + self.dice.below(3) {
            let mut tip = self.base.clone();
            if !events.is_empty() && self.dice.once_in(3) {
                tip = self.dice.pick(&events).clone();
            }
            for _ in 0..1 + self.dice.below(4) {
                let state = self.dag.state_after(&tip);
                let draft = self.act(&state);
                let ts = now() - self.dice.below(100_000) as u64;
                tip = self.dag.make_at(&[tip], &draft, ts);
                events.push(tip.clone());
            }
        }
        let followed: BTreeSet<String> = events
            .iter()
            .flat_map(|id| {
                self.dag.event(id)["prev_events"]
                    .as_array()
                    .cloned()
                    .unwrap_or_default()
            })
            .map(|id| text(&id))
            .collect();
        let ends: Vec<String> = events
            .iter()
            .filter(|id| !followed.contains(*id))
            .cloned()
            .collect();
        let merge = self
            .dag
            .make(&ends, &Draft::message(&self.people[0], "let us agree"));
        events.push(merge.clone());
        Fork { events, merge }
    }

    /// Something that somebody may do in a state.
    fn act(&mut self, state: &State) -> Draft {
        for _ in 0..50 {
            let actor = self.dice.pick(&self.people).clone();
            let target = self.dice.pick(&self.people).clone();
            if let Some(draft) = self.try_to_act(state, &actor, &target) {
                return draft;
            }
        }
        Draft::message(&self.people[0], "nothing to do")
    }

    fn try_to_act(&mut self, state: &State, actor: &str, target: &str) -> Option<Draft> {
        let membership = |user: &str| {
            let content = self.dag.content(state, "m.room.member", user);
            content["membership"].as_str().unwrap_or("leave").to_owned()
        };
        let mut levels = self.dag.content(state, "m.room.power_levels", "");
        let power = |user: &str| levels["users"][user].as_i64().unwrap_or(0);
        let (own, others) = (power(actor), power(target));
        let (is_in, of_target) = (membership(actor) == "join", membership(target));
        let rule = self.dag.content(state, "m.room.join_rules", "")["join_rule"].clone();
        let number = self.dice.below(1_000);
        match self.dice.below(10) {
            0 if is_in => {
                let name = json!({ "name": format!("name {number}") });
                Some(Draft::state(actor, "m.room.name", "", name))
            }
            1 if is_in && own >= 50 => {
                let topic = json!({ "topic": format!("topic {number}") });
                Some(Draft::state(actor, "m.room.topic", "", topic))
            }
            2 | 3
                if is_in
                    && own >= 50
                    && (others < own || actor == target)
                    && target != self.people[0] =>
            {
                let choices: Vec<i64> = [0, 25, 50, 75, 100]
                    .into_iter()
                    .filter(|new| *new <= own)
                    .collect();
                levels["users"][target] = (*self.dice.pick(&choices)).into();
                Some(Draft::state(actor, "m.room.power_levels", "", levels))
            }
            4 if is_in && own >= 50 && others < own && of_target == "join" => {
                Some(Draft::member(actor, target, "leave"))
            }
            5 if is_in && own >= 50 && others < own => Some(Draft::member(actor, target, "ban")),
            6 if is_in && own >= 50 && others < own && of_target == "ban" => {
                Some(Draft::member(actor, target, "leave"))
            }
            7 if is_in && of_target == "leave" => Some(Draft::member(actor, target, "invite")),
            8 if is_in && own >= 50 => {
                let rule = if rule == "public" { "invite" } else { "public" };
                Some(Draft::state(
                    actor,
                    "m.room.join_rules",
                    "",
                    json!({ "join_rule": rule }),
                ))
            }
            9 if of_target == "invite" || (of_target == "leave" && rule == "public") => {
                Some(Draft::member(target, target, "join"))
            }
            9 if is_in && *actor != self.people[0] => Some(Draft::member(actor, actor, "leave")),
            _ => None,
        }
    }

    /// Waits until all servers have the end of a fork, and fails unless they say the same about the state before it;
    /// the next fork begins there.
    ///
    /// # Panics
    /// When servers do not agree.
    #[track_caller]
    pub fn must_agree(&mut self, fork: &Fork, servers: &[&Homeserver]) {
        let told: Vec<BTreeSet<String>> = servers
            .iter()
            .map(|server| self.must_know(fork, server))
            .collect();
        for (server, other) in servers.iter().zip(&told) {
            let only = |here: &BTreeSet<String>, there: &BTreeSet<String>| -> Vec<Value> {
                here.difference(there)
                    .map(|id| self.dag.event(id))
                    .collect()
            };
            let (first, here) = (only(&told[0], other), only(other, &told[0]));
            assert!(
                first.is_empty() && here.is_empty(),
                "{} and {} do not agree.\nonly the first has {first:#?}\nonly the second has {here:#?}\nafter {:#?}",
                servers[0].url(),
                server.url(),
                fork.events
                    .iter()
                    .map(|id| (id, self.dag.event(id)))
                    .collect::<Vec<_>>(),
            );
        }
        let mut state = State::new();
        for id in &told[0] {
            let event = self.dag.event(id);
            state.insert(
                (text(&event["type"]), text(&event["state_key"])),
                id.clone(),
            );
        }
        self.dag.set_state_before(&fork.merge, state);
        self.base = fork.merge.clone();
    }

    /// Waits until a server has the end of a fork, and returns the state before it as the server tells it.
    ///
    /// # Panics
    /// When the server does not take the fork in.
    #[track_caller]
    pub fn must_know(&self, fork: &Fork, server: &Homeserver) -> BTreeSet<String> {
        eventually(|| self.told(server, &fork.merge))
    }

    fn told(&self, server: &Homeserver, at: &str) -> Result<BTreeSet<String>, String> {
        let reply = self.dag.state_ids_at(server, at);
        if reply.status != 200 {
            return Err(reply.to_string());
        }
        let ids = reply.json["pdu_ids"].as_array().into_iter().flatten();
        Ok(ids.map(text).collect())
    }
}
