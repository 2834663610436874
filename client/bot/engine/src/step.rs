//! One step of the engine: an event comes in, the world changes, outputs go out.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::{
    commands::{self, Typed},
    event::{Event, File, Message, Millis, Place, Reaction, Sender, Slot, What},
    lang::{Lang, say},
    output::{Output, Target, To},
    text::tame_name,
    world::{Rows, Settings, World},
};

/// What one event works on.
pub(crate) struct Step<'a> {
    pub(crate) world: &'a mut World,
    pub(crate) settings: &'a Settings,
    pub(crate) now: Millis,
    pub(crate) chance: ChaCha8Rng,
    pub(crate) outputs: Vec<Output>,
    /// The room of a quiz in secret mode while an answer from a direct chat is taken.
    pub(crate) secret_room: Option<String>,
}

/// Who does something, and where.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caller<'a> {
    pub(crate) place: &'a Place,
    pub(crate) sender: &'a Sender,
    /// The message that caused it.
    pub(crate) message: Option<&'a str>,
    pub(crate) lang: Lang,
}

/// Moderators and above: teachers in their classes.
pub(crate) const IN_CHARGE: i64 = 50;

impl World {
    /// Takes in an event and returns what is to be done about it.
    pub fn apply(&mut self, settings: &Settings, event: &Event) -> Vec<Output> {
        let mut step = Step {
            world: self,
            settings,
            now: event.at,
            chance: ChaCha8Rng::seed_from_u64(event.seed),
            outputs: Vec::new(),
            secret_room: None,
        };
        match &event.what {
            What::Message(message) => step.message(message),
            What::Reaction(reaction) => step.reaction(reaction),
            What::File(file) => step.file(file),
            What::Joined { room, inviter } => step.joined(room, inviter.as_ref()),
            What::Left { room } => step.left(room),
            What::Moved { from, to } => step.moved(from, to),
            What::Switched { room, games } => step.world.room_mut(room).switch = *games,
            What::Tick => step.tick(),
        }
        step.outputs
    }

    /// Whether a message is any of the bot's business.
    fn listens(&self, message: &Message, own_id: &str) -> bool {
        let room = self.rooms.get(&message.room.id);
        message.room.direct
            || message.reply_to.is_some()
            || message.mentions.iter().any(|id| id == own_id)
            || commands::parse(&message.text) != Typed::Other
            || room.is_some_and(|room| {
                room.tables
                    .iter()
                    .any(|table| table.takes_bare(&message.sender.id, &message.text))
            })
    }
}

impl Step<'_> {
    fn message(&mut self, message: &Message) {
        if !self.world.listens(message, &self.settings.own_id) {
            // Not even the name of who wrote it is kept.
            return self.bury(&message.room.id);
        }
        self.meet(&message.sender, &message.room);
        let caller = Caller {
            place: &message.room,
            sender: &message.sender,
            message: Some(&message.id),
            lang: self.world.lang(&message.room.id, self.settings),
        };
        match commands::parse(&message.text) {
            Typed::Command(command) => {
                self.choose_language(&message.room.id, command.lang);
                let lang = self.world.lang(&message.room.id, self.settings);
                self.command(Caller { lang, ..caller }, &command, &message.mentions);
            }
            Typed::Nearly(name) => {
                if self.may_answer(caller) {
                    let lang = caller.lang;
                    self.answer(
                        caller,
                        say!(lang, "Может быть, `!{name}`?", "Did you mean `!{name}`?"),
                    );
                }
            }
            Typed::Other => self.plain(caller, message),
        }
        self.bury(&message.room.id);
    }

    /// A message that is no command: a move, an answer of a quiz, or a question to the helper.
    fn plain(&mut self, caller: Caller<'_>, message: &Message) {
        if let Some(slot) = &message.reply_to
            && let Some(table) = self.table_of_slot(&caller.place.id, slot)
        {
            return self.attempt(caller, table, &message.text);
        }
        if self.secret_answer(caller, &message.text) {
            return;
        }
        if let Some(table) = self.table_for_bare(caller, &message.text) {
            return self.attempt(caller, table, &message.text);
        }
        let asked = message.mentions.contains(&self.settings.own_id);
        if (caller.place.direct || asked) && self.may_answer(caller) {
            self.question(caller, &message.text);
        }
    }

    fn reaction(&mut self, reaction: &Reaction) {
        self.meet(&reaction.sender, &reaction.room);
        let caller = Caller {
            place: &reaction.room,
            sender: &reaction.sender,
            message: None,
            lang: self.world.lang(&reaction.room.id, self.settings),
        };
        let Some(slot) = &reaction.on else {
            return;
        };
        if self.secret_reaction(caller, slot, &reaction.key) {
            return;
        }
        if let Some(table) = self.table_of_slot(&caller.place.id, slot) {
            self.press(caller, table, &reaction.key);
        }
    }

    fn file(&mut self, file: &File) {
        self.meet(&file.sender, &file.room);
        let caller = Caller {
            place: &file.room,
            sender: &file.sender,
            message: Some(&file.id),
            lang: self.world.lang(&file.room.id, self.settings),
        };
        if caller.place.direct && self.may_answer(caller) {
            self.take_file(caller, &file.name, file.text.as_deref());
        }
    }

    /// Greets once: a person in a direct chat, a room when the bot comes in.
    fn joined(&mut self, room: &Place, inviter: Option<&Sender>) {
        let lang = self.world.lang(&room.id, self.settings);
        if let Some(inviter) = inviter {
            self.meet(inviter, room);
            if room.direct {
                let person = self.world.person_mut(&inviter.id);
                if std::mem::replace(&mut person.greeted, true) {
                    return;
                }
            }
        }
        if room.announcements {
            return;
        }
        let text = if room.direct {
            lang.pick(
                "Здравствуйте! Я Фиалка-бот: отвечаю на вопросы о мессенджере, играю и провожу викторины.\nСпросите своими словами, например «как отправить файл», или посмотрите `!игры` и `!помощь`.",
                "Hello! I am the Fialka bot: I answer questions about the messenger, play games and run quizzes.\nAsk in your own words, for example “how do I send a file”, or see `!games` and `!help`.",
            )
        } else {
            lang.pick(
                "Здравствуйте! Я провожу игры и викторины: `!игры`. Без команды молчу.",
                "Hello! I run games and quizzes: `!games`. Without a command I keep quiet.",
            )
        };
        self.send(&room.id, text.to_owned());
    }

    fn moved(&mut self, from: &str, to: &str) {
        if let Some(before) = self.world.rooms.get(from) {
            let (lang, switch) = (before.lang, before.switch);
            let room = self.world.room_mut(to);
            room.lang = lang;
            room.switch = switch;
        }
        self.world.move_seasons(from, to);
    }

    fn left(&mut self, room: &str) {
        self.world.rooms.remove(room);
        self.world.note(Rows::Rooms, room);
        let people: Vec<String> = self
            .world
            .people
            .iter()
            .filter(|(_, person)| person.direct.as_deref() == Some(room))
            .map(|(id, _)| id.clone())
            .collect();
        for person in people {
            self.world.person_mut(&person).direct = None;
        }
    }

    /// Remembers how somebody is called and where to write to them.
    fn meet(&mut self, sender: &Sender, place: &Place) {
        let name = tame_name(&sender.name);
        let direct = place.direct.then(|| place.id.clone());
        let known = self.world.people.get(&sender.id);
        let is_new = known
            .is_none_or(|known| known.name != name || (direct.is_some() && known.direct != direct));
        if is_new {
            let person = self.world.person_mut(&sender.id);
            person.name = name;
            person.direct = direct.or(person.direct.take());
        }
        if place.class.is_some()
            && self
                .world
                .rooms
                .get(&place.id)
                .is_none_or(|room| room.class != place.class)
        {
            self.world
                .room_mut(&place.id)
                .class
                .clone_from(&place.class);
        }
    }

    /// The language of the first command is the room's until somebody chooses another.
    fn choose_language(&mut self, room: &str, lang: Lang) {
        if self
            .world
            .rooms
            .get(room)
            .is_none_or(|room| room.lang.is_none())
        {
            self.world.room_mut(room).lang = Some(lang);
        }
    }

    /// Whether the sender has an answer left; whoever floods gets none.
    pub(crate) fn may_answer(&mut self, caller: Caller<'_>) -> bool {
        let now = self.now;
        self.world.person_mut(&caller.sender.id).take_answer(now)
    }

    pub(crate) fn name_of(&self, person: &str) -> String {
        let known = self
            .world
            .people
            .get(person)
            .map(|known| known.name.clone());
        known
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| person.to_owned())
    }

    /// Sends a message to a room.
    pub(crate) fn send(&mut self, room: &str, text: String) -> Slot {
        self.send_to(To::Room(room.to_owned()), text, Vec::new())
    }

    pub(crate) fn send_to(&mut self, to: To, text: String, mentions: Vec<String>) -> Slot {
        let slot = self.world.new_slot();
        self.outputs.push(Output::Send {
            to,
            slot: slot.clone(),
            text,
            edit_of: None,
            reply_to: None,
            mentions,
        });
        slot
    }

    /// Answers a message.
    pub(crate) fn answer(&mut self, caller: Caller<'_>, text: String) -> Slot {
        let slot = self.world.new_slot();
        self.outputs.push(Output::Send {
            to: To::Room(caller.place.id.clone()),
            slot: slot.clone(),
            text,
            edit_of: None,
            reply_to: caller.message.map(str::to_owned),
            mentions: Vec::new(),
        });
        slot
    }

    pub(crate) fn react(&mut self, room: &str, on: Target, key: &str) {
        self.outputs.push(Output::React {
            to: To::Room(room.to_owned()),
            on,
            key: key.to_owned(),
        });
    }
}
