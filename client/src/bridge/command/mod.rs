//! What a person can ask for. Commands own their data and name things by id, never by position.

mod account;
mod feedback;
mod games;
mod people;
mod rooms;
mod timeline;
mod verification;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use matrix_sdk::ruma::OwnedRoomId;
use tokio::sync::mpsc;

pub use self::{
    account::{AccountCommand, Registration},
    feedback::{FeedbackCommand, Report},
    games::GamesCommand,
    people::{MediaCommand, PeopleCommand},
    rooms::{RoomsCommand, SearchScope},
    timeline::{FileSource, KeptText, Mention, TimelineCommand},
    verification::VerificationCommand,
};

/// Ties an answer to its command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(u64);

/// Everything a view can ask of the session.
#[derive(Debug, Clone)]
pub enum Command {
    /// Servers, signing in and out, own profile.
    Account(AccountCommand),
    /// The list of rooms and membership in them.
    Rooms(RoomsCommand),
    /// One room's messages.
    Timeline(OwnedRoomId, TimelineCommand),
    /// Finding people and members.
    People(PeopleCommand),
    /// Pictures and files.
    Media(MediaCommand),
    /// Reports about the program.
    Feedback(FeedbackCommand),
    /// Comparing pictures with another computer.
    Verification(VerificationCommand),
    /// Asking the bot.
    Games(GamesCommand),
}

/// A command on its way, with the id its answer will carry.
#[derive(Debug)]
pub struct Envelope {
    pub request: RequestId,
    pub command: Command,
}

/// The views' end of the bridge. Cheap to clone; sending never blocks.
#[derive(Debug, Clone)]
pub struct Commands {
    sender: mpsc::UnboundedSender<Envelope>,
    next: Arc<AtomicU64>,
}

impl Commands {
    /// Makes the two ends of the way down.
    #[must_use]
    pub fn channel() -> (Self, mpsc::UnboundedReceiver<Envelope>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (
            Self {
                sender,
                next: Arc::new(AtomicU64::new(1)),
            },
            receiver,
        )
    }

    /// Sends a command and returns the id of its answer. After the session has ended nothing happens.
    pub fn send(&self, command: Command) -> RequestId {
        let request = RequestId(self.next.fetch_add(1, Ordering::Relaxed));
        if self.sender.send(Envelope { request, command }).is_err() {
            tracing::debug!("a command came after the session had ended");
        }
        request
    }
}
