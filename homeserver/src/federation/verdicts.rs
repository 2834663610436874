//! What another server says to a transaction.

use bytes::Bytes;
use http::Response;
use serde_json::Value;

/// An answer in which the verdicts on events are not missing. A server that takes a transaction and says no more would
/// otherwise be sent the same one for ever.
/// [spec](https://spec.matrix.org/v1.19/server-server-api/#put_matrixfederationv1sendtxnid)
pub(super) fn with_verdicts(answer: Response<Bytes>) -> Response<Bytes> {
    answer.map(|body| match serde_json::from_slice(&body) {
        Ok(Value::Object(said)) if !said.contains_key("pdus") && !said.contains_key("errcode") => {
            Bytes::from_static(b"{\"pdus\":{}}")
        }
        _ => body,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_object_without_verdicts_gets_some() {
        for (said, read) in [
            ("{}", "{\"pdus\":{}}"),
            ("{\"pdus\":{\"$a\":{}}}", "{\"pdus\":{\"$a\":{}}}"),
            ("{\"errcode\":\"M_UNKNOWN\"}", "{\"errcode\":\"M_UNKNOWN\"}"),
            ("<html>Sign in</html>", "<html>Sign in</html>"),
        ] {
            let answer = with_verdicts(Response::new(Bytes::from_static(said.as_bytes())));
            assert_eq!(answer.body(), read);
        }
    }
}
