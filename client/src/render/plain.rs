//! Plain text to blocks and back.

use super::{
    blocks::{Block, Span},
    html::is_safe_link,
};

/// The `body` of a message without formatting: one paragraph, with its addresses made links.
#[must_use]
pub fn parse(text: &str) -> Vec<Block> {
    let spans = linkify(text.trim_end());
    if spans.is_empty() {
        Vec::new()
    } else {
        vec![Block::Paragraph(spans)]
    }
}

fn linkify(text: &str) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut rest = text;
    while let Some((start, end)) = next_link(rest) {
        push(&mut spans, &rest[..start], None);
        let link = &rest[start..end];
        push(&mut spans, link, Some(link.to_owned()));
        rest = &rest[end..];
    }
    push(&mut spans, rest, None);
    spans
}

fn push(spans: &mut Vec<Span>, text: &str, link: Option<String>) {
    if !text.is_empty() {
        spans.push(Span {
            text: text.to_owned(),
            link,
            ..Span::default()
        });
    }
}

/// The next address, without the punctuation that belongs to the sentence around it.
fn next_link(text: &str) -> Option<(usize, usize)> {
    let starts = ["https://", "http://"]
        .iter()
        .filter_map(|scheme| text.find(scheme));
    let start = starts.min()?;
    let tail = &text[start..];
    let end = tail
        .find(|letter: char| letter.is_whitespace() || "<>\"«»".contains(letter))
        .unwrap_or(tail.len());
    let mut link = tail[..end].trim_end_matches(['.', ',', ';', ':', '!', '?', '\'']);
    if link.ends_with(')') && !link.contains('(') {
        link = link.trim_end_matches(')');
    }
    is_safe_link(link).then_some((start, start + link.len()))
}

/// The text of blocks, for previews and copying.
#[must_use]
pub fn text_of(blocks: &[Block]) -> String {
    let mut out = String::new();
    for block in blocks {
        if !out.is_empty() {
            out.push('\n');
        }
        write_block(block, &mut out);
    }
    out
}

fn write_block(block: &Block, out: &mut String) {
    match block {
        Block::Paragraph(spans) | Block::Heading(_, spans) => write_spans(spans, out),
        Block::Quote(blocks) => {
            for line in text_of(blocks).lines() {
                out.push_str("> ");
                out.push_str(line);
                out.push('\n');
            }
            out.truncate(out.trim_end_matches('\n').len());
        }
        Block::Code { text, .. } => out.push_str(text),
        Block::List {
            ordered,
            start,
            items,
        } => {
            for (index, item) in (*start..).zip(items) {
                let mark = if *ordered {
                    format!("{index}. ")
                } else {
                    "• ".to_owned()
                };
                out.push_str(&mark);
                out.push_str(&text_of(item).replace('\n', "\n  "));
                out.push('\n');
            }
            out.truncate(out.trim_end_matches('\n').len());
        }
        Block::Table(rows) => out.push_str(&table_text(rows)),
        Block::Rule => out.push_str("———"),
    }
}

/// A table in columns, for a fixed-width font.
#[must_use]
pub fn table_text(rows: &[Vec<Vec<Span>>]) -> String {
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|row| row.iter().map(|cell| cell_text(cell)).collect())
        .collect();
    let columns = cells.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        cells
            .iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
    };
    let widths: Vec<usize> = (0..columns)
        .map(|column| width(column).unwrap_or(0))
        .collect();
    let mut lines = Vec::with_capacity(cells.len());
    for row in &cells {
        let padded: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}", width = *width))
            .collect();
        lines.push(padded.join("  ").trim_end().to_owned());
    }
    lines.join("\n")
}

fn cell_text(cell: &[Span]) -> String {
    let mut text = String::new();
    write_spans(cell, &mut text);
    text.replace('\n', " ")
}

fn write_spans(spans: &[Span], out: &mut String) {
    for span in spans {
        out.push_str(&span.text);
    }
}

#[cfg(test)]
mod tests {
    use super::{parse, text_of};
    use crate::render::{blocks::Block, html};

    #[test]
    fn addresses_become_links_without_the_sentence_around_them() {
        let blocks = parse("см. (https://campus.example/a?b=1), и http://x.y.");
        let [Block::Paragraph(spans)] = blocks.as_slice() else {
            panic!("one paragraph: {blocks:?}")
        };
        let links: Vec<_> = spans
            .iter()
            .filter_map(|span| span.link.as_deref())
            .collect();
        assert_eq!(links, ["https://campus.example/a?b=1", "http://x.y"]);
        assert_eq!(
            text_of(&blocks),
            "см. (https://campus.example/a?b=1), и http://x.y."
        );
    }

    #[test]
    fn empty_text_has_no_blocks() {
        assert_eq!(parse(" \n"), []);
    }

    #[test]
    fn blocks_read_as_plain_text() {
        let blocks = html::parse("<blockquote>said</blockquote><ul><li>a</li><li>b</li></ul>");
        assert_eq!(text_of(&blocks), "> said\n• a\n• b");
    }

    #[test]
    fn tables_line_up() {
        let blocks = html::parse(
            "<table><tr><td>a</td><td>bb</td></tr><tr><td>ccc</td><td>d</td></tr></table>",
        );
        assert_eq!(text_of(&blocks), "a    bb\nccc  d");
    }
}
