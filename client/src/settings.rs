//! What a person has chosen, kept in `settings.toml`.

use std::{
    cell::{Ref, RefCell},
    fs, io,
    path::{Path, PathBuf},
    rc::Rc,
};

use serde::{Deserialize, Serialize};

use crate::{render::Language, secrets::write_private};

/// Everything that can be chosen. A missing or unknown value falls back to its default, so that a file written by
/// another version of the program does no harm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Choices {
    pub language: Language,
    pub theme: Theme,
    /// Size of everything, in percent: 90 to 150.
    pub zoom: u32,
    pub compact_rooms: bool,
    /// How wide the list of rooms is, in logical pixels.
    pub list_width: f32,
    pub reduced_motion: bool,
    pub layout: Layout,
    /// Tell of new messages while somebody looks elsewhere.
    pub notifications: bool,
    /// With their words; otherwise only who writes.
    pub notification_text: bool,
    /// Nothing pops up for now.
    pub do_not_disturb: bool,
    /// Go on when the window is closed, with an icon beside the clock.
    pub background: bool,
    /// Somebody has been shown around on this computer.
    pub tour_seen: bool,
    /// Emoji chosen lately, the newest first.
    pub recent_emoji: Vec<String>,
    /// Enter sends; otherwise Ctrl+Enter does.
    pub enter_sends: bool,
    pub window: WindowSize,
    /// Tick "this is a classroom PC" at sign-in.
    pub shared_computer: bool,
    /// The server offered at the first sign-in, e.g. set by whoever prepares the computers.
    pub server: Option<String>,
    /// Certificate authorities to trust besides the system's: PEM files.
    pub extra_ca: Vec<PathBuf>,
    /// Draw without the graphics card.
    pub software_rendering: bool,
    /// Keep secrets in the system's keyring where there is one.
    pub use_keyring: bool,
}

impl Default for Choices {
    fn default() -> Self {
        Self {
            language: Language::default(),
            theme: Theme::default(),
            zoom: 100,
            compact_rooms: false,
            list_width: 304.0,
            reduced_motion: false,
            layout: Layout::default(),
            notifications: true,
            notification_text: true,
            do_not_disturb: false,
            background: true,
            tour_seen: false,
            recent_emoji: Vec::new(),
            enter_sends: true,
            window: WindowSize::default(),
            shared_computer: false,
            server: None,
            extra_ca: Vec::new(),
            software_rendering: true,
            use_keyring: true,
        }
    }
}

impl Choices {
    /// Reads each value on its own, so that one of another version costs no other.
    fn read(text: &str) -> Self {
        let written = text.parse::<toml::Table>().unwrap_or_else(|error| {
            tracing::warn!(%error, "the settings cannot be understood");
            toml::Table::new()
        });
        let (mut known, mut choices) = (toml::Table::new(), Self::default());
        for (key, value) in written {
            known.insert(key.clone(), value);
            match known.clone().try_into() {
                Ok(read) => choices = read,
                Err(error) => {
                    tracing::warn!(%error, key, "a setting cannot be understood");
                    known.remove(&key);
                }
            }
        }
        choices
    }
}

/// Light, dark, or as the system has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Theme {
    #[default]
    System,
    Light,
    Dark,
}

/// How messages are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// Bubbles in small rooms, lines where many speak.
    #[default]
    Room,
    Bubbles,
    Lines,
}

/// The window as it was left, in logical pixels.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct WindowSize {
    pub width: f32,
    pub height: f32,
    pub maximized: bool,
}

impl Default for WindowSize {
    fn default() -> Self {
        Self {
            width: 1180.0,
            height: 740.0,
            maximized: false,
        }
    }
}

/// The choices and their file, shared by the views on the UI thread.
#[derive(Debug, Clone)]
pub struct Settings {
    file: PathBuf,
    choices: Rc<RefCell<Choices>>,
    /// The server named on the command line: for this start only, before any that was used last.
    given_server: Option<String>,
    /// Leads whoever has used no server here to that of this computer.
    join_file: Option<PathBuf>,
}

impl Settings {
    /// Reads the choices kept in a folder. A file that cannot be understood counts as absent; it is replaced at the
    /// next change.
    #[must_use]
    pub fn load(folder: &Path) -> Self {
        let file = folder.join("settings.toml");
        let choices = match fs::read_to_string(&file) {
            Ok(text) => Choices::read(&text),
            Err(_) => Choices::default(),
        };
        Self {
            file,
            choices: Rc::new(RefCell::new(choices)),
            given_server: None,
            join_file: None,
        }
    }

    /// Offers this server at sign-in, for this start only.
    #[must_use]
    pub fn with_server(mut self, server: Option<String>) -> Self {
        self.given_server = server;
        self
    }

    /// Opens this join file where there is no server to offer at sign-in.
    #[must_use]
    pub fn with_join_file(mut self, file: Option<PathBuf>) -> Self {
        self.join_file = file;
        self
    }

    /// The join file of this computer.
    #[must_use]
    pub fn join_file(&self) -> Option<PathBuf> {
        self.join_file.clone()
    }

    /// The server to offer at sign-in: named on the command line, used last, or prepared in the settings.
    #[must_use]
    pub fn server_to_offer(&self, last_used: Option<String>) -> Option<String> {
        self.given_server
            .clone()
            .or(last_used)
            .or_else(|| self.get().server.clone())
    }

    /// The choices now.
    #[must_use]
    pub fn get(&self) -> Ref<'_, Choices> {
        self.choices.borrow()
    }

    /// Changes the choices and keeps them.
    pub fn change(&self, change: impl FnOnce(&mut Choices)) {
        let before = self.get().clone();
        change(&mut self.choices.borrow_mut());
        if *self.get() != before
            && let Err(error) = self.write()
        {
            tracing::warn!(%error, "the settings were not kept");
        }
    }

    fn write(&self) -> io::Result<()> {
        let text = toml::to_string_pretty(&*self.get()).map_err(io::Error::other)?;
        write_private(&self.file, text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_there_at_the_next_start() {
        let folder = tempfile::tempdir().unwrap();
        Settings::load(folder.path()).change(|choices| choices.language = Language::English);
        assert_eq!(
            Settings::load(folder.path()).get().language,
            Language::English
        );
    }

    #[test]
    fn the_command_line_names_the_server_for_one_start() {
        let folder = tempfile::tempdir().unwrap();
        let last = || Some("last.example".to_owned());
        let given = Settings::load(folder.path()).with_server(Some("given.example".to_owned()));
        assert_eq!(
            given.server_to_offer(last()),
            Some("given.example".to_owned())
        );
        assert_eq!(
            Settings::load(folder.path()).server_to_offer(last()),
            last()
        );
    }

    #[test]
    fn what_another_version_wrote_is_read_as_far_as_possible() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(
            folder.path().join("settings.toml"),
            "theme = \"dark\"\nhologram = true\n",
        )
        .unwrap();
        let settings = Settings::load(folder.path());
        assert_eq!(
            (settings.get().theme, settings.get().zoom),
            (Theme::Dark, 100)
        );
    }

    #[test]
    fn a_value_that_is_unknown_costs_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let text =
            "language = \"english\"\ntheme = \"sepia\"\nzoom = \"large\"\ncompact_rooms = true\n";
        fs::write(folder.path().join("settings.toml"), text).unwrap();
        let expected = Choices {
            language: Language::English,
            compact_rooms: true,
            ..Choices::default()
        };
        let settings = Settings::load(folder.path());
        assert_eq!(*settings.get(), expected);
        settings.change(|choices| choices.zoom = 110);
        let language = Settings::load(folder.path()).get().language;
        assert_eq!(
            language,
            Language::English,
            "it is not lost at the next change"
        );
    }

    #[test]
    fn a_damaged_file_is_replaced_by_the_defaults() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("settings.toml"), "zoom = \"large").unwrap();
        assert_eq!(*Settings::load(folder.path()).get(), Choices::default());
    }
}
