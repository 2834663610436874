//! What `render::styled` writes must be what Slint's `StyledText` reads.

use client::render::{blocks::Block, html, plain, styled};
use slint::StyledText;

fn assert_readable(blocks: &[Block]) {
    let [Block::Paragraph(spans)] = blocks else {
        panic!("one paragraph: {blocks:?}")
    };
    let markdown = styled::markdown(spans);
    assert!(
        StyledText::from_markdown(&markdown).is_ok(),
        "Slint does not read {markdown}"
    );
}

#[test]
fn text_full_of_markup_characters_is_read() {
    assert_readable(&plain::parse(
        "1. *no* [x](y) <u> # `c` ~~s~~ \\ ![i](j) | > - + &amp; \u{e541}",
    ));
}

#[test]
fn styles_next_to_punctuation_are_read() {
    for source in [
        "a<b>(x)</b>b",
        "<b>a</b><i>b</i>",
        "<b>a <i>b</i></b> c",
        "<del>x</del> <u>y</u>",
        "<a href=\"https://x.y/(z)\"><b>link</b></a>",
        "<code>a`b</code>",
        "<u><b>both</b></u>",
        "one<br><br>two",
    ] {
        assert_readable(&html::parse(source));
    }
}
