//! What a client is told about a request that does not fit its endpoint.

use ruma::api::error::{DeserializationError, FromHttpRequestError};
use serde_json::error::Category;

use crate::error::{ApiError, ApiResult};

/// Refuses what can be no JSON object, before types come into it.
///
/// Serde would read a JSON array into a structure, and would read past bytes that are no UTF-8 in parts it skips; Ruma
/// would read past whatever follows the content of a state event.
pub(super) fn check_json_object(body: &[u8]) -> ApiResult {
    let Ok(text) = std::str::from_utf8(body) else {
        return Err(ApiError::not_json("The request body is not valid UTF-8."));
    };
    let text = text.trim_start_matches([' ', '\t', '\r', '\n']);
    if text.is_empty() {
        return Ok(());
    }
    // Where a body is kept as it came, Serde reads to the end of the object and no further.
    match serde_json::from_str::<serde::de::IgnoredAny>(text) {
        Ok(_) if text.starts_with('{') => Ok(()),
        Ok(_) => Err(ApiError::bad_json(
            "The request body has to be a JSON object.",
        )),
        Err(error) => Err(explain_json(&error)),
    }
}

/// Turns what Ruma says about a request into what the specification says.
pub(super) fn explain(error: FromHttpRequestError) -> ApiError {
    match error {
        FromHttpRequestError::Deserialization(error) => explain_deserialization(error),
        FromHttpRequestError::MethodMismatch { .. } => ApiError::method_not_allowed(),
        other => ApiError::bad_json(format!("The request cannot be understood: {other}.")),
    }
}

fn explain_deserialization(error: DeserializationError) -> ApiError {
    match error {
        DeserializationError::Utf8(error) => {
            ApiError::not_json(format!("The request is not valid UTF-8: {error}."))
        }
        DeserializationError::Json(error) => explain_json(&error),
        // Both the path and the query come here.
        DeserializationError::Query(error) => explain_parameter(&error.to_string()),
        DeserializationError::Ident(error) => ApiError::invalid_param(format!(
            "An identifier in the request is not valid: {error}."
        )),
        DeserializationError::Header(error) => {
            ApiError::invalid_param(format!("A header of the request is not valid: {error}."))
        }
        other => ApiError::bad_json(format!("The request cannot be understood: {other}.")),
    }
}

pub(super) fn explain_json(error: &serde_json::Error) -> ApiError {
    let text = error.to_string();
    // Serde counts this among syntax errors; the text is JSON nevertheless.
    if text.starts_with("recursion limit exceeded") {
        return ApiError::bad_json("The request body is nested too deeply.");
    }
    match error.classify() {
        Category::Data => ApiError::bad_json(format!(
            "The request body is not what this endpoint takes: {text}."
        )),
        Category::Syntax | Category::Eof | Category::Io => not_json(error),
    }
}

fn not_json(error: &serde_json::Error) -> ApiError {
    ApiError::not_json(format!("The request body is not valid JSON: {error}."))
}

pub(super) fn explain_parameter(text: &str) -> ApiError {
    // What reads a query says so first.
    if text.contains("missing field") {
        ApiError::missing_param(format!("The request lacks a parameter: {text}."))
    } else {
        ApiError::invalid_param(format!(
            "A parameter in the path or the query is not valid: {text}."
        ))
    }
}
