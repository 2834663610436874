//! Words about this computer and this program.

use super::Language::{self, English, Russian};

/// The clock is this many seconds ahead of the server's, or behind.
#[must_use]
pub fn clock_wrong(language: Language, ahead: i64) -> String {
    let by = roughly(language, ahead.unsigned_abs());
    match (language, ahead > 0) {
        (Russian, true) => {
            format!("Часы этого компьютера спешат на {by}. Исправьте время в настройках системы.")
        }
        (Russian, false) => {
            format!("Часы этого компьютера отстают на {by}. Исправьте время в настройках системы.")
        }
        (English, true) => {
            format!("This computer's clock is {by} fast. Set the time in the system's settings.")
        }
        (English, false) => {
            format!("This computer's clock is {by} slow. Set the time in the system's settings.")
        }
    }
}

/// There is a newer version of this program.
#[must_use]
pub fn newer(language: Language, version: &str) -> String {
    match language {
        Russian => format!("Есть новая версия программы: {version}."),
        English => format!("There is a newer version of this program: {version}."),
    }
}

fn roughly(language: Language, seconds: u64) -> String {
    let minutes = seconds / 60;
    let (number, [russian, english]) = match minutes {
        0..120 => (minutes, ["мин", "min"]),
        120..2880 => (minutes / 60, ["ч", "h"]),
        _ => (minutes / 1440, ["дн.", "days"]),
    };
    let unit = match language {
        Russian => russian,
        English => english,
    };
    format!("{number}\u{a0}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_clock_is_told_roughly() {
        let said = clock_wrong(English, 3 * 3600 + 600);
        assert!(said.contains("3\u{a0}h fast"), "{said}");
        let said = clock_wrong(Russian, -400);
        assert!(said.contains("отстают на 6\u{a0}мин"), "{said}");
        let said = clock_wrong(English, 40 * 86_400);
        assert!(said.contains("40\u{a0}days"), "{said}");
    }
}
