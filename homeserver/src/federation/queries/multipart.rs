//! Reading a file out of a `multipart/mixed` answer, bit by bit.
//! [spec](https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1mediadownloadmediaid)
//!
//! The first part is JSON, the second the file or the address where it is. [`Parts`] is fed with bytes as they come and
//! gives out those of the file as soon as it is certain that they do not belong to the end of the part.

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue};

/// Bytes of everything before the content of the second part.
const LONGEST_HEAD: usize = 64 * 1024;
/// Letters of a boundary.
/// [RFC 2046](https://www.rfc-editor.org/rfc/rfc2046#section-5.1.1)
const LONGEST_BOUNDARY: usize = 70;

/// Why an answer cannot be understood.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum MultipartError {
    #[error("its type is not multipart/mixed with a boundary")]
    NotMultipart,
    #[error("it has too much before the file")]
    LongHead,
    #[error("its parts are malformed")]
    Malformed,
    #[error("it ends before its second part does")]
    Incomplete,
}

/// The parts of an answer that is still coming in.
#[derive(Debug)]
pub(super) struct Parts {
    /// `--boundary`
    delimiter: Vec<u8>,
    unread: BytesMut,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Head,
    Content,
    End,
}

impl Parts {
    /// Prepares to read an answer with these headers.
    pub(super) fn new(headers: &HeaderMap) -> Result<Self, MultipartError> {
        let kind = headers
            .get(http::header::CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok());
        let boundary = kind
            .and_then(boundary)
            .ok_or(MultipartError::NotMultipart)?;
        Ok(Self {
            delimiter: format!("--{boundary}").into_bytes(),
            unread: BytesMut::new(),
            state: State::Head,
        })
    }

    /// Adds bytes that came.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.unread.extend_from_slice(bytes);
    }

    /// The headers of the second part, once they are there. To be asked until then.
    pub(super) fn head(&mut self) -> Result<Option<HeaderMap>, MultipartError> {
        // The delimiter stands at the beginning of a line, which may be the first one.
        let first = match self.unread.starts_with(&self.delimiter) {
            true => Some(0),
            false => self.find_delimiter(0).map(|at| at + 2),
        };
        let second = first.and_then(|first| self.find_delimiter(first + self.delimiter.len()));
        let Some(second) = second else {
            return self.wait();
        };
        // After the delimiter the rest of its line, then headers, then an empty line.
        let line = second + 2 + self.delimiter.len();
        let Some(begin) = find(&self.unread, b"\n", line).map(|at| at + 1) else {
            return self.wait();
        };
        if self.unread[line..].starts_with(b"--") {
            return Err(MultipartError::Malformed);
        }
        let empty = [(b"\r\n\r\n".as_slice(), 4), (b"\n\n".as_slice(), 2)];
        let ends = empty
            .iter()
            .filter_map(|(text, length)| Some((find(&self.unread, text, begin)?, *length)));
        // A part without headers begins with the empty line itself.
        let (end, length) = if self.unread[begin..].starts_with(b"\r\n") {
            (begin, 2)
        } else {
            match ends.min() {
                Some(end) => end,
                None => return self.wait(),
            }
        };
        let headers = parse_headers(&self.unread[begin..end])?;
        drop(self.unread.split_to(end + length));
        self.state = State::Content;
        Ok(Some(headers))
    }

    fn wait(&self) -> Result<Option<HeaderMap>, MultipartError> {
        if self.unread.len() > LONGEST_HEAD {
            return Err(MultipartError::LongHead);
        }
        Ok(None)
    }

    /// Bytes of the file that came in up to now and were not given out yet.
    pub(super) fn content(&mut self) -> Bytes {
        if self.state != State::Content {
            return Bytes::new();
        }
        if let Some(end) = self.find_delimiter(0) {
            self.state = State::End;
            return self.unread.split_to(end).freeze();
        }
        // What may be the beginning of the end stays.
        let certain = self.unread.len().saturating_sub(self.delimiter.len() + 1);
        self.unread.split_to(certain).freeze()
    }

    /// Whether the second part is complete.
    pub(super) fn is_complete(&self) -> bool {
        self.state == State::End
    }

    /// Where a line break and the delimiter begin.
    fn find_delimiter(&self, from: usize) -> Option<usize> {
        let mut from = from;
        loop {
            let at = find(&self.unread, b"\r\n", from)?;
            if self.unread[at + 2..].starts_with(&self.delimiter) {
                return Some(at);
            }
            from = at + 1;
        }
    }
}

fn find(bytes: &[u8], wanted: &[u8], from: usize) -> Option<usize> {
    let rest = bytes.get(from..)?;
    rest.windows(wanted.len())
        .position(|window| window == wanted)
        .map(|at| at + from)
}

fn boundary(content_type: &str) -> Option<String> {
    let (essence, parameters) = content_type.split_once(';')?;
    if !essence.trim().eq_ignore_ascii_case("multipart/mixed") {
        return None;
    }
    let parameters = parameters
        .split(';')
        .filter_map(|parameter| parameter.split_once('='));
    let mut boundaries =
        parameters.filter(|(name, _)| name.trim().eq_ignore_ascii_case("boundary"));
    let boundary = boundaries.next()?.1.trim().trim_matches('"').to_owned();
    let fits = !boundary.is_empty() && boundary.len() <= LONGEST_BOUNDARY && boundary.is_ascii();
    fits.then_some(boundary)
}

fn parse_headers(text: &[u8]) -> Result<HeaderMap, MultipartError> {
    let mut headers = HeaderMap::new();
    for line in text.split(|byte| *byte == b'\n') {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        let colon = line
            .iter()
            .position(|byte| *byte == b':')
            .ok_or(MultipartError::Malformed)?;
        let name = HeaderName::from_bytes(line[..colon].trim_ascii());
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
        match (name, value) {
            (Ok(name), Ok(value)) => drop(headers.append(name, value)),
            _ => return Err(MultipartError::Malformed),
        }
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPE: &str = "multipart/mixed; boundary=\"b-1\"";
    const FILE: &[u8] = b"--b-1\r\nContent-Type: application/json\r\n\r\n{}\r\n--b-1\r\nContent-Type: text/plain\r\n\
        content-disposition: inline\r\n\r\nsome\r\n--b-\r\n\r\ntext\r\n--b-1--\r\n";

    fn parts(content_type: &'static str) -> Result<Parts, MultipartError> {
        let headers = [(
            http::header::CONTENT_TYPE,
            HeaderValue::from_static(content_type),
        )];
        Parts::new(&HeaderMap::from_iter(headers))
    }

    /// The type and the content of the file, fed in pieces of a size.
    fn read(bytes: &[u8], size: usize) -> Result<(HeaderMap, Vec<u8>), MultipartError> {
        let mut parts = parts(TYPE)?;
        let (mut headers, mut content) = (None, Vec::new());
        for piece in bytes.chunks(size) {
            parts.feed(piece);
            if headers.is_none() {
                headers = parts.head()?;
            }
            content.extend_from_slice(&parts.content());
        }
        match (headers, parts.is_complete()) {
            (Some(headers), true) => Ok((headers, content)),
            _ => Err(MultipartError::Incomplete),
        }
    }

    #[test]
    fn a_file_is_read_in_pieces_of_any_size() {
        for size in 1..FILE.len() {
            let (headers, content) = read(FILE, size).unwrap();
            assert_eq!(headers["content-type"], "text/plain");
            assert_eq!(headers["content-disposition"], "inline");
            assert_eq!(content, b"some\r\n--b-\r\n\r\ntext", "{size}");
        }
    }

    #[test]
    fn parts_need_no_headers_and_may_be_empty() {
        let bytes = b"preamble\r\n--b-1\r\n\r\n{}\r\n--b-1\r\n\r\n\r\n--b-1--";
        let (headers, content) = read(bytes, 3).unwrap();
        assert!(headers.is_empty());
        assert_eq!(content, b"");
    }

    #[test]
    fn an_answer_that_breaks_off_is_incomplete() {
        let cut = &FILE[..FILE.len() - 12];
        assert_eq!(read(cut, 7), Err(MultipartError::Incomplete));
    }

    #[test]
    fn one_part_only_is_malformed() {
        let bytes = b"--b-1\r\n\r\n{}\r\n--b-1--\r\nmore\r\n\r\n";
        assert_eq!(read(bytes, 100), Err(MultipartError::Malformed));
    }

    #[test]
    fn what_is_no_multipart_is_refused() {
        for content_type in [
            "text/plain",
            "multipart/mixed",
            "multipart/form-data; boundary=a",
            "multipart/mixed; boundary=",
        ] {
            assert_eq!(
                parts(content_type).unwrap_err(),
                MultipartError::NotMultipart,
                "{content_type}"
            );
        }
    }

    #[test]
    fn a_head_without_end_is_refused() {
        let mut parts = parts(TYPE).unwrap();
        parts.feed(&[b'x'; LONGEST_HEAD + 1]);
        assert_eq!(parts.head(), Err(MultipartError::LongHead));
    }

    proptest::proptest! {
        #[test]
        fn any_answer_is_a_file_or_refused(
            bytes in crate::any_input::bytes_like(FILE.to_vec()),
            size in 1..FILE.len(),
        ) {
            drop(read(&bytes, size));
        }
    }

    proptest::proptest! {
        #[test]
        fn any_content_type_has_a_boundary_or_none(text in crate::any_input::text_like(&[TYPE, "multipart/mixed; charset=x; boundary=b-1"])) {
            if let Ok(value) = HeaderValue::from_str(&text) {
                drop(Parts::new(&HeaderMap::from_iter([(http::header::CONTENT_TYPE, value)])));
            }
        }
    }
}
