//! What happens to the engine. Time and chance are part of it, so the same events always have the same outcome.

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970.
pub type Millis = i64;

/// The bot's own name for a message it sends: known before the server has given it an id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Slot(pub String);

/// Something that happened, with its time and with chance for what follows from it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    pub at: Millis,
    pub seed: u64,
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum What {
    /// Somebody wrote.
    Message(Message),
    /// Somebody pressed a reaction on a message of the bot.
    Reaction(Reaction),
    /// Somebody sent the bot a file.
    File(File),
    /// The bot came into a room.
    Joined {
        room: Place,
        inviter: Option<Sender>,
    },
    /// The bot is no longer in a room.
    Left { room: String },
    /// A room is replaced by another: its language, its switch and its tables of the best go along.
    Moved { from: String, to: String },
    /// A room's administrators switched games on or off for it.
    Switched { room: String, games: Option<bool> },
    /// Time passed.
    Tick,
}

/// A room, as far as rules depend on it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Place {
    pub id: String,
    /// A chat of two with the bot.
    #[serde(default)]
    pub direct: bool,
    /// Only those in charge write here.
    #[serde(default)]
    pub announcements: bool,
    /// A lesson is going on.
    #[serde(default)]
    pub lesson: bool,
    /// The class whose room this is.
    #[serde(default)]
    pub class: Option<String>,
    /// Games switched on or off for all rooms of the class.
    #[serde(default)]
    pub class_games: Option<bool>,
}

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Sender {
    pub id: String,
    pub name: String,
    /// The power level in the room.
    pub power: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Message {
    pub room: Place,
    pub sender: Sender,
    /// The server's id of the message.
    pub id: String,
    pub text: String,
    /// The message of the bot that this one answers.
    #[serde(default)]
    pub reply_to: Option<Slot>,
    /// Who is mentioned.
    #[serde(default)]
    pub mentions: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Reaction {
    pub room: Place,
    pub sender: Sender,
    pub key: String,
    pub on: Option<Slot>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct File {
    pub room: Place,
    pub sender: Sender,
    pub id: String,
    pub name: String,
    /// The text of the file; `None` when it is too large or no text.
    pub text: Option<String>,
}
