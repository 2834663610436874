//! Everything is said in Russian and in English.

use serde::{Deserialize, Serialize};

/// A language of the bot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lang {
    #[default]
    Ru,
    En,
}

impl Lang {
    /// Both languages, for what is made for each.
    pub const ALL: [Self; 2] = [Self::Ru, Self::En];

    /// The text of this language.
    pub fn pick<T>(self, russian: T, english: T) -> T {
        match self {
            Self::Ru => russian,
            Self::En => english,
        }
    }

    /// What people type for the language.
    pub fn parse(text: &str) -> Option<Self> {
        match text.to_lowercase().as_str() {
            "ru" | "рус" | "русский" | "russian" => Some(Self::Ru),
            "en" | "eng" | "англ" | "английский" | "english" => Some(Self::En),
            _ => None,
        }
    }

    /// The two-letter code.
    pub fn code(self) -> &'static str {
        self.pick("ru", "en")
    }
}

/// Formats the text of a language: `say!(lang, "Ход: {name}", "To move: {name}")`.
macro_rules! say {
    ($lang:expr, $russian:literal, $english:literal) => {
        match $lang {
            $crate::lang::Lang::Ru => format!($russian),
            $crate::lang::Lang::En => format!($english),
        }
    };
}
pub(crate) use say;

/// The Russian form that goes with a number: 1 ход, 2 хода, 5 ходов.
pub(crate) fn plural(number: u64, forms: [&str; 3]) -> &str {
    match (number % 10, number % 100) {
        (1, rest) if rest != 11 => forms[0],
        (2..=4, rest) if !(12..=14).contains(&rest) => forms[1],
        _ => forms[2],
    }
}

/// Lower case, ё as е, without space around: how words are compared.
pub(crate) fn fold(text: &str) -> String {
    text.trim().to_lowercase().replace('ё', "е")
}

#[cfg(test)]
mod tests {
    use super::plural;

    #[test]
    fn numbers_take_their_russian_form() {
        let forms = ["ход", "хода", "ходов"];
        for (number, form) in [(1, 0), (2, 1), (5, 2), (11, 2), (12, 2), (21, 0), (104, 1)] {
            assert_eq!(plural(number, forms), forms[form], "{number}");
        }
    }
}
