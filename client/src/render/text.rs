//! Names, initials, colours, numbers of things.

use super::Language;

/// Sender names come in this many colours.
pub const COLOURS: u64 = 8;

/// One or two letters for a round without a picture: `Игорь Лысенко` gives `ИЛ`, `@ivan` gives `I`.
#[must_use]
pub fn initials(name: &str) -> String {
    let mut words = name
        .split_whitespace()
        .filter_map(|word| word.chars().find(|letter| letter.is_alphanumeric()));
    let letters = [words.next(), words.next()];
    letters
        .into_iter()
        .flatten()
        .flat_map(char::to_uppercase)
        .collect()
}

/// The colour of a name, the same on every computer: an index below [`COLOURS`].
#[must_use]
pub fn colour(id: &str) -> usize {
    // FNV-1a: stable across versions, unlike the standard library's hasher.
    let hash = id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    usize::try_from((hash >> 32) % COLOURS).unwrap_or(0)
}

/// Chooses the word for a number: Russian has three forms (`сообщение`, `сообщения`, `сообщений`), English two (the
/// last form is unused).
#[must_use]
pub fn plural(language: Language, count: u64, forms: [&str; 3]) -> &str {
    match language {
        Language::English => forms[usize::from(count != 1)],
        Language::Russian => match (count % 10, count % 100) {
            (_, 11..=14) => forms[2],
            (1, _) => forms[0],
            (2..=4, _) => forms[1],
            _ => forms[2],
        },
    }
}

/// Text in one line of at most `limit` characters, for previews.
#[must_use]
pub fn one_line(text: &str, limit: usize) -> String {
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if line.chars().count() > limit {
            line = line.chars().take(limit.saturating_sub(1)).collect();
            line.push('…');
            break;
        }
    }
    line
}

/// A name that is put between quotation marks: those inside it become the inner ones of the language.
#[must_use]
pub fn inside_quotes(language: Language, name: &str) -> String {
    let inner = match language {
        Language::Russian => [('«', '„'), ('»', '“')],
        Language::English => [('“', '‘'), ('”', '’')],
    };
    let swap = |letter| {
        let pair = inner.iter().find(|(outer, _)| *outer == letter);
        pair.map_or(letter, |(_, inner)| *inner)
    };
    name.chars().map(swap).collect()
}

/// The beginning of a text, at most `limit` bytes, and whether something is missing.
#[must_use]
pub fn beginning(text: &str, limit: usize) -> (&str, bool) {
    if text.len() <= limit {
        return (text, false);
    }
    let end = (0..=limit)
        .rev()
        .find(|end| text.is_char_boundary(*end))
        .unwrap_or(0);
    (&text[..end], true)
}

#[cfg(test)]
mod tests {
    use super::{COLOURS, Language, beginning, colour, initials, inside_quotes, one_line, plural};

    #[test]
    fn initials_are_the_first_letters_of_two_words() {
        assert_eq!(initials("Игорь Павлович Лысенко"), "ИП");
        assert_eq!(initials("Курсовая «Склад»"), "КС");
        assert_eq!(initials("@ivan:campus"), "I");
        assert_eq!(initials("…"), "");
    }

    #[test]
    fn colours_are_stable() {
        assert_eq!(
            colour("@alice:campus.example"),
            colour("@alice:campus.example")
        );
        assert!((0..100).all(|n| (colour(&format!("@{n}:x")) as u64) < COLOURS));
    }

    #[test]
    fn russian_counts_have_three_forms() {
        let say = |count| {
            plural(
                Language::Russian,
                count,
                ["сообщение", "сообщения", "сообщений"],
            )
        };
        assert_eq!([1, 21, 101].map(say), ["сообщение"; 3]);
        assert_eq!([2, 3, 44].map(say), ["сообщения"; 3]);
        assert_eq!([0, 5, 11, 12, 111].map(say), ["сообщений"; 5]);
    }

    #[test]
    fn english_counts_have_two_forms() {
        let say = |count| plural(Language::English, count, ["message", "messages", ""]);
        assert_eq!([0, 1, 2].map(say), ["messages", "message", "messages"]);
    }

    #[test]
    fn previews_fit_one_line() {
        assert_eq!(one_line("  two\n\nlines ", 20), "two lines");
        assert_eq!(one_line("abcdefgh", 4), "abc…");
    }

    #[test]
    fn quotation_marks_inside_quotation_marks_are_the_inner_ones() {
        let name = "Курсовая «Склад»";
        assert_eq!(inside_quotes(Language::Russian, name), "Курсовая „Склад“");
        assert_eq!(
            inside_quotes(Language::English, "The “Store”"),
            "The ‘Store’"
        );
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        assert_eq!(beginning("привет", 5), ("пр", true));
        assert_eq!(beginning("hi", 5), ("hi", false));
    }
}
