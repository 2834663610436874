//! A room with people and the engine in it.

use bot_engine::{
    Event, File, Lang, Message, Millis, Output, Place, Reaction, Sender, Settings, Slot, To, What,
    World, text::render,
};

pub(crate) struct Room {
    pub(crate) world: World,
    pub(crate) settings: Settings,
    pub(crate) now: Millis,
    pub(crate) place: Place,
    seed: u64,
    messages: u64,
    /// What was said, in order.
    pub(crate) transcript: String,
    pub(crate) outputs: Vec<Output>,
}

/// The power levels of the people of the tests.
fn power(name: &str) -> i64 {
    if name == "teacher" { 50 } else { 0 }
}

pub(crate) fn person(name: &str) -> String {
    format!("@{name}:x")
}

impl Room {
    pub(crate) fn new(lang: Lang) -> Self {
        Self {
            world: World::default(),
            settings: Settings {
                own_id: "@bot:x".to_owned(),
                lang,
                support: true,
                ..Settings::default()
            },
            // A Tuesday of November 2026.
            now: 1_795_500_000_000,
            place: Place {
                id: "!room:x".to_owned(),
                ..Place::default()
            },
            seed: 7,
            messages: 0,
            transcript: String::new(),
            outputs: Vec::new(),
        }
    }

    pub(crate) fn direct(lang: Lang) -> Self {
        let mut room = Self::new(lang);
        room.place.id = "!direct:x".to_owned();
        room.place.direct = true;
        room
    }

    fn sender(name: &str) -> Sender {
        Sender {
            id: person(name),
            name: name.to_owned(),
            power: power(name),
        }
    }

    /// Applies an event and notes what came of it.
    pub(crate) fn happen(&mut self, what: What) -> Vec<Output> {
        self.seed += 1;
        let event = Event {
            at: self.now,
            seed: self.seed,
            what,
        };
        let outputs = self.world.apply(&self.settings, &event);
        self.reload();
        for output in &outputs {
            self.note(output);
        }
        self.outputs.extend(outputs.clone());
        outputs
    }

    /// The state is what its rows say, as if the process had been started again.
    fn reload(&mut self) {
        let mut rows = self.world.clone();
        let mut again = World::default();
        for row in rows.take_all() {
            if let Some(value) = row.value {
                again.load(row.table, row.key, &value).unwrap();
            }
        }
        self.world.take_changes();
        assert_eq!(again, self.world);
    }

    pub(crate) fn say(&mut self, name: &str, text: &str) -> Vec<Output> {
        self.reply(name, None, text)
    }

    pub(crate) fn reply(&mut self, name: &str, to: Option<Slot>, text: &str) -> Vec<Output> {
        self.transcript.push_str(&format!("{name}: {text}\n"));
        self.messages += 1;
        let message = Message {
            room: self.place.clone(),
            sender: Self::sender(name),
            id: format!("$m{}", self.messages),
            text: text.to_owned(),
            reply_to: to,
            mentions: Vec::new(),
        };
        self.happen(What::Message(message))
    }

    pub(crate) fn press(&mut self, name: &str, on: Slot, key: &str) -> Vec<Output> {
        self.transcript.push_str(&format!("{name} presses {key}\n"));
        let reaction = Reaction {
            room: self.place.clone(),
            sender: Self::sender(name),
            key: key.to_owned(),
            on: Some(on),
        };
        self.happen(What::Reaction(reaction))
    }

    pub(crate) fn send_file(&mut self, name: &str, file: &str, text: &str) -> Vec<Output> {
        self.transcript.push_str(&format!("{name} sends {file}\n"));
        let file = File {
            room: self.place.clone(),
            sender: Self::sender(name),
            id: "$file".to_owned(),
            name: file.to_owned(),
            text: Some(text.to_owned()),
        };
        self.happen(What::File(file))
    }

    /// Lets time pass, with a tick whenever the engine wants one.
    pub(crate) fn wait(&mut self, time: Millis) {
        let until = self.now + time;
        while let Some(at) = self.world.next_deadline().filter(|at| *at <= until) {
            self.now = at.max(self.now);
            self.happen(What::Tick);
        }
        self.now = until;
    }

    /// The newest message with a text, which replies and reactions go to.
    pub(crate) fn board(&self) -> Slot {
        let new = self.outputs.iter().rev().find_map(|output| match output {
            Output::Send {
                slot,
                edit_of: None,
                ..
            } => Some(slot.clone()),
            _ => None,
        });
        new.unwrap()
    }

    fn note(&mut self, output: &Output) {
        let line = match output {
            Output::Send {
                text,
                edit_of,
                to,
                mentions,
                ..
            } => {
                let kind = if edit_of.is_some() {
                    "bot edits"
                } else {
                    "bot"
                };
                let to = match to {
                    To::Room(room) if *room == self.place.id => String::new(),
                    To::Room(other) | To::Person(other) => format!(" to {other}"),
                };
                let mentions = if mentions.is_empty() {
                    String::new()
                } else {
                    format!(" [{}]", mentions.join(", "))
                };
                format!("{kind}{to}{mentions}:\n{}", indented(&render(text).plain))
            }
            Output::React { key, .. } => format!("bot reacts {key}"),
            Output::File { name, text, .. } => format!("bot sends {name}:\n{}", indented(text)),
            Output::Feedback { text, .. } => format!("to support: {text}"),
            Output::Forget { person } => format!("forgets {person}"),
        };
        self.transcript.push_str(line.trim_end());
        self.transcript.push('\n');
    }
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}\n")).collect()
}

/// All that was sent, as one text.
pub(crate) fn said(outputs: &[Output]) -> String {
    let texts = outputs.iter().filter_map(|output| match output {
        Output::Send { text, .. } => Some(render(text).plain),
        _ => None,
    });
    texts.collect::<Vec<_>>().join("\n")
}

/// The reactions that were put.
pub(crate) fn reactions(outputs: &[Output]) -> Vec<&str> {
    let keys = outputs.iter().filter_map(|output| match output {
        Output::React { key, .. } => Some(key.as_str()),
        _ => None,
    });
    keys.collect()
}
