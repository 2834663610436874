//! Input for tests of parsers that meet the network: what is valid, with something in it changed.
//!
//! Random bytes hardly get past the first letter that a parser looks at; a valid text with a wrong place gets everywhere.

use proptest::{collection::vec, prelude::*, sample::select};

/// What is put in place of a piece: what other parsers stumbled over, and text of any kind.
const ODD: [&str; 24] = [
    "",
    "\"",
    "'",
    "\\",
    "{",
    "}",
    "[",
    "]",
    "<",
    ">",
    "<!--",
    "&#x110000;",
    "=",
    ",",
    ";",
    ":",
    "_",
    "%00",
    "\r\n\r\n",
    "\0",
    "é",
    "💥",
    "18446744073709551616",
    "-1e999",
];

/// Pieces of a text that are replaced.
type Changes = Vec<(prop::sample::Index, usize, &'static str)>;

fn changes() -> impl Strategy<Value = Changes> {
    vec(
        (any::<prop::sample::Index>(), 0..6_usize, select(&ODD[..])),
        0..4,
    )
}

/// One of some texts, with up to three pieces replaced; or any text at all.
pub(crate) fn text_like(samples: &'static [&'static str]) -> impl Strategy<Value = String> {
    let mangled = (select(samples), changes()).prop_map(|(sample, changes)| {
        let mut text: Vec<char> = sample.chars().collect();
        for (at, length, odd) in changes {
            let at = at.index(text.len() + 1);
            let end = (at + length).min(text.len());
            text.splice(at..end, odd.chars());
        }
        text.into_iter().collect()
    });
    prop_oneof![9 => mangled, 1 => ".{0,40}"]
}

/// The same of bytes.
pub(crate) fn bytes_like(sample: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let change = (
        any::<prop::sample::Index>(),
        0..4_usize,
        vec(any::<u8>(), 0..4),
    );
    let mangled = vec(change, 0..6).prop_map(move |changes| {
        let mut bytes = sample.clone();
        for (at, length, odd) in changes {
            let at = at.index(bytes.len() + 1);
            let end = (at + length).min(bytes.len());
            bytes.splice(at..end, odd);
        }
        bytes
    });
    prop_oneof![9 => mangled, 1 => vec(any::<u8>(), 0..40)]
}
