//! Names as they are shown. Anybody may choose any name, also one that looks like somebody else's, turns the line
//! around or paints over its neighbours.

/// Longer names are cut: no place shows more.
const LONGEST: usize = 80;
/// Marks above and below one letter; no written language stacks more.
const MARKS: usize = 2;

/// What stays of the end of a file's name: the part that tells files apart, and their kind.
const FILE_END: usize = 24;

/// Text whose letters stay in their line: no stacks of marks, and nothing that turns the direction of what follows.
#[must_use]
pub fn tame(text: &str) -> String {
    let mut marks = 0;
    let keep = |letter: &char| {
        marks = if is_mark(*letter) { marks + 1 } else { 0 };
        marks <= MARKS && !turns(*letter)
    };
    text.chars().filter(keep).collect()
}

/// Whether [`tame`] would change the text.
#[must_use]
pub fn is_wild(text: &str) -> bool {
    let mut marks = 0;
    text.chars().any(|letter| {
        marks = if is_mark(letter) { marks + 1 } else { 0 };
        marks > MARKS || turns(letter)
    })
}

/// A name in one line.
#[must_use]
pub fn line(name: &str) -> String {
    super::text::one_line(&whole_line(name), LONGEST)
}

fn whole_line(name: &str) -> String {
    let visible =
        |letter: &char| !is_invisible(*letter) && (letter.is_whitespace() || !letter.is_control());
    let tamed: String = tame(name).chars().filter(visible).collect();
    super::text::one_line(&tamed, tamed.len())
}

/// The name of a file in one line. A long one is cut in its middle.
#[must_use]
pub fn file(name: &str) -> String {
    let letters: Vec<char> = whole_line(name).chars().collect();
    match letters.len() <= LONGEST {
        true => letters.into_iter().collect(),
        false => {
            let start = letters[..LONGEST - FILE_END - 1].iter();
            let end = letters[letters.len() - FILE_END..].iter();
            start.chain(&['…']).chain(end).collect()
        }
    }
}

/// The name of a file of which only a share fits: letters of its middle give way, for its end tells files apart.
#[must_use]
pub fn shortened_file(name: &str, share: f32) -> String {
    /// So many letters of the end, the kind of the file among them.
    const END: usize = 10;
    /// The dots need room, and what stays may be wider than what goes.
    const SPARE: usize = 2;
    let letters: Vec<char> = name.chars().collect();
    if share >= 1.0 {
        return name.to_owned();
    }
    let fitting = (letters.len() as f32 * share.max(0.0)) as usize;
    let fitting = fitting.saturating_sub(SPARE);
    let end = END.min(fitting / 2);
    let start = letters[..fitting - end].iter();
    let end = letters[letters.len() - end..].iter();
    start.chain(&['…']).chain(end).collect()
}

/// The name of a person. Where it may be taken for another one, because a word mixes alphabets that look alike or
/// because nothing of it can be seen, the address stands beside it.
#[must_use]
pub fn person(name: &str, address: &str) -> String {
    let shown = line(name);
    if shown.is_empty() {
        address.to_owned()
    } else if mixes_alphabets(&shown) || shown.starts_with('@') && shown != address {
        format!("{shown} ({address})")
    } else {
        shown
    }
}

/// Whether a word has letters of two alphabets that look alike: `Ивaн` with a Latin `a`.
fn mixes_alphabets(name: &str) -> bool {
    name.split(|letter: char| !letter.is_alphabetic())
        .any(|word| {
            let alphabets = word
                .chars()
                .fold(0_u8, |seen, letter| seen | alphabet(letter));
            alphabets.count_ones() > 1
        })
}

fn alphabet(letter: char) -> u8 {
    match letter {
        'a'..='z' | 'A'..='Z' | '\u{c0}'..='\u{24f}' => 1,
        '\u{400}'..='\u{52f}' => 2,
        '\u{370}'..='\u{3ff}' => 4,
        '\u{530}'..='\u{58f}' | '\u{13a0}'..='\u{13ff}' => 8,
        _ => 0,
    }
}

fn is_mark(letter: char) -> bool {
    matches!(
        letter,
        '\u{300}'..='\u{36f}'
            | '\u{483}'..='\u{489}'
            | '\u{1ab0}'..='\u{1aff}'
            | '\u{1dc0}'..='\u{1dff}'
            | '\u{20d0}'..='\u{20ff}'
            | '\u{fe20}'..='\u{fe2f}'
    )
}

/// Marks that override the direction of the letters after them.
fn turns(letter: char) -> bool {
    matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Letters without a shape. The joiner of emoji is none of them.
fn is_invisible(letter: char) -> bool {
    matches!(
        letter,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'
            | '\u{1160}'
            | '\u{180e}'
            | '\u{200b}'
            | '\u{200c}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{2028}'
            | '\u{2029}'
            | '\u{2060}'..='\u{2064}' | '\u{2800}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
    )
}

#[cfg(test)]
mod tests {
    use super::{file, is_wild, line, person, shortened_file, tame};

    const IVAN: &str = "@ivan:campus.example";

    #[test]
    fn ordinary_names_stay_as_they_are() {
        for name in [
            "Иван Петров",
            "Ivan Petrov",
            "Ёжик й",
            "Zoë 🐈‍⬛",
            "Анна-Мария O’Neil",
            "ИС-21 web",
        ] {
            assert_eq!(person(name, IVAN), name);
            assert!(!is_wild(name));
        }
    }

    #[test]
    fn a_word_of_two_alphabets_is_marked_with_the_address() {
        assert_eq!(person("Ивaн", IVAN), format!("Ивaн ({IVAN})"));
        assert_eq!(person("Αnna", IVAN), format!("Αnna ({IVAN})"));
    }

    #[test]
    fn a_name_that_pretends_to_be_an_address_is_marked() {
        let other = "@rector:campus.example";
        assert_eq!(person(other, IVAN), format!("{other} ({IVAN})"));
        assert_eq!(person(IVAN, IVAN), IVAN);
    }

    #[test]
    fn a_name_of_nothing_is_the_address() {
        assert_eq!(person("\u{200b} \u{3164}\u{202e}", IVAN), IVAN);
    }

    #[test]
    fn nothing_turns_the_line_around() {
        assert_eq!(tame("invoice\u{202e}fdp.exe"), "invoicefdp.exe");
        assert!(is_wild("\u{2067}x"));
    }

    #[test]
    fn stacked_marks_are_cut() {
        let zalgo = format!("и{}в", "\u{301}".repeat(40));
        assert_eq!(tame(&zalgo), "и\u{301}\u{301}в");
    }

    #[test]
    fn the_end_of_a_long_file_name_stays() {
        let name = format!("{}_вариант_12.docx", "измерения_".repeat(20));
        let shown = file(&name);
        assert_eq!(shown.chars().count(), 80);
        assert!(shown.starts_with("измерения_") && shown.ends_with("…мерения__вариант_12.docx"));
        assert_eq!(file("two\nlines.txt"), "two lines.txt");
        assert_eq!(shortened_file("отчёт.pdf", 1.0), "отчёт.pdf");
        assert_eq!(shortened_file(&shown, 0.25), "измерения…т_12.docx");
        assert_eq!(shortened_file(&shown, 0.0), "…");
    }

    #[test]
    fn names_are_one_short_line() {
        assert_eq!(line("two\nlines"), "two lines");
        assert_eq!(line(&"ы".repeat(1000)).chars().count(), 80);
    }
}
