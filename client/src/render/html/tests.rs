use super::*;

fn text(text: &str) -> Span {
    Span {
        text: text.to_owned(),
        ..Span::default()
    }
}

fn bold(words: &str) -> Span {
    Span {
        style: Style {
            bold: true,
            ..Style::default()
        },
        ..text(words)
    }
}

fn paragraph(words: &str) -> Block {
    Block::Paragraph(vec![text(words)])
}

#[test]
fn paragraphs_and_styles_are_kept() {
    let blocks = parse("<p>Ключ <strong>готов</strong>, смотри</p>\n<p>второй</p>");
    let first = Block::Paragraph(vec![text("Ключ "), bold("готов"), text(", смотри")]);
    assert_eq!(blocks, [first, paragraph("второй")]);
}

#[test]
fn white_space_collapses_and_breaks_stay() {
    assert_eq!(
        parse("  one \n two <br/> three "),
        [paragraph("one two\nthree")]
    );
}

#[test]
fn code_blocks_keep_their_white_space_and_language() {
    let blocks =
        parse("<pre><code class=\"language-rust\">fn main() {\n    run();\n}\n</code></pre>");
    let code = "fn main() {\n    run();\n}".to_owned();
    assert_eq!(
        blocks,
        [Block::Code {
            language: Some("rust".to_owned()),
            text: code
        }]
    );
}

#[test]
fn lists_nest() {
    let blocks = parse("<ol start=\"3\"><li>a<ul><li>b</li></ul></li><li>c</li></ol>");
    let inner = Block::List {
        ordered: false,
        start: 1,
        items: vec![vec![paragraph("b")]],
    };
    let items = vec![vec![paragraph("a"), inner], vec![paragraph("c")]];
    assert_eq!(
        blocks,
        [Block::List {
            ordered: true,
            start: 3,
            items
        }]
    );
}

#[test]
fn quotes_and_headings_are_blocks() {
    let blocks = parse("<h2>Plan</h2><blockquote><p>said</p></blockquote><hr>");
    assert_eq!(
        blocks,
        [
            Block::Heading(2, vec![text("Plan")]),
            Block::Quote(vec![paragraph("said")]),
            Block::Rule
        ]
    );
}

#[test]
fn tables_become_rows_of_cells() {
    let blocks = parse(
        "<table><thead><tr><th>a</th></tr></thead><tbody><tr><td>1</td></tr></tbody></table>",
    );
    assert_eq!(
        blocks,
        [Block::Table(vec![
            vec![vec![bold("a")]],
            vec![vec![text("1")]]
        ])]
    );
}

#[test]
fn a_link_to_a_person_is_a_mention() {
    let blocks = parse("<a href=\"https://matrix.to/#/@artem:campus.example\">Артём</a>");
    let [Block::Paragraph(spans)] = blocks.as_slice() else {
        panic!("one paragraph: {blocks:?}")
    };
    assert_eq!(
        spans[0].mention.as_ref().map(|user| user.as_str()),
        Some("@artem:campus.example")
    );
}

#[test]
fn dangerous_links_and_scripts_are_dropped() {
    let blocks = parse(
        "<a href=\"javascript:alert(1)\">x</a><script>bad()</script><img src=\"http://x/y\">",
    );
    assert_eq!(blocks, [paragraph("x")]);
}

#[test]
fn the_reply_quotation_is_dropped() {
    assert_eq!(
        parse("<mx-reply><blockquote>old</blockquote></mx-reply>new"),
        [paragraph("new")]
    );
}

#[test]
fn very_deep_nesting_is_survived() {
    let html = "<blockquote>".repeat(5000) + "deep";
    let _blocks = parse(&html);
}
