//! Assertions about JSON that print what came and why it is wrong.

use serde_json::Value;

use crate::matchers::{Verdict, contains, items};

/// Fails unless everything in `expected` is in `actual`.
///
/// # Panics
/// With the difference and the whole value.
#[track_caller]
pub fn must_contain(actual: &Value, expected: &Value) {
    if let Err(reason) = contains(actual, expected) {
        panic!("{reason}\nin {actual:#}");
    }
}

/// The first item that contains `expected`.
///
/// # Panics
/// When the list has none.
#[track_caller]
pub fn must_find<'a>(list: &'a Value, expected: &Value) -> &'a Value {
    let found = items(list)
        .iter()
        .find(|item| contains(item, expected).is_ok());
    found.unwrap_or_else(|| panic!("no {expected}\nin {list:#}"))
}

/// Fails if an item contains `unwanted`.
///
/// # Panics
/// With the item.
#[track_caller]
pub fn must_not_find(list: &Value, unwanted: &Value) {
    let found = items(list)
        .iter()
        .find(|item| contains(item, unwanted).is_ok());
    assert!(found.is_none(), "{unwanted} must not be there: {found:?}");
}

/// Fails unless a check holds.
///
/// # Panics
/// With the reason and the whole value.
#[track_caller]
pub fn must(actual: &Value, check: impl Fn(&Value) -> Verdict) {
    if let Err(reason) = check(actual) {
        panic!("{reason}\nin {actual:#}");
    }
}

/// The text of a value that must be a string.
///
/// # Panics
/// When it is none.
#[track_caller]
pub fn text(value: &Value) -> String {
    let text = value.as_str();
    text.unwrap_or_else(|| panic!("not a string: {value}"))
        .to_owned()
}
