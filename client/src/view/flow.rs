//! Blocks of rich text as rows for the views.

use std::rc::Rc;

use slint::{ModelRc, SharedString, StyledText, VecModel};

use super::{
    BlockItem, BlockKind, CodeLayer, CodeTone, Run, RunKind,
    emoji::{self, Piece},
};
use crate::render::{
    blocks::{Block, Span},
    highlight::{self, Tone},
    styled,
};

/// Longer paragraphs are drawn as one styled text: a view per word would be slow.
const MAX_RUNS: usize = 250;
/// About the width of a letter with the space behind it.
const LETTER: f32 = 8.0;

/// The colours of code, and their names in the views.
const TONES: [(Tone, CodeTone); 6] = [
    (Tone::Plain, CodeTone::Plain),
    (Tone::Keyword, CodeTone::Keyword),
    (Tone::Text, CodeTone::Text),
    (Tone::Number, CodeTone::Number),
    (Tone::Name, CodeTone::Name),
    (Tone::Comment, CodeTone::Comment),
];

/// Where a block stands.
#[derive(Clone, Copy, Default)]
struct Place {
    indent: i32,
    quoted: bool,
}

/// Everything in a message's text, outermost first.
pub(super) fn items(blocks: &[Block]) -> Vec<BlockItem> {
    let mut out = Vec::new();
    for block in blocks {
        push(block, Place::default(), &mut out);
    }
    out
}

fn push(block: &Block, place: Place, out: &mut Vec<BlockItem>) {
    let item = BlockItem {
        indent: place.indent,
        quoted: place.quoted,
        ..BlockItem::default()
    };
    match block {
        Block::Paragraph(spans) => out.push(paragraph(spans, item)),
        Block::Heading(_, spans) => out.push(BlockItem {
            kind: BlockKind::Heading,
            text: plain(spans),
            ..item
        }),
        Block::Quote(blocks) => {
            for block in blocks {
                push(
                    block,
                    Place {
                        quoted: true,
                        ..place
                    },
                    out,
                );
            }
        }
        Block::Code { language, text } => out.push(BlockItem {
            kind: BlockKind::Code,
            text: text.trim_end_matches('\n').into(),
            language: language.as_deref().unwrap_or_default().into(),
            lines: i32::try_from(text.lines().count()).unwrap_or(i32::MAX),
            layers: layers(text.trim_end_matches('\n'), language.as_deref()),
            ..item
        }),
        Block::List {
            ordered,
            start,
            items,
        } => push_list(*ordered, *start, items, place, out),
        Block::Table(rows) => out.extend(rows.iter().map(|cells| table_row(cells, item.clone()))),
        Block::Rule => out.push(BlockItem {
            kind: BlockKind::Rule,
            ..item
        }),
    }
}

/// The text once for each colour that is in it, with everything else blank: in a font of one width the layers lie
/// exactly over each other. Slint's own text has one colour.
fn layers(text: &str, language: Option<&str>) -> ModelRc<CodeLayer> {
    let pieces = highlight::pieces(text, language);
    let mut layers = Vec::new();
    for (tone, shown) in TONES {
        if !pieces.iter().any(|piece| piece.tone == tone) {
            continue;
        }
        let mut layer = String::with_capacity(text.len());
        for piece in &pieces {
            for letter in piece.text.chars() {
                match letter {
                    '\n' => layer.push('\n'),
                    '\t' => layer.push_str("\u{a0}\u{a0}\u{a0}\u{a0}"),
                    letter if piece.tone == tone && letter != ' ' => layer.push(letter),
                    _ => layer.push('\u{a0}'),
                }
            }
        }
        layers.push(CodeLayer {
            tone: shown,
            text: layer.as_str().into(),
        });
    }
    ModelRc::from(Rc::new(VecModel::from(layers)))
}

fn push_list(
    ordered: bool,
    start: u64,
    items: &[Vec<Block>],
    place: Place,
    out: &mut Vec<BlockItem>,
) {
    for (number, blocks) in (start..).zip(items) {
        let first = out.len();
        for (index, block) in blocks.iter().enumerate() {
            // What follows the marker's own line stands under its text.
            let indent = place.indent + i32::from(index > 0);
            push(block, Place { indent, ..place }, out);
        }
        if let Some(item) = out.get_mut(first) {
            item.marker = match ordered {
                true => format!("{number}.").as_str().into(),
                false => "•".into(),
            };
        }
    }
}

fn table_row(cells: &[Vec<Span>], item: BlockItem) -> BlockItem {
    let cells: Vec<_> = cells.iter().map(|cell| plain(cell).to_string()).collect();
    BlockItem {
        text: cells.join(" · ").as_str().into(),
        ..item
    }
}

fn paragraph(spans: &[Span], item: BlockItem) -> BlockItem {
    let is_plain = spans.iter().all(|span| {
        span.style == Default::default() && span.link.is_none() && span.mention.is_none()
    });
    let text = plain(spans);
    if is_plain && !emoji::any(&text) {
        return BlockItem { text, ..item };
    }
    let mut runs = runs(spans);
    enlarge(&mut runs);
    if runs.len() <= MAX_RUNS {
        return BlockItem {
            kind: BlockKind::Flow,
            measure: measure(&runs),
            extra: extra(&runs),
            runs: ModelRc::from(Rc::new(VecModel::from(runs))),
            ..item
        };
    }
    match StyledText::from_markdown(&styled::markdown(spans)) {
        Ok(styled) => BlockItem {
            kind: BlockKind::Styled,
            styled,
            ..item
        },
        Err(error) => {
            tracing::debug!(%error, "text is shown without its styles");
            BlockItem { text, ..item }
        }
    }
}

/// The runs as text that is about as wide: an em space for an emoji.
fn measure(runs: &[Run]) -> SharedString {
    let mut text = String::new();
    for run in runs {
        match run.kind {
            RunKind::LineBreak => text.push('\n'),
            RunKind::Emoji => text.push('\u{2003}'),
            _ => text.push_str(&run.text),
        }
        if run.gap {
            text.push(' ');
        }
    }
    text.as_str().into()
}

/// Lines of emoji alone are drawn larger: the boards of games are such lines.
fn enlarge(runs: &mut [Run]) {
    for line in runs.split_mut(|run| run.kind == RunKind::LineBreak) {
        let large = line.iter().all(|run| run.kind == RunKind::Emoji);
        line.iter_mut().for_each(|run| run.large = large);
    }
}

/// The pixels by which pictures, pills, bold and fixed-width letters make the widest line wider than the text of
/// `measure`. Which line is the widest is a guess, so those nearly as wide count too.
fn extra(runs: &[Run]) -> f32 {
    let letters = |run: &Run| run.text.chars().count() as f32;
    let wider = |run: &Run| match run.kind {
        RunKind::Emoji if run.large => 14.0,
        RunKind::Emoji => 6.0,
        RunKind::Code => 8.0 + letters(run),
        RunKind::Mention => 8.0 + letters(run) * 0.3,
        _ if run.bold => letters(run) * 0.6,
        _ => 0.3,
    };
    let width = |run: &Run| match run.kind {
        RunKind::Emoji => 14.0 + wider(run),
        _ => letters(run) * LETTER + wider(run),
    };
    let lines = runs.split(|run| run.kind == RunKind::LineBreak);
    let lines: Vec<(f32, f32)> = lines
        .map(|line| {
            let width = line.iter().map(width).sum();
            (width, line.iter().map(wider).sum())
        })
        .collect();
    let widest = lines.iter().map(|(width, _)| *width).fold(0.0, f32::max);
    let near = lines.iter().filter(|(width, _)| *width >= widest * 0.7);
    near.map(|(_, extra)| *extra).fold(0.0, f32::max) + 2.0
}

fn plain(spans: &[Span]) -> SharedString {
    let text: String = spans.iter().map(|span| span.text.as_str()).collect();
    text.as_str().into()
}

fn runs(spans: &[Span]) -> Vec<Run> {
    let mut out: Vec<Run> = Vec::new();
    for span in spans {
        if span.style.code || span.mention.is_some() {
            push_boxed(span, &mut out);
        } else {
            for piece in emoji::split(&span.text) {
                match piece {
                    Piece::Text(text) => push_words(span, text, &mut out),
                    Piece::Emoji(text, name) => out.push(Run {
                        kind: RunKind::Emoji,
                        image: emoji::picture(&name).unwrap_or_default(),
                        ..run(span, text)
                    }),
                }
            }
        }
    }
    out
}

fn push_boxed(span: &Span, out: &mut Vec<Run>) {
    let kind = match span.style.code {
        true => RunKind::Code,
        false => RunKind::Mention,
    };
    if span.text.starts_with(' ') {
        widen(out);
    }
    out.push(Run {
        kind,
        gap: span.text.ends_with(' '),
        ..run(span, span.text.trim())
    });
}

fn push_words(span: &Span, text: &str, out: &mut Vec<Run>) {
    for (index, line) in text.split('\n').enumerate() {
        if index > 0 {
            out.push(Run {
                kind: RunKind::LineBreak,
                ..Run::default()
            });
        }
        if line.starts_with(' ') {
            widen(out);
        }
        for word in line.split_inclusive(' ').filter(|word| *word != " ") {
            out.push(Run {
                gap: word.ends_with(' '),
                ..run(span, word.trim_end_matches(' '))
            });
        }
    }
}

/// A space that begins a run belongs behind the one before.
fn widen(out: &mut [Run]) {
    if let Some(last) = out.last_mut() {
        last.gap = true;
    }
}

fn run(span: &Span, text: &str) -> Run {
    let target = match (&span.link, &span.mention) {
        (Some(link), _) => link.as_str().into(),
        (None, Some(user)) => format!("https://matrix.to/#/{user}").as_str().into(),
        (None, None) => SharedString::default(),
    };
    Run {
        kind: match span.link {
            Some(_) => RunKind::Link,
            None => RunKind::Word,
        },
        text: text.into(),
        target,
        bold: span.style.bold,
        italic: span.style.italic,
        strike: span.style.strike,
        underline: span.style.underline,
        ..Run::default()
    }
}

#[cfg(test)]
mod tests {
    use slint::Model;

    use super::{BlockKind, RunKind, items};
    use crate::render::{html, plain};

    #[test]
    fn plain_text_stays_one_text() {
        let items = items(&plain::parse("Лысенко ждёт к шести"));
        assert_eq!(items[0].kind, BlockKind::Text);
        assert_eq!(items[0].text, "Лысенко ждёт к шести");
    }

    #[test]
    fn emoji_among_words_become_pictures() {
        let items = items(&plain::parse("Ура 🎉, да"));
        let runs: Vec<_> = items[0]
            .runs
            .iter()
            .map(|run| (run.kind, run.text, run.gap))
            .collect();
        assert_eq!(
            runs,
            [
                (RunKind::Word, "Ура".into(), true),
                (RunKind::Emoji, "🎉".into(), false),
                (RunKind::Word, ",".into(), true),
                (RunKind::Word, "да".into(), false)
            ]
        );
    }

    #[test]
    fn lines_of_emoji_alone_are_large() {
        let items = items(&plain::parse("Ход 🎲\n❌⭕\n⭕❌\nТвой ход"));
        let large: Vec<_> = items[0]
            .runs
            .iter()
            .filter(|run| run.kind == RunKind::Emoji)
            .map(|run| run.large)
            .collect();
        assert_eq!(large, [false, true, true, true, true]);
    }

    #[test]
    fn a_text_of_many_short_lines_is_as_wide_as_one_of_them() {
        let extra = |text: &str| items(&plain::parse(text))[0].extra;
        let board = "❌⭕❌\n".repeat(9);
        assert_eq!(extra(&board), extra("❌⭕❌"));
    }

    #[test]
    fn lists_have_markers_and_depth() {
        let items = items(&html::parse(
            "<ol><li>a<ul><li>b</li></ul></li><li>c</li></ol>",
        ));
        let lines: Vec<_> = items
            .iter()
            .map(|item| (item.marker.to_string(), item.indent))
            .collect();
        assert_eq!(
            lines,
            [
                ("1.".to_owned(), 0),
                ("•".to_owned(), 1),
                ("2.".to_owned(), 0)
            ]
        );
    }
}
