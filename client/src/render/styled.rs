//! Runs of text as the small Markdown that Slint's `StyledText::from_markdown` understands.

use super::blocks::Span;

/// Keeps two marks apart, or a mark and punctuation: takes no room and is neither white space nor punctuation, which
/// is what Markdown's rules for `**` look at.
const JOINT: char = '\u{200b}';

/// The Markdown of a paragraph's spans. All text is escaped: nothing a sender wrote is taken for markup.
#[must_use]
pub fn markdown(spans: &[Span]) -> String {
    let mut out = String::new();
    for span in spans {
        for (index, line) in span.text.split('\n').enumerate() {
            if index > 0 {
                out.push('\n');
            }
            if line.is_empty() {
                // Markdown drops empty lines; a no-break space keeps the height of one.
                if index > 0 && span.text.split('\n').nth(index + 1).is_some() {
                    out.push('\u{a0}');
                }
                continue;
            }
            write_line(span, line, &mut out);
        }
    }
    out
}

fn write_line(span: &Span, line: &str, out: &mut String) {
    let words = line.trim();
    let (before, after) = match line.find(words) {
        Some(start) if !words.is_empty() => (&line[..start], &line[start + words.len()..]),
        _ => (line, ""),
    };
    push_space(before, out);
    if words.is_empty() {
        return;
    }
    let marks = marks_of(span);
    if !marks.is_empty() {
        out.push(JOINT);
    }
    for mark in &marks {
        out.push_str(mark);
    }
    if !marks.is_empty() {
        out.push(JOINT);
    }
    if span.style.underline {
        out.push_str("<u>");
    }
    push_text(span, words, out);
    if span.style.underline {
        out.push_str("</u>");
    }
    if !marks.is_empty() {
        out.push(JOINT);
    }
    for mark in marks.iter().rev() {
        out.push_str(mark);
    }
    if !marks.is_empty() {
        out.push(JOINT);
    }
    push_space(after, out);
}

fn marks_of(span: &Span) -> Vec<&'static str> {
    let mut marks = Vec::new();
    if span.style.strike {
        marks.push("~~");
    }
    if span.style.bold || span.mention.is_some() {
        marks.push("**");
    }
    if span.style.italic {
        marks.push("*");
    }
    marks
}

fn push_text(span: &Span, words: &str, out: &mut String) {
    let text = if span.style.code {
        code(words)
    } else {
        escape(words)
    };
    match &span.link {
        Some(link) => {
            let link: String = link
                .chars()
                .filter(|letter| !"<>\\".contains(*letter) && !letter.is_control())
                .collect();
            out.push_str(&format!("[{text}](<{link}>)"));
        }
        None => out.push_str(&text),
    }
}

/// Spaces at the start of a line would mean a code block.
fn push_space(space: &str, out: &mut String) {
    let at_line_start = out.is_empty() || out.ends_with('\n');
    out.extend(
        space
            .chars()
            .map(|_| if at_line_start { '\u{a0}' } else { ' ' }),
    );
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for letter in text.chars() {
        if letter.is_ascii_punctuation() {
            out.push('\\');
        }
        // Slint's own placeholder for arguments.
        if letter != '\u{e541}' {
            out.push(letter);
        }
    }
    out
}

fn code(text: &str) -> String {
    let longest = text
        .split(|letter| letter != '`')
        .map(str::len)
        .max()
        .unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let text = text.replace('\u{e541}', "");
    let pad = if text.starts_with('`') || text.ends_with('`') {
        " "
    } else {
        ""
    };
    format!("{fence}{pad}{text}{pad}{fence}")
}

#[cfg(test)]
mod tests {
    use super::markdown;
    use crate::render::{blocks::Block, html, plain};

    fn of_html(source: &str) -> String {
        let blocks = html::parse(source);
        let [Block::Paragraph(spans)] = blocks.as_slice() else {
            panic!("one paragraph: {blocks:?}")
        };
        markdown(spans)
    }

    #[test]
    fn what_a_sender_types_is_not_markup() {
        let spans = &plain::parse("1. *no* [x](y) <u> # `c` ~~s~~ \\");
        let Block::Paragraph(spans) = &spans[0] else {
            panic!("one paragraph")
        };
        let text = markdown(spans);
        assert_eq!(
            text,
            "1\\. \\*no\\* \\[x\\]\\(y\\) \\<u\\> \\# \\`c\\` \\~\\~s\\~\\~ \\\\"
        );
    }

    #[test]
    fn links_keep_their_address() {
        assert_eq!(
            of_html("<a href=\"https://x.y/?a=1\">z</a>"),
            "[z](<https://x.y/?a=1>)"
        );
    }
}
