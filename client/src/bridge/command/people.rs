//! Commands about people, pictures and files.

use std::path::PathBuf;

use matrix_sdk::ruma::OwnedUserId;

use crate::rows::MediaKey;

/// Finding people.
#[derive(Debug, Clone)]
pub enum PeopleCommand {
    /// Searches the server's user directory. Answer: `People`.
    Search { term: String },
    /// Asks whether these people are online. Answer: `Presence`.
    Presence { users: Vec<OwnedUserId> },
    /// Shows a notice on the desktop.
    Notify { title: String, text: String },
}

/// Pictures and files.
#[derive(Debug, Clone)]
pub enum MediaCommand {
    /// Decodes a picture at most `max_width`×`max_height` (avatars, thumbnails).
    /// Answer: `Done`; [`Update::Picture`](crate::bridge::update::Update::Picture) carries the pixels, also to other askers.
    Thumbnail {
        media: MediaKey,
        max_width: u32,
        max_height: u32,
    },
    /// Decodes the original for the viewer, bounded by the cache size.
    Full { media: MediaKey },
    /// Hands a sound to the system's own player.
    Play {
        media: MediaKey,
        mime_type: Option<String>,
    },
    /// Saves a file under the given path.
    Save { media: MediaKey, path: PathBuf },
}
