//! What a report says about the program besides the words of its writer: for the server, and for the writer to read.

use serde_json::{Value, json};

use super::{
    Language::{self, English, Russian},
    size,
    words::{self, choose},
};
use crate::{bridge::trouble::Trouble, settings::Theme};

/// Facts about the program, none about people.
#[derive(Debug, Clone, PartialEq)]
pub struct ProgramFacts {
    pub version: String,
    /// The operating system and the processor.
    pub system: String,
    pub software_rendering: bool,
    pub memory: Option<u64>,
    /// In pixels of the screen.
    pub window: (u32, u32),
    /// In percent.
    pub zoom: u32,
    pub language: Language,
    pub theme: Theme,
    /// The page in front, by its name in the program.
    pub page: String,
    /// The pane at the right, by its name in the program.
    pub pane: String,
    pub offline: bool,
    /// What went wrong lately.
    pub troubles: Vec<Trouble>,
}

impl ProgramFacts {
    /// As the server takes them.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "version": self.version,
            "system": self.system,
            "renderer": if self.software_rendering { "software" } else { "femtovg" },
            "memory_mib": self.memory.map(|bytes| bytes / (1 << 20)),
            "window": format!("{}x{}", self.window.0, self.window.1),
            "zoom": self.zoom,
            "language": self.language,
            "theme": self.theme,
            "page": self.page,
            "pane": self.pane,
            "offline": self.offline,
            "errors": self.troubles.iter().map(kind).collect::<Vec<_>>(),
        })
    }

    /// As people read them: what each is, and what it is now.
    #[must_use]
    pub fn to_words(&self, language: Language) -> Vec<(&'static str, String)> {
        let say = |russian, english| choose(language, russian, english);
        let drawing = match self.software_rendering {
            true => say("без видеокарты", "without the graphics card"),
            false => say("видеокартой", "by the graphics card"),
        };
        let memory = self.memory.map_or_else(
            || say("неизвестно", "unknown").to_owned(),
            |bytes| size::bytes(language, bytes),
        );
        let theme = match self.theme {
            Theme::System => say("системная", "system"),
            Theme::Light => say("светлая", "light"),
            Theme::Dark => say("тёмная", "dark"),
        };
        let own_language = match self.language {
            Russian => say("русский", "Russian"),
            English => say("английский", "English"),
        };
        let connection = match self.offline {
            true => say("нет", "none"),
            false => say("есть", "there is one"),
        };
        vec![
            (say("Версия программы", "Version"), self.version.clone()),
            (say("Система", "System"), self.system.clone()),
            (say("Память программы", "Memory in use"), memory),
            (say("Рисование", "Drawing"), drawing.to_owned()),
            (
                say("Окно", "Window"),
                format!("{} × {}, {} %", self.window.0, self.window.1, self.zoom),
            ),
            (say("Язык", "Language"), own_language.to_owned()),
            (say("Тема", "Theme"), theme.to_owned()),
            (say("Что открыто", "What is open"), self.place(language)),
            (say("Связь с сервером", "Connection"), connection.to_owned()),
            (
                say("Последние ошибки", "Last errors"),
                self.troubles_in_words(language),
            ),
        ]
    }

    fn place(&self, language: Language) -> String {
        let say = |russian, english| choose(language, russian, english);
        let page = match self.page.as_str() {
            "Chats" => say("чаты", "chats"),
            "Settings" => say("настройки", "settings"),
            "Onboarding" => say("вход", "signing in"),
            _ => say("запуск", "starting"),
        };
        let pane = match self.pane.as_str() {
            "People" => say("участники", "people"),
            "Files" => say("файлы", "files"),
            "Pinned" => say("закреплённые", "pinned"),
            "Search" => say("поиск", "search"),
            "Room" => say("о чате", "about the chat"),
            "Help" => say("справка", "help"),
            "Games" => say("игры", "games"),
            _ => return page.to_owned(),
        };
        format!("{page}, {pane}")
    }

    /// The same trouble many times is one line with a number.
    fn troubles_in_words(&self, language: Language) -> String {
        let mut counted: Vec<(String, usize)> = Vec::new();
        for trouble in &self.troubles {
            let said = words::trouble(language, trouble);
            match counted.iter_mut().find(|(known, _)| *known == said) {
                Some((_, times)) => *times += 1,
                None => counted.push((said, 1)),
            }
        }
        if counted.is_empty() {
            return choose(language, "не было", "none").to_owned();
        }
        let lines = counted.into_iter().map(|(said, times)| match times {
            1 => said,
            times => format!("{said} × {times}"),
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// What stands behind the kind may name a room, a person or a file.
fn kind(trouble: &Trouble) -> String {
    let whole = format!("{trouble:?}");
    whole.split('(').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> ProgramFacts {
        ProgramFacts {
            version: "0.1.0".to_owned(),
            system: "Linux, x86_64".to_owned(),
            software_rendering: true,
            memory: Some(57 << 20),
            window: (1180, 740),
            zoom: 100,
            language: Russian,
            theme: Theme::Dark,
            page: "Chats".to_owned(),
            pane: "Help".to_owned(),
            offline: false,
            troubles: vec![
                Trouble::NotAllowed,
                Trouble::Other("secret".to_owned()),
                Trouble::NotAllowed,
            ],
        }
    }

    #[test]
    fn everything_that_is_sent_is_also_said() {
        let facts = facts();
        let sent = facts.to_json();
        // The zoom stands beside the window's size.
        let said = facts.to_words(Russian).len() + 1;
        assert_eq!(sent.as_object().map(serde_json::Map::len), Some(said + 1));
        assert!(!sent.to_string().contains("secret"));
        let words = facts.to_words(Russian);
        assert!(words.contains(&("Память программы", "57\u{a0}МБ".to_owned())));
        assert!(words.contains(&("Что открыто", "чаты, справка".to_owned())));
        let english = facts.to_words(English);
        assert!(
            english.contains(&(
                "Last errors",
                "You are not allowed to do this. × 2\nSomething went wrong. Please try again."
                    .to_owned()
            ))
        );
    }
}
