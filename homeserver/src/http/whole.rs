//! Answers that say also what is empty.

use std::collections::BTreeMap;

use axum::response::Response;
use ruma::api::OutgoingResponse;
use serde_json::value::{RawValue, to_raw_value};

use super::ruma::Answer;
use crate::{ApiError, ApiResult};

/// An answer in which some objects are there even when nothing is in them. Ruma leaves them out, which the specification
/// allows, but some clients read them without looking whether they are there.
pub struct Whole<T>(pub T, pub &'static [&'static str]);

impl<T: OutgoingResponse> Answer for Whole<T> {
    fn into_http(self) -> ApiResult<Response> {
        let Self(response, names) = self;
        let response = response.try_into_http_response::<Vec<u8>>();
        let (parts, body) = response.map_err(ApiError::internal)?.into_parts();
        let body = complete(&body, names).map_err(ApiError::internal)?;
        Ok(Response::from_parts(parts, body.into()))
    }
}

/// The object with an empty one for each name that it lacks. What it has is copied as it is.
fn complete(body: &[u8], names: &[&str]) -> serde_json::Result<Vec<u8>> {
    let empty = to_raw_value(&BTreeMap::<(), ()>::new())?;
    let mut object: BTreeMap<String, &RawValue> = serde_json::from_slice(body)?;
    for name in names {
        object.entry((*name).to_owned()).or_insert(&empty);
    }
    serde_json::to_vec(&object)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_empty_and_the_rest_as_it_was() {
        let body = complete(br#"{"a":{"x":1.50},"c":2}"#, &["a", "b"]).unwrap();
        let expected: &[u8] = br#"{"a":{"x":1.50},"b":{},"c":2}"#;
        assert_eq!(body, expected);
    }
}
