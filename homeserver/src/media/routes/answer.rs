//! A file as the answer to a request.

use std::ops::Range;

use axum::{body::Body, response::Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use ruma::http_headers::{ContentDisposition, ContentDispositionType};

use crate::{ApiError, ApiResult, media::File};

/// Types that a browser may show where it stands; all others could be made to run something.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#serving-inline-content)
const INLINE: [&str; 26] = [
    "text/css",
    "text/plain",
    "text/csv",
    "application/json",
    "application/ld+json",
    "image/jpeg",
    "image/gif",
    "image/png",
    "image/apng",
    "image/webp",
    "image/avif",
    "video/mp4",
    "video/webm",
    "video/ogg",
    "video/quicktime",
    "audio/mp4",
    "audio/webm",
    "audio/aac",
    "audio/mpeg",
    "audio/ogg",
    "audio/wave",
    "audio/wav",
    "audio/x-wav",
    "audio/x-pn-wav",
    "audio/flac",
    "audio/x-flac",
];

/// Headers of every file, whatever it is: a browser that is shown one must not run it.
const SAFE: [(HeaderName, &str); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "sandbox; default-src 'none'; script-src 'none'; plugin-types application/pdf; \
         style-src 'unsafe-inline'; object-src 'self';",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "cross-origin",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    // What an address stands for never changes.
    (
        header::CACHE_CONTROL,
        "private, max-age=31536000, immutable",
    ),
    (header::ACCEPT_RANGES, "bytes"),
];

/// A file with what is said about it.
pub(super) struct Content {
    /// A text that names the content and nothing else.
    pub(super) name: String,
    pub(super) content_type: Option<String>,
    pub(super) filename: Option<String>,
    pub(super) file: File,
}

impl Content {
    /// The file, or the part of it that the request asks for, or that the client has it already.
    pub(super) async fn answer(self, request: &HeaderMap) -> ApiResult<Response> {
        let etag = format!("\"{}\"", self.name);
        let mut response = if has_it(request, &etag) {
            with_status(StatusCode::NOT_MODIFIED, Body::empty())
        } else {
            self.body(request, &etag).await?
        };
        let headers = response.headers_mut();
        for (name, value) in SAFE {
            headers.insert(name, HeaderValue::from_static(value));
        }
        headers.insert(header::ETAG, value(&etag)?);
        headers.insert(header::CONTENT_TYPE, value(self.content_type())?);
        headers.insert(header::CONTENT_DISPOSITION, value(&self.disposition())?);
        Ok(response)
    }

    async fn body(&self, request: &HeaderMap, etag: &str) -> ApiResult<Response> {
        let size = self.file.size;
        let (status, range) = match wanted_range(request, etag, size) {
            Wanted::All => (StatusCode::OK, 0..size),
            Wanted::Part(range) => (StatusCode::PARTIAL_CONTENT, range),
            Wanted::Nothing => {
                let mut response = with_status(StatusCode::RANGE_NOT_SATISFIABLE, Body::empty());
                let headers = response.headers_mut();
                headers.insert(header::CONTENT_RANGE, value(&format!("bytes */{size}"))?);
                return Ok(response);
            }
        };
        let length = range.end - range.start;
        let mut response = with_status(status, self.file.read(range.clone()).await?);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        if status == StatusCode::PARTIAL_CONTENT {
            let range = format!("bytes {}-{}/{size}", range.start, range.end - 1);
            headers.insert(header::CONTENT_RANGE, value(&range)?);
        }
        Ok(response)
    }

    fn content_type(&self) -> &str {
        self.content_type
            .as_deref()
            .unwrap_or("application/octet-stream")
    }

    fn disposition(&self) -> String {
        disposition(self.content_type(), self.filename.clone())
    }
}

/// Whether a browser may show a file where it stands, and what it is called.
pub(crate) fn disposition(content_type: &str, filename: Option<String>) -> String {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    let is_safe = INLINE.iter().any(|safe| safe.eq_ignore_ascii_case(essence));
    let kind = if is_safe {
        ContentDispositionType::Inline
    } else {
        ContentDispositionType::Attachment
    };
    ContentDisposition::new(kind)
        .with_filename(filename)
        .to_string()
}

fn with_status(status: StatusCode, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}

fn value(text: &str) -> ApiResult<HeaderValue> {
    HeaderValue::from_str(text).map_err(ApiError::internal)
}

fn has_it(request: &HeaderMap, etag: &str) -> bool {
    let tags = request
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|tags| tags.to_str().ok());
    let mut tags = tags.flat_map(|tags| tags.split(',')).map(str::trim);
    tags.any(|tag| tag == "*" || tag.trim_start_matches("W/") == etag)
}

#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    All,
    Part(Range<u64>),
    Nothing,
}

/// Understands one range of bytes. A server may ignore all others.
/// [RFC 9110](https://www.rfc-editor.org/rfc/rfc9110#name-range)
fn wanted_range(request: &HeaderMap, etag: &str, size: u64) -> Wanted {
    if request
        .get(header::IF_RANGE)
        .is_some_and(|tag| tag.as_bytes() != etag.as_bytes())
    {
        return Wanted::All;
    }
    let range = request
        .get(header::RANGE)
        .and_then(|range| range.to_str().ok());
    let Some((first, last)) = range.and_then(|range| range.strip_prefix("bytes=")?.split_once('-'))
    else {
        return Wanted::All;
    };
    let range = match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => first..size.min(last.saturating_add(1)),
        (Ok(first), _) if last.is_empty() => first..size,
        (_, Ok(last)) if first.is_empty() => size.saturating_sub(last)..size,
        _ => return Wanted::All,
    };
    if range.start >= range.end {
        Wanted::Nothing
    } else {
        Wanted::Part(range)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(text: &'static str) -> Wanted {
        let headers = HeaderMap::from_iter([(header::RANGE, HeaderValue::from_static(text))]);
        wanted_range(&headers, "\"a\"", 10)
    }

    #[test]
    fn one_range_is_understood() {
        assert_eq!(range("bytes=2-4"), Wanted::Part(2..5));
        assert_eq!(range("bytes=2-"), Wanted::Part(2..10));
        assert_eq!(range("bytes=-3"), Wanted::Part(7..10));
        assert_eq!(range("bytes=0-99"), Wanted::Part(0..10));
        assert_eq!(range("bytes=-99"), Wanted::Part(0..10));
    }

    #[test]
    fn range_outside_of_the_file_is_refused() {
        assert_eq!(range("bytes=10-"), Wanted::Nothing);
        assert_eq!(range("bytes=-0"), Wanted::Nothing);
    }

    #[test]
    fn what_is_no_range_means_everything() {
        for text in [
            "bytes=4-2",
            "bytes=",
            "bytes=a-b",
            "lines=1-2",
            "bytes=0-1,3-4",
            "bytes=--1",
        ] {
            assert_eq!(range(text), Wanted::All, "{text}");
        }
    }

    fn disposition(content_type: &str, filename: &str) -> String {
        let content = Content {
            name: "a".to_owned(),
            content_type: Some(content_type.to_owned()),
            filename: Some(filename.to_owned()),
            file: File::default(),
        };
        content.disposition()
    }

    #[test]
    fn only_safe_types_are_shown_inline() {
        assert_eq!(disposition("image/png", "a.png"), "inline; filename=a.png");
        assert_eq!(
            disposition("text/plain; charset=utf-8", "a"),
            "inline; filename=a"
        );
        assert_eq!(
            disposition("text/html", "a.html"),
            "attachment; filename=a.html"
        );
        assert_eq!(
            disposition("image/svg+xml", "a.svg"),
            "attachment; filename=a.svg"
        );
    }

    #[test]
    fn russian_file_name_is_encoded() {
        let expected = "inline; filename*=utf-8''%D1%8F.png";
        assert_eq!(disposition("image/png", "я.png"), expected);
    }
}
