//! Small pages for people whose client leads them here with a browser, in Russian and in English.

mod language;

use axum::{body::Body, extract::FromRequestParts, response::Response};
use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderValue, StatusCode, header, request::Parts};
use sha2::{Digest, Sha256};

pub use self::language::{Language, Visitor};
use crate::{ApiError, Server};

const STYLE: &str = include_str!("style.css");
const MARK: &str = include_str!("mark.svg");

/// A page to be shown.
pub struct Page<'a> {
    /// The status of the answer.
    pub status: StatusCode,
    /// The heading.
    pub title: &'a str,
    /// HTML; whatever came from outside has gone through [`escape`].
    pub content: &'a str,
    /// The one script that runs, if any.
    pub script: &'static str,
}

impl<'a> Page<'a> {
    /// A page without a script.
    pub fn new(title: &'a str, content: &'a str) -> Self {
        Self {
            status: StatusCode::OK,
            title,
            content,
            script: "",
        }
    }

    /// The answer for somebody.
    pub fn show(&self, server_name: &str, visitor: &Visitor) -> Response {
        let (language, title) = (visitor.language, escape(self.title));
        let code = if self.script.is_empty() {
            String::new()
        } else {
            format!("<script>{}</script>", self.script)
        };
        let html = format!(
            "<!DOCTYPE html>\n<html lang=\"{lang}\"><head><meta charset=\"utf-8\">\
<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>{title}</title>\
<style>{STYLE}</style></head><body><header>{mark}<span>{brand}</span>{switch}</header>\
<main><h1>{title}</h1>{content}</main><footer>{name}</footer>{code}</body></html>\n",
            lang = language.code(),
            mark = MARK.trim(),
            brand = language.pick("Фиалка", "Fialka"),
            switch = switch(visitor),
            content = self.content,
            name = escape(server_name),
        );
        let policy = format!(
            "default-src 'none'; style-src '{}'; script-src '{}'; connect-src 'self'; form-action 'self'; \
base-uri 'none'; frame-ancestors 'none'",
            hash_of(STYLE),
            hash_of(self.script)
        );
        let mut response = Response::new(Body::from(html));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        for (name, value) in [
            (header::CONTENT_TYPE, "text/html; charset=utf-8"),
            (header::CACHE_CONTROL, "no-store"),
            (header::VARY, "accept-language"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::REFERRER_POLICY, "no-referrer"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        if let Ok(policy) = HeaderValue::from_str(&policy) {
            headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        }
        response
    }
}

/// Links to the same page in the other language.
fn switch(visitor: &Visitor) -> String {
    let names = [
        (Language::Russian, "Русский"),
        (Language::English, "English"),
    ];
    let links = names.map(|(language, name)| {
        let code = language.code();
        if language == visitor.language {
            return format!("<b lang=\"{code}\" aria-current=\"true\">{name}</b>");
        }
        let mut query = visitor.query.clone();
        if !query.is_empty() {
            query.push('&');
        }
        let query = escape(&query);
        format!("<a href=\"?{query}lang={code}\" lang=\"{code}\" hreflang=\"{code}\">{name}</a>")
    });
    format!("<nav>{}</nav>", links.join(""))
}

/// Whether the request comes from a browser that shows pages, which says so in `Accept`.
pub struct Accepts(pub bool);

impl FromRequestParts<Server> for Accepts {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Server) -> Result<Self, ApiError> {
        let accept = parts.headers.get(header::ACCEPT);
        let accept = accept.and_then(|accept| accept.to_str().ok());
        Ok(Self(
            accept.is_some_and(|accept| accept.contains("text/html")),
        ))
    }
}

/// What a browser compares an inline style or script with.
fn hash_of(code: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(code)))
}

/// A text as it may stand in HTML, between tags and in quoted attributes.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            character => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visitor(uri: &str) -> Visitor {
        let (parts, ()) = http::Request::get(uri).body(()).unwrap().into_parts();
        Visitor::of(&parts)
    }

    #[test]
    fn text_from_outside_is_no_markup() {
        assert_eq!(
            escape("\"><script>a('b')&"),
            "&quot;&gt;&lt;script&gt;a(&#39;b&#39;)&amp;"
        );
    }

    #[test]
    fn only_the_pages_own_script_runs() {
        let mut page = Page::new("A", "");
        page.script = "window.close()";
        let response = page.show("b.example", &visitor("/"));
        let policy = response.headers()[header::CONTENT_SECURITY_POLICY]
            .to_str()
            .unwrap();
        assert!(policy.contains(&hash_of("window.close()")), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
    }

    #[test]
    fn the_other_language_is_the_same_page() {
        let switch = switch(&visitor("/?session=a%22b&lang=ru"));
        assert!(
            switch.contains("href=\"?session=a%22b&amp;lang=en\""),
            "{switch}"
        );
    }
}
