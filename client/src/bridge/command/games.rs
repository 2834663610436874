//! Commands to the academy's bot that say nothing in a chat.

use matrix_sdk::ruma::{OwnedRoomId, OwnedUserId};

use crate::rows::Span;

/// Asking the bot.
#[derive(Debug, Clone)]
pub enum GamesCommand {
    /// Who plays best in a room, or in the academy where none is named. Answer: `Standings`.
    Standings {
        bot: OwnedUserId,
        room: Option<OwnedRoomId>,
        /// As the bot calls it; all games without.
        game: Option<&'static str>,
        span: Span,
    },
}
