//! What the engine wants done. Each output is done once, whatever happens to the process.

use serde::{Deserialize, Serialize};

use crate::event::Slot;

/// What a reaction or an answer is put on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Target {
    /// A message of the bot.
    Slot(Slot),
    /// Somebody's message, by the server's id.
    Id(String),
}

/// Where a message goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum To {
    Room(String),
    /// The direct chat with a person, which is made when there is none.
    Person(String),
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Output {
    /// Sends a message, or replaces one that was sent before.
    Send {
        to: To,
        slot: Slot,
        /// In the signs of [`crate::text`].
        text: String,
        /// Replaces this message instead of adding one.
        edit_of: Option<Slot>,
        reply_to: Option<String>,
        mentions: Vec<String>,
    },
    /// Puts a reaction on a message.
    React { to: To, on: Target, key: String },
    /// Sends a file.
    File {
        to: To,
        name: String,
        media_type: String,
        text: String,
    },
    /// Passes somebody's words to those who look after the server.
    Feedback { from: String, text: String },
    /// Removes what is kept of a person outside of the engine's own state.
    Forget { person: String },
}
