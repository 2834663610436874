//! Pages of lists.

use std::cmp::Ordering;

use serde::Deserialize;
use serde_json::Value;

use crate::{ApiError, ApiResult};

/// Rows of one page at most.
const MAX_LIMIT: usize = 1_000;
/// Rows of a page if nothing is said.
const DEFAULT_LIMIT: usize = 100;

/// Which way a list is sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(super) enum Dir {
    /// The smallest first.
    #[default]
    #[serde(rename = "f")]
    Forward,
    /// The largest first.
    #[serde(rename = "b")]
    Backward,
}

impl Dir {
    /// Turns an order around if need be.
    pub(super) fn turn(self, order: Ordering) -> Ordering {
        match self {
            Self::Forward => order,
            Self::Backward => order.reverse(),
        }
    }
}

/// Which part of a list is wanted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Page {
    pub(super) from: usize,
    pub(super) limit: usize,
}

impl Page {
    /// What the query says, within bounds.
    pub(super) fn new(from: Option<usize>, limit: Option<usize>) -> ApiResult<Self> {
        if limit == Some(0) {
            return Err(ApiError::invalid_param("limit has to be at least 1."));
        }
        Ok(Self {
            from: from.unwrap_or(0),
            limit: limit.unwrap_or(DEFAULT_LIMIT).min(MAX_LIMIT),
        })
    }

    /// The rows of this page.
    pub(super) fn of<T>(self, rows: impl IntoIterator<Item = T>) -> Vec<T> {
        rows.into_iter().skip(self.from).take(self.limit).collect()
    }

    /// Where the next page begins, if there is one.
    pub(super) fn next(self, total: usize) -> Option<usize> {
        let end = self.from.saturating_add(self.limit);
        (end < total).then_some(end)
    }

    /// Says in an answer where the next page begins, as the text that some lists use.
    pub(super) fn add_next_token(self, answer: &mut Value, total: usize) {
        if let Some(next) = self.next(total) {
            answer["next_token"] = next.to_string().into();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_one_another_to_the_end() {
        let page = Page::new(Some(2), Some(2)).unwrap();
        assert_eq!(page.of(0..5), [2, 3]);
        assert_eq!(page.next(5), Some(4));
        assert_eq!(page.next(4), None);
        assert_eq!(Page::new(None, Some(usize::MAX)).unwrap().limit, MAX_LIMIT);
        assert!(Page::new(None, Some(0)).is_err());
    }
}
