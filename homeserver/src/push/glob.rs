//! Patterns of push rules: `*` stands for any text, `?` for one character, and letters match in both cases.
//! [spec](https://spec.matrix.org/v1.19/appendices/#glob-style-matching)
//!
//! Between two `*` a pattern has a fixed length, so that the first place where such a segment fits is always the best:
//! nothing is ever tried twice. What remains, a long segment tried at each place of a long text, is held back by
//! [`Effort`]: rules are evaluated while a room waits.

use std::cell::Cell;

/// Characters that the rules of one user may look at for one event: enough for thirty keywords in the longest message,
/// and for thousands in a usual one.
const EFFORT: usize = 2_000_000;

/// What is left to spend on an event. When it is used up nothing matches any longer.
pub(super) struct Effort(Cell<usize>);

impl Default for Effort {
    fn default() -> Self {
        Self(Cell::new(EFFORT))
    }
}

impl Effort {
    /// Takes some of it, if there is so much.
    pub(super) fn spend(&self, steps: usize) -> bool {
        let left = self.0.get().checked_sub(steps);
        self.0.set(left.unwrap_or(0));
        left.is_some()
    }
}

/// Where a pattern has to begin and to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Edges {
    /// At the edges of the text.
    Whole,
    /// At the edges of words anywhere in it.
    Words,
}

impl Edges {
    fn allow_start(self, text: &[char], at: usize) -> bool {
        match self {
            Self::Whole => at == 0,
            Self::Words => is_word_edge(text, at),
        }
    }

    fn allow_end(self, text: &[char], at: usize) -> bool {
        match self {
            Self::Whole => at == text.len(),
            Self::Words => is_word_edge(text, at),
        }
    }
}

/// Whether no word goes on across a place.
fn is_word_edge(text: &[char], at: usize) -> bool {
    at == 0 || at == text.len() || !is_word(text[at - 1]) || !is_word(text[at])
}

fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

/// Text in which patterns are looked for.
pub(super) fn folded(text: &str) -> Vec<char> {
    text.chars().flat_map(char::to_lowercase).collect()
}

/// One character of a pattern: none is `?`.
type Slot = Option<char>;

/// A pattern: what stands between its `*`.
pub(super) struct Glob(Vec<Vec<Slot>>);

impl Glob {
    /// A pattern with its wildcards.
    pub(super) fn new(pattern: &str) -> Self {
        let slots = |segment: &str| {
            let characters = folded(segment).into_iter();
            characters.map(|c| (c != '?').then_some(c)).collect()
        };
        Self(pattern.split('*').map(slots).collect())
    }

    /// A text that stands for itself.
    pub(super) fn literal(text: &str) -> Self {
        Self(vec![folded(text).into_iter().map(Some).collect()])
    }

    /// Whether the pattern is found in a text, which is [`folded`].
    pub(super) fn is_in(&self, text: &[char], edges: Edges, effort: &Effort) -> bool {
        let Some((last, others)) = self.0.split_last() else {
            return false;
        };
        if others.is_empty() && last.is_empty() {
            return text.is_empty();
        }
        let mut from = 0;
        for (index, segment) in others.iter().enumerate() {
            let allowed = |at| index > 0 || edges.allow_start(text, at);
            match find(segment, text, from, allowed, effort) {
                Some(at) => from = at + segment.len(),
                None => return false,
            }
        }
        let allowed = |at| {
            let starts = !others.is_empty() || edges.allow_start(text, at);
            starts && edges.allow_end(text, at + last.len())
        };
        find(last, text, from, allowed, effort).is_some()
    }
}

/// The first of the allowed places where a segment fits.
fn find(
    segment: &[Slot],
    text: &[char],
    from: usize,
    allowed: impl Fn(usize) -> bool,
    effort: &Effort,
) -> Option<usize> {
    let latest = text.len().checked_sub(segment.len())?;
    for at in from..=latest {
        if !effort.spend(1) {
            return None;
        }
        if allowed(at) && fits(segment, &text[at..], effort) {
            return Some(at);
        }
    }
    None
}

fn fits(segment: &[Slot], text: &[char], effort: &Effort) -> bool {
    let pairs = segment.iter().zip(text);
    let fitting = pairs
        .take_while(|(slot, character)| slot.is_none_or(|slot| slot == **character))
        .count();
    effort.spend(fitting) && fitting == segment.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn is_in(pattern: &str, text: &str, edges: Edges) -> bool {
        Glob::new(pattern).is_in(&folded(text), edges, &Effort::default())
    }

    /// The same by trying everything.
    fn is_in_naively(pattern: &str, text: &str, edges: Edges) -> bool {
        let (pattern, text) = (folded(pattern), folded(text));
        if pattern.is_empty() {
            return text.is_empty();
        }
        (0..=text.len()).any(|start| {
            (start..=text.len()).any(|end| {
                edges.allow_start(&text, start)
                    && edges.allow_end(&text, end)
                    && matches(&pattern, &text[start..end])
            })
        })
    }

    fn matches(pattern: &[char], text: &[char]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (None, Some(_)) => false,
            (Some(('*', rest)), _) => (0..=text.len()).any(|taken| matches(rest, &text[taken..])),
            (Some(('?', rest)), Some((_, others))) => matches(rest, others),
            (Some((one, rest)), Some((other, others))) => one == other && matches(rest, others),
            (Some(_), None) => false,
        }
    }

    #[test]
    fn words_are_found_whole() {
        for (pattern, text, found) in [
            ("cake", "Let there be CAKE", true),
            ("cake", "cakes", false),
            ("cake", "pancake cake", true),
            ("cake", "a pancake", false),
            ("cake", "cake_day", false),
            ("cake", "(cake)", true),
            ("cake", "écakeé", true),
            ("c?ke", "a coke, please", true),
            ("ca*", "pancake", false),
            ("ca*", "a calm sea", true),
            ("*cake", "pancake", true),
            ("a*b", "xa a\nb", true),
            ("größe", "Die GRÖßE zählt", true),
            ("", "anything", false),
            ("", "", true),
            ("*", "anything", true),
        ] {
            assert_eq!(
                is_in(pattern, text, Edges::Words),
                found,
                "{pattern} {text}"
            );
        }
    }

    #[test]
    fn other_properties_match_as_a_whole() {
        for (pattern, text, found) in [
            ("m.room.*", "m.room.message", true),
            ("room", "m.room.message", false),
            ("!A:x", "!a:x", true),
            ("a*a", "a", false),
            ("**?", "b", true),
        ] {
            assert_eq!(
                is_in(pattern, text, Edges::Whole),
                found,
                "{pattern} {text}"
            );
        }
    }

    #[test]
    fn name_has_no_wildcards() {
        let name = Glob::literal("A*");
        let is_in = |text| name.is_in(&folded(text), Edges::Words, &Effort::default());
        assert!(is_in("hello a*"));
        assert!(!is_in("hello anna"));
    }

    #[test]
    fn hardest_patterns_take_no_more_than_their_effort() {
        let text = folded(&"xa ".repeat(20_000));
        for pattern in ["?".repeat(60_000), "?*".repeat(30_000), "a".repeat(60_000)] {
            let effort = Effort::default();
            Glob::new(&pattern).is_in(&text, Edges::Words, &effort);
            assert!(effort.0.get() < EFFORT);
        }
        let effort = Effort(Cell::new(10));
        assert!(!Glob::new("b").is_in(&text, Edges::Words, &effort));
        assert!(!Glob::new("xa").is_in(&text, Edges::Words, &effort));
    }

    proptest! {
        #[test]
        fn any_pattern_matches_as_trying_everything_does(
            pattern in "[aAb_ *?é]{0,6}",
            text in "[aAb_ é]{0,9}",
        ) {
            for edges in [Edges::Words, Edges::Whole] {
                let expected = is_in_naively(&pattern, &text, edges);
                prop_assert_eq!(is_in(&pattern, &text, edges), expected);
            }
        }
    }
}
