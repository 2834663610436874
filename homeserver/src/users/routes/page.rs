//! Small pages for people whose client leads them here with a browser.

use axum::{body::Body, extract::FromRequestParts, response::Response};
use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderValue, StatusCode, header, request::Parts};
use sha2::{Digest, Sha256};

use crate::{ApiError, Server};

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:34em;margin:3em auto;padding:0 1em;color:#222;background:#fff}\
button{font:inherit;padding:.5em 1.2em;border:0;border-radius:.4em;background:#6b3fa0;color:#fff}\
input[type=text]{font:inherit;padding:.4em;width:100%;box-sizing:border-box}\
.wrong{color:#a00}\
@media(prefers-color-scheme:dark){body{color:#eee;background:#1b1722}a{color:#c9a6ff}.wrong{color:#f88}}";

/// Whether the request comes from a browser that shows pages, which says so in `Accept`.
pub(super) struct Accepts(pub(super) bool);

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

/// A page. `content` is HTML; whatever came from outside has gone through [`escape`].
pub(super) fn page(status: StatusCode, title: &str, content: &str) -> Response {
    page_with_script(status, title, content, "")
}

/// A page that runs a script, and no other.
pub(super) fn page_with_script(
    status: StatusCode,
    title: &str,
    content: &str,
    script: &'static str,
) -> Response {
    let title = escape(title);
    let code = if script.is_empty() {
        String::new()
    } else {
        format!("<script>{script}</script>")
    };
    let html = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>{title}</title>\
<style>{STYLE}</style></head><body><h1>{title}</h1>{content}{code}</body></html>\n"
    );
    let policy = format!(
        "default-src 'none'; style-src '{}'; script-src '{}'; form-action 'self'; base-uri 'none'",
        hash_of(STYLE),
        hash_of(script)
    );
    let mut response = Response::new(Body::from(html));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
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

/// What a browser compares an inline style or script with.
fn hash_of(code: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(code)))
}

/// A text as it may stand in HTML, between tags and in quoted attributes.
pub(super) fn escape(text: &str) -> String {
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

    #[test]
    fn text_from_outside_is_no_markup() {
        assert_eq!(
            escape("\"><script>a('b')&"),
            "&quot;&gt;&lt;script&gt;a(&#39;b&#39;)&amp;"
        );
    }

    #[test]
    fn only_the_pages_own_script_runs() {
        let response = page_with_script(StatusCode::OK, "A", "", "window.close()");
        let policy = response.headers()[header::CONTENT_SECURITY_POLICY]
            .to_str()
            .unwrap();
        assert!(policy.contains(&hash_of("window.close()")), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
    }
}
