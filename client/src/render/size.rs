//! Sizes of files and lengths of recordings.

use super::Language;

/// A file size in two or three figures: `1,8 МБ`.
#[must_use]
pub fn bytes(language: Language, bytes: u64) -> String {
    let units = match language {
        Language::Russian => ["Б", "КБ", "МБ", "ГБ"],
        Language::English => ["B", "KB", "MB", "GB"],
    };
    let mut unit = 0;
    let mut tenths = u128::from(bytes) * 10;
    while tenths >= 10_240 && unit + 1 < units.len() {
        tenths /= 1024;
        unit += 1;
    }
    let (whole, tenth) = (tenths / 10, tenths % 10);
    let separator = match language {
        Language::Russian => ',',
        Language::English => '.',
    };
    if unit == 0 || whole >= 10 || tenth == 0 {
        format!("{whole}\u{a0}{}", units[unit])
    } else {
        format!("{whole}{separator}{tenth}\u{a0}{}", units[unit])
    }
}

/// A length as on a player: `0:24`, `1:02:03`.
#[must_use]
pub fn duration(seconds: u64) -> String {
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes}:{seconds:02}")
    }
}

/// What a file card says about a file: `PDF · 1,8 МБ`.
#[must_use]
pub fn file_facts(language: Language, name: &str, size: Option<u64>) -> String {
    let kind = match name.rsplit_once('.') {
        Some((stem, ending)) if !stem.is_empty() && (1..=5).contains(&ending.chars().count()) => {
            ending.to_uppercase()
        }
        _ => String::new(),
    };
    let size = size.map(|size| bytes(language, size)).unwrap_or_default();
    if kind.is_empty() || size.is_empty() {
        kind + size.as_str()
    } else {
        format!("{kind} · {size}")
    }
}

#[cfg(test)]
mod tests {
    use super::{Language, bytes, duration, file_facts};

    #[test]
    fn sizes_have_two_or_three_figures() {
        let say = |size| bytes(Language::Russian, size).replace('\u{a0}', " ");
        assert_eq!(say(0), "0 Б");
        assert_eq!(say(1023), "1023 Б");
        assert_eq!(say(1024), "1 КБ");
        assert_eq!(say(1_887_437), "1,8 МБ");
        assert_eq!(say(25 << 20), "25 МБ");
        assert_eq!(say(u64::MAX), "17179869183 ГБ");
    }

    #[test]
    fn english_uses_a_point() {
        assert_eq!(bytes(Language::English, 1536), "1.5\u{a0}KB");
    }

    #[test]
    fn lengths_show_hours_only_when_there_are_some() {
        assert_eq!(duration(24), "0:24");
        assert_eq!(duration(3723), "1:02:03");
    }

    #[test]
    fn file_facts_name_the_kind_by_the_ending() {
        assert_eq!(
            file_facts(Language::English, "plan.v3.pdf", Some(2048)),
            "PDF · 2\u{a0}KB"
        );
        assert_eq!(
            file_facts(Language::English, "README", Some(12)),
            "12\u{a0}B"
        );
        assert_eq!(file_facts(Language::English, ".profile", None), "");
    }
}
