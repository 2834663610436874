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
    /// Decodes the frames of a moving picture, at most this large, one after the other until told otherwise; the time
    /// between them is the picture's own. [`Update::Frame`](crate::bridge::update::Update::Frame) carries each.
    Animate {
        media: MediaKey,
        max_width: u32,
        max_height: u32,
    },
    /// Stops the frames of a picture.
    Still { media: MediaKey },
    /// Hands a sound to the system's own player.
    Play {
        media: MediaKey,
        mime_type: Option<String>,
    },
    /// Saves a file under the given path.
    Save { media: MediaKey, path: PathBuf },
}
