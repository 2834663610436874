//! Hands sounds to the system's own player.
//!
//! Decoding them here would cost a codec in C and the sound system's library in every process, for something every
//! desktop has a program for. What is handed over is a file whose name this program chose, with the ending of a sound:
//! nothing somebody sends can be started this way.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{bridge::trouble::Trouble, opening};

/// What is played, and the ending its file gets.
const KINDS: [(&str, &str); 11] = [
    ("audio/ogg", "ogg"),
    ("audio/opus", "opus"),
    ("audio/mpeg", "mp3"),
    ("audio/mp4", "m4a"),
    ("audio/m4a", "m4a"),
    ("audio/x-m4a", "m4a"),
    ("audio/aac", "aac"),
    ("audio/wav", "wav"),
    ("audio/x-wav", "wav"),
    ("audio/flac", "flac"),
    ("audio/webm", "webm"),
];

/// Writes a sound into the folder, in place of those before that no player has open, and opens it.
pub(super) fn play(folder: &Path, bytes: Vec<u8>, mime_type: Option<&str>) -> Result<(), Trouble> {
    let ending = ending(mime_type).ok_or(Trouble::NotPlayable)?;
    let file = write(folder, ending, &bytes).map_err(|error| {
        tracing::info!(%error, "a sound cannot be written");
        Trouble::FileUnreadable
    })?;
    open(&file).map_err(|error| {
        tracing::info!(%error, "the system opens no sounds");
        Trouble::NotPlayable
    })
}

/// The ending for a kind of sound; kinds have parameters, as in `audio/ogg; codecs=opus`.
fn ending(mime_type: Option<&str>) -> Option<&'static str> {
    let kind = mime_type?.split(';').next()?.trim();
    KINDS
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(kind))
        .map(|(_, ending)| *ending)
}

/// Windows lets nobody remove or change what a player has open.
fn write(folder: &Path, ending: &str, bytes: &[u8]) -> io::Result<PathBuf> {
    fs::create_dir_all(folder)?;
    for left in fs::read_dir(folder)?.flatten() {
        if let Err(error) = fs::remove_file(left.path()) {
            tracing::debug!(%error, "a sound is still open");
        }
    }
    let mut names = (1..).map(|number| folder.join(format!("sound-{number}.{ending}")));
    let free = names.find(|file| !file.exists()).unwrap_or_default();
    fs::write(&free, bytes)?;
    Ok(free)
}

fn open(file: &Path) -> io::Result<()> {
    // Explorer's exit code says nothing.
    let status = opening::open(file)?.wait()?;
    if cfg!(windows) || status.success() {
        Ok(())
    } else {
        Err(io::Error::other(status.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::{Trouble, ending, play};

    #[test]
    fn only_sounds_are_handed_to_the_system() {
        assert_eq!(ending(Some("audio/ogg; codecs=opus")), Some("ogg"));
        assert_eq!(ending(Some("AUDIO/MPEG")), Some("mp3"));
        for other in ["application/x-sh", "text/html", "audio/../x.desktop", ""] {
            assert_eq!(ending(Some(other)), None);
        }
        assert_eq!(ending(None), None);
    }

    #[test]
    fn what_is_no_sound_is_not_even_written() {
        let folder = tempfile::tempdir().unwrap();
        let sounds = folder.path().join("sounds");
        let played = play(&sounds, b"#!/bin/sh".to_vec(), Some("application/x-sh"));
        assert_eq!(played, Err(Trouble::NotPlayable));
        assert!(!sounds.exists());
    }
}
