//! Pages as text, in whatever encoding they are.
//! [WHATWG](https://html.spec.whatwg.org/multipage/parsing.html#determining-the-character-encoding)

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};

/// Where a page has to say in the beginning how it is encoded.
const PRESCAN: usize = 4096;

/// A page as text. What is said in its beginning weighs most, then the header, then its own `meta`.
pub(super) fn decode(bytes: &[u8], content_type: Option<&str>) -> String {
    let declared = content_type
        .and_then(charset_in)
        .or_else(|| in_meta(bytes))
        .and_then(|label| Encoding::for_label(label.as_bytes()));
    let fallback = if std::str::from_utf8(bytes).is_ok() {
        UTF_8
    } else {
        WINDOWS_1252
    };
    // A byte order mark overrides everything; so it does here.
    let (text, _, _) = declared.unwrap_or(fallback).decode(bytes);
    text.into_owned()
}

/// The label behind `charset=`.
fn charset_in(text: &str) -> Option<String> {
    let text = text.to_ascii_lowercase();
    let (_, rest) = text.split_once("charset")?;
    let rest = rest.trim_start().strip_prefix('=')?.trim_start();
    let rest = rest.trim_start_matches(['"', '\'']);
    let end = rest.find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ';' | '>' | '/'));
    let label = &rest[..end.unwrap_or(rest.len())];
    (!label.is_empty()).then(|| label.to_owned())
}

/// What a `meta` in the beginning of a page says.
fn in_meta(bytes: &[u8]) -> Option<String> {
    let beginning =
        String::from_utf8_lossy(&bytes[..bytes.len().min(PRESCAN)]).to_ascii_lowercase();
    beginning
        .match_indices("<meta")
        .find_map(|(at, _)| charset_in(beginning[at..].split('>').next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUSSIAN: &[u8] = b"\xcf\xf0\xe8\xe2\xe5\xf2";

    #[test]
    fn header_says_the_encoding() {
        let text = decode(RUSSIAN, Some("text/html; charset=windows-1251"));
        assert_eq!(text, "Привет");
        assert_eq!(
            decode(RUSSIAN, Some("text/html; charset=\"CP1251\"")),
            "Привет"
        );
    }

    #[test]
    fn page_says_the_encoding() {
        for head in [
            "<meta charset=windows-1251>",
            "<META http-equiv=\"Content-Type\" content=\"text/html; charset=windows-1251\">",
            "<meta name=x><meta charset='windows-1251'/>",
        ] {
            let page = [head.as_bytes(), RUSSIAN].concat();
            assert!(
                decode(&page, Some("text/html")).ends_with("Привет"),
                "{head}"
            );
        }
    }

    #[test]
    fn without_a_word_it_is_utf_8_if_it_can_be() {
        assert_eq!(decode("Привет".as_bytes(), None), "Привет");
        assert_eq!(decode(b"caf\xe9", None), "café");
        assert_eq!(
            decode(b"\xef\xbb\xbfa", Some("text/html; charset=koi8-r")),
            "a"
        );
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_become_text(
            bytes in crate::any_input::bytes_like(b"<meta http-equiv=content-type content=\"text/html; charset=windows-1251\">".to_vec()),
            kind in crate::any_input::text_like(&["text/html; charset=\"koi8-r\"", "text/html;charset=utf-8"]),
        ) {
            drop(decode(&bytes, Some(&kind)));
            drop(decode(&bytes, None));
        }
    }
}
