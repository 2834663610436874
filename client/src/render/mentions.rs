//! Names of people in a text being written.

use super::blocks::{Block, Span};
use crate::bridge::command::Mention;

/// The Markdown in which every mention is a link to its person. Names are matched as they were inserted, the longest
/// first, so that "@Анна" inside "@Анна Петрова" is left alone.
#[must_use]
pub fn link(markdown: &str, mentions: &[Mention]) -> String {
    let mut ordered: Vec<&Mention> = mentions.iter().collect();
    ordered.sort_by_key(|mention| std::cmp::Reverse(mention.text.len()));
    let mut out = String::with_capacity(markdown.len());
    let mut rest = markdown;
    while let Some(at) = rest.find('@') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        match ordered
            .iter()
            .find(|mention| rest.starts_with(mention.text.as_str()))
        {
            Some(mention) => {
                let name = escape(&mention.text);
                out.push_str(&format!("[{name}](https://matrix.to/#/{})", mention.user));
                rest = &rest[mention.text.len()..];
            }
            None => {
                out.push('@');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// The people a message names, with the words it names them by.
#[must_use]
pub fn of(blocks: &[Block]) -> Vec<Mention> {
    let mut found = Vec::new();
    for block in blocks {
        collect(block, &mut found);
    }
    found
}

fn collect(block: &Block, found: &mut Vec<Mention>) {
    let of_spans = |spans: &[Span], found: &mut Vec<Mention>| {
        let named = spans.iter().filter_map(|span| {
            let (text, user) = (span.text.clone(), span.mention.clone()?);
            Some(Mention { text, user })
        });
        found.extend(named);
    };
    match block {
        Block::Paragraph(spans) | Block::Heading(_, spans) => of_spans(spans, found),
        Block::Quote(blocks) => found.extend(of(blocks)),
        Block::List { items, .. } => found.extend(items.iter().flat_map(|item| of(item))),
        Block::Table(rows) => rows.iter().flatten().for_each(|cell| of_spans(cell, found)),
        Block::Code { .. } | Block::Rule => {}
    }
}

/// The word being typed after an `@` (or `:`) that begins a word, up to the caret; `None` where there is none.
#[must_use]
pub fn word_at(text: &str, caret: usize, mark: char) -> Option<&str> {
    let before = text.get(..caret)?;
    let start = before.rfind(mark)?;
    let word = &before[start + mark.len_utf8()..];
    let begins_word = before[..start]
        .chars()
        .next_back()
        .is_none_or(|letter| letter.is_whitespace() || "(«\"'".contains(letter));
    let is_word = word.chars().count() <= 40 && !word.contains(['\n', '\t']);
    (begins_word && is_word).then_some(word)
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if "[]\\`*_".contains(letter) {
            out.push('\\');
        }
        out.push(letter);
    }
    out
}

#[cfg(test)]
mod tests {
    use matrix_sdk::ruma::user_id;

    use super::{Mention, link, of, word_at};
    use crate::render::html;

    fn mention(text: &str) -> Mention {
        Mention {
            text: text.to_owned(),
            user: user_id!("@a:campus.example").to_owned(),
        }
    }

    #[test]
    fn names_become_links_and_other_signs_stay() {
        let text = "привет @Анна [x], почта a@b";
        assert_eq!(
            link(text, &[mention("@Анна [x]")]),
            "привет [@Анна \\[x\\]](https://matrix.to/#/@a:campus.example), почта a@b"
        );
    }

    #[test]
    fn the_people_named_in_a_message_are_found_again() {
        let name = "<a href=\"https://matrix.to/#/@a:campus.example\">@Анна [x]</a>";
        let said = format!("<p>привет {name}</p><ul><li>и ещё раз {name}</li></ul>");
        let mentions = [mention("@Анна [x]"), mention("@Анна [x]")];
        assert_eq!(of(&html::parse(&said)), mentions);
    }

    #[test]
    fn the_longest_name_wins() {
        let names = [mention("@Анна"), mention("@Анна Петрова")];
        assert!(link("@Анна Петрова!", &names).starts_with("[@Анна Петрова]"));
    }

    #[test]
    fn the_word_under_the_caret_is_found() {
        assert_eq!(word_at("эй @ан", "эй @ан".len(), '@'), Some("ан"));
        assert_eq!(word_at("почта a@b", "почта a@b".len(), '@'), None);
        assert_eq!(word_at("эй @ан", "эй".len(), '@'), None);
        assert_eq!(word_at(":улы", ":улы".len(), ':'), Some("улы"));
    }
}
