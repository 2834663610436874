//! A campus: a server in each building, one certificate authority, fixed addresses, and lines that fail.
//!
//! In each round one building is cut off or loses power, the lines between the others are slow and break, and everybody
//! goes on writing. When all are connected again, every message has to be everywhere exactly once, and all servers have
//! to have the same state of every room.
//! `cargo xtask campus --buildings 5 --rounds 20 --seed 7` runs it longer.

mod building;

use std::{collections::BTreeMap, env};

use serde_json::{Value, json};
use spec_tests::{
    User, dice::Dice, link::Weather, must::text, path, sync_until::eventually, target::Target,
};

use crate::building::Campus;

const VERSIONS: [&str; 3] = ["12", "11", "10"];

#[test]
fn every_message_is_everywhere_once_and_all_agree_after_buildings_were_cut_off() {
    if !matches!(Target::from_environment(), Target::Fialka(_)) {
        return;
    }
    let number = |name: &str, default: u64| -> u64 {
        let given = env::var(name).ok().and_then(|number| number.parse().ok());
        given.unwrap_or(default)
    };
    let buildings = number("SPEC_TEST_CAMPUS_BUILDINGS", 3).max(2) as usize;
    let seed = number("SPEC_TEST_CAMPUS_SEED", 1);
    let rounds = number("SPEC_TEST_CAMPUS_ROUNDS", 2);
    eprintln!("{buildings} buildings, {rounds} rounds, seed {seed}");
    let mut talk = Talk {
        dice: Dice::new(seed),
        campus: Campus::start(buildings, seed),
        rooms: Vec::new(),
        said: BTreeMap::new(),
    };
    for version in VERSIONS {
        talk.open_room(version);
    }
    for round in 1..=rounds {
        talk.round(round);
        eprintln!(
            "round {round}: all agree on {} messages",
            talk.said.values().map(Vec::len).sum::<usize>()
        );
    }
}

/// What goes on on the campus.
struct Talk {
    dice: Dice,
    campus: Campus,
    rooms: Vec<String>,
    /// What was said in each room.
    said: BTreeMap<String, Vec<String>>,
}

impl Talk {
    /// A room of the first building that everybody joins through any building that is in it.
    fn open_room(&mut self, version: &str) {
        let people: Vec<User> = self.campus.people().cloned().collect();
        let owner = &people[0];
        let room = owner.create_room(&json!({ "preset": "public_chat", "room_version": version }));
        for (number, person) in people.iter().enumerate().skip(1) {
            let through = &people[self.dice.below(number)];
            person.join_via(&room, &through.server);
            // What is said before a server knows of another is not sent there, so one joins after the other.
            for other in &people[..number] {
                other.must_see_member(&room, person, "join");
            }
        }
        let mut levels = owner.state(&room, "m.room.power_levels", "").ok();
        for person in people.iter().skip(1).step_by(2) {
            levels["users"][&person.id] = 50.into();
        }
        let event = owner.set_state(&room, "m.room.power_levels", "", &levels);
        for person in &people {
            person.must_see_event(&room, &event, &json!({ "type": "m.room.power_levels" }));
        }
        self.said.insert(room.clone(), Vec::new());
        self.rooms.push(room);
    }

    fn round(&mut self, round: u64) {
        let away = self.dice.below(self.campus.buildings.len());
        let loses_power = self.dice.once_in(3);
        self.spoil_weather();
        if loses_power {
            eprintln!("round {round}: building {} loses power", away + 1);
            self.campus.buildings[away].server.kill();
        } else {
            eprintln!("round {round}: building {} is cut off", away + 1);
            self.campus.cut_off(away);
        }
        let people: Vec<User> = self
            .campus
            .buildings
            .iter()
            .enumerate()
            .filter(|(number, _)| !(loses_power && *number == away))
            .flat_map(|(_, building)| building.people.clone())
            .collect();
        for turn in 0..20 {
            let person = self.dice.pick(&people).clone();
            let room = self.dice.pick(&self.rooms).clone();
            self.act(&person, &room, &format!("round {round}, turn {turn}"));
        }
        self.campus.connect_all(Weather::default());
        if loses_power {
            self.campus.buildings[away].server.start_again();
        }
        // Whoever was away speaks up, and everybody else has something new, too.
        let people: Vec<User> = self.campus.people().cloned().collect();
        for room in self.rooms.clone() {
            for person in &people {
                let words = format!("round {round}, {} is back", person.localpart);
                person.say(&room, &words);
                self.said.entry(room.clone()).or_default().push(words);
            }
        }
        for room in &self.rooms {
            self.must_be_complete(room);
            self.must_agree(room);
        }
    }

    /// Lines between buildings become slow, some of them break.
    fn spoil_weather(&mut self) {
        for link in self.campus.links() {
            link.set(Weather {
                is_cut: false,
                delay_ms: *self.dice.pick(&[0, 5, 40]),
                breaks_once_in: *self.dice.pick(&[0, 0, 0, 60]),
            });
        }
    }

    /// Somebody says something, or changes the room if they may.
    fn act(&mut self, person: &User, room: &str, words: &str) {
        let content = json!({ "name": words, "topic": words });
        match self.dice.below(6) {
            0 => drop(person.try_set_state(room, "m.room.name", "", &content)),
            1 => drop(person.try_set_state(room, "m.room.topic", "", &content)),
            2 => drop(person.try_set_state(room, "test.choice", "", &content)),
            _ => {
                person.say(room, words);
                self.said
                    .entry(room.to_owned())
                    .or_default()
                    .push(words.to_owned());
            }
        }
    }

    /// Waits until one person of each building can read everything that was said, once.
    fn must_be_complete(&self, room: &str) {
        let mut expected = self.said[room].clone();
        expected.sort();
        for building in &self.campus.buildings {
            eventually(|| {
                let mut found = building.people[0].all_bodies(room);
                found.sort();
                if found == expected {
                    return Ok(());
                }
                let missing: Vec<_> = expected
                    .iter()
                    .filter(|words| !found.contains(words))
                    .collect();
                Err(format!(
                    "{} has {} of {}; missing: {missing:?}",
                    building.name,
                    found.len(),
                    expected.len()
                ))
            });
        }
    }

    /// Waits until all buildings have the same state of a room.
    fn must_agree(&self, room: &str) {
        let state = |person: &User| -> Vec<String> {
            let events = person.get(&path!("/v3/rooms/{}/state", room)).ok();
            let ids = events
                .as_array()
                .into_iter()
                .flatten()
                .map(|event: &Value| text(&event["event_id"]));
            let mut ids: Vec<String> = ids.collect();
            ids.sort();
            ids
        };
        eventually(|| {
            let mut states = self
                .campus
                .buildings
                .iter()
                .map(|building| (building, state(&building.people[0])));
            let first = states.next().map(|(_, state)| state).unwrap_or_default();
            for (building, state) in states {
                if state != first {
                    return Err(format!("{} has another state", building.name));
                }
            }
            Ok(())
        });
    }
}
