//! Everything that is read or pressed stands out from whatever it may lie on, in both themes: text as WCAG 2.2 wants it
//! (7 for what is read most, 4.5 for the rest), edges of controls and signs with 3.
#![expect(clippy::unwrap_used, reason = "a failing test may panic")]

use std::collections::HashMap;

type Colour = [u8; 3];

const THEMES: [&str; 2] = ["dark", "light"];
const SURFACES: [&str; 10] = [
    "rail",
    "sidebar",
    "canvas",
    "elevated",
    "hover",
    "selected",
    "input",
    "bubble-in",
    "bubble-out",
    "code",
];
const READ: [&str; 8] = [
    "text2",
    "text3",
    "link",
    "danger-text",
    "warn-text",
    "ok-text",
    "info-text",
    "unread",
];
const SEEN: [&str; 4] = ["border", "focus", "progress", "online"];
const PAIRS: [(&str, &str); 10] = [
    ("danger-text", "danger-bg"),
    ("warn-text", "warn-bg"),
    ("ok-text", "ok-bg"),
    ("info-text", "info-bg"),
    ("muted-text", "muted-fill"),
    ("on-accent", "accent"),
    ("on-accent", "accent-hover"),
    ("on-accent", "accent-press"),
    ("on-accent", "danger"),
    ("brand-text2", "brand"),
];

#[test]
fn all_text_and_all_controls_stand_out_in_both_themes() {
    let source = include_str!("../ui/theme.slint");
    let tokens = tokens(source);
    let names = names(source);
    let mut faults = Vec::new();
    for (at, theme) in THEMES.into_iter().enumerate() {
        let colour = |token: &str| tokens[token][at];
        let mut want = |what: &str, front: Colour, behind: &str, least: f64| {
            let found = contrast(front, colour(behind));
            if found < least {
                faults.push(format!("{theme}: {what} on {behind} has {found:.2}"));
            }
        };
        for surface in SURFACES {
            want("text", colour("text"), surface, 7.0);
            for token in READ {
                want(token, colour(token), surface, 4.5);
            }
            for token in SEEN {
                want(token, colour(token), surface, 3.0);
            }
            for name in &names[at] {
                want("a name", *name, surface, 4.5);
            }
        }
        for (front, behind) in PAIRS {
            want(front, colour(front), behind, 4.5);
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The colours, dark and light.
fn tokens(source: &str) -> HashMap<&str, [Colour; 2]> {
    let lines = source.lines().filter_map(|line| {
        let line = line.trim().strip_prefix("out property <color> ")?;
        let (name, value) = line.split_once(": ")?;
        let found = colours(value);
        Some((name, [*found.first()?, *found.last()?]))
    });
    lines.collect()
}

/// The colours of people's names, dark and light.
fn names(source: &str) -> [Vec<Colour>; 2] {
    let from = source.find("<[color]> names:").unwrap();
    let (both, _) = source[from..].split_once(';').unwrap();
    let (dark, light) = both.split_once("]\n").unwrap();
    [colours(dark), colours(light)]
}

fn colours(text: &str) -> Vec<Colour> {
    let codes = text.split('#').skip(1).filter_map(|rest| rest.get(..6));
    let part = |code: &str, at: usize| u8::from_str_radix(&code[at..at + 2], 16).unwrap();
    codes
        .map(|code| [part(code, 0), part(code, 2), part(code, 4)])
        .collect()
}

/// [WCAG](https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio)
fn contrast(one: Colour, other: Colour) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

fn luminance(colour: Colour) -> f64 {
    let [red, green, blue] = colour.map(|part| {
        let part = f64::from(part) / 255.0;
        if part <= 0.040_45 {
            part / 12.92
        } else {
            ((part + 0.055) / 1.055).powf(2.4)
        }
    });
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}
