//! The language of a page: the one that a link on it chose, or the first of the browser's that there is.

use axum::extract::{FromRequestParts, Query};
use http::{header, request::Parts};
use serde::Deserialize;

use crate::{ApiError, Server};

/// A language that pages are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Русский
    Russian,
    /// English
    English,
}

/// Who looks at a page: the language, and the rest of the address for links to the other one.
#[derive(Clone, Debug)]
pub struct Visitor {
    /// The language.
    pub language: Language,
    /// The query of the address without the choice of a language.
    pub(super) query: String,
}

impl Language {
    /// What it is called in addresses and in HTML.
    pub fn code(self) -> &'static str {
        match self {
            Self::Russian => "ru",
            Self::English => "en",
        }
    }

    /// The text in this language.
    pub fn pick<T>(self, russian: T, english: T) -> T {
        match self {
            Self::Russian => russian,
            Self::English => english,
        }
    }

    fn of_code(code: &str) -> Option<Self> {
        let language = code.split('-').next().unwrap_or_default();
        match language.trim().to_ascii_lowercase().as_str() {
            "ru" => Some(Self::Russian),
            "en" => Some(Self::English),
            _ => None,
        }
    }

    /// The best of what a browser accepts; English where it accepts neither.
    fn accepted(header: &str) -> Self {
        let mut best = (0.0, Self::English);
        for part in header.split(',') {
            let mut pieces = part.split(';');
            let code = pieces.next().unwrap_or_default();
            let weight = pieces.find_map(|piece| piece.trim().strip_prefix("q=")?.parse().ok());
            let weight: f32 = weight.unwrap_or(1.0);
            if let Some(language) = Self::of_code(code)
                && weight > best.0
            {
                best = (weight, language);
            }
        }
        best.1
    }
}

impl FromRequestParts<Server> for Visitor {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Server) -> Result<Self, ApiError> {
        Ok(Self::of(parts))
    }
}

impl Visitor {
    /// Who sends a request.
    pub fn of(parts: &Parts) -> Self {
        #[derive(Deserialize)]
        struct Choice {
            lang: Option<String>,
        }
        let chosen = Query::<Choice>::try_from_uri(&parts.uri).ok();
        let chosen = chosen.and_then(|Query(choice)| Language::of_code(&choice.lang?));
        let accepted = parts.headers.get(header::ACCEPT_LANGUAGE);
        let accepted = accepted.and_then(|accepted| accepted.to_str().ok());
        let query = parts.uri.query().unwrap_or_default().split('&');
        let query: Vec<_> = query
            .filter(|part| !part.is_empty() && !part.starts_with("lang="))
            .collect();
        Self {
            language: chosen.unwrap_or_else(|| Language::accepted(accepted.unwrap_or_default())),
            query: query.join("&"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_is_what_the_browser_likes_best() {
        for (header, language) in [
            ("", Language::English),
            ("ru", Language::Russian),
            ("ru-RU,ru;q=0.9,en-US;q=0.8", Language::Russian),
            ("en-GB, ru;q=0.9", Language::English),
            ("de, ru;q=0.3, en;q=0.2", Language::Russian),
            ("de,fr;q=0.5", Language::English),
            ("ru;q=0, en;q=0.1", Language::English),
            (";;,=,q=x", Language::English),
        ] {
            assert_eq!(Language::accepted(header), language, "{header}");
        }
    }

    #[test]
    fn a_link_outweighs_the_browser() {
        let request = http::Request::get("/?session=a&lang=ru").header("accept-language", "en");
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let visitor = Visitor::of(&parts);
        assert_eq!(visitor.language, Language::Russian);
        assert_eq!(visitor.query, "session=a");
    }

    proptest::proptest! {
        #[test]
        fn any_header_has_a_language(text in crate::any_input::text_like(&["ru-RU,ru;q=0.9,en;q=0.8", "de"])) {
            Language::accepted(&text);
        }
    }
}
