//! What is kept of a person: flood allowance, questions to repeat, who they played.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{event::Millis, lang::Lang, quiz::review::Review};

/// Answers a person may cause in a row, and the time after which there is one more.
const BURST: i64 = 8;
const REFILL: Millis = 5_000;
pub(crate) const DAY: Millis = 24 * 60 * 60 * 1000;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Person {
    #[serde(default)]
    pub(crate) name: String,
    /// The direct chat, once there is one.
    #[serde(default)]
    pub(crate) direct: Option<String>,
    #[serde(default)]
    pub(crate) greeted: bool,
    #[serde(default)]
    pub(crate) lang: Option<Lang>,
    /// Answers still allowed, and since when.
    #[serde(default)]
    allowance: Option<(i64, Millis)>,
    /// When a rated game against somebody was counted last.
    #[serde(default)]
    pub(crate) rated: BTreeMap<String, Millis>,
    /// Questions answered wrong, to be asked again.
    #[serde(default)]
    pub(crate) reviews: Vec<Review>,
    #[serde(default)]
    pub(crate) reminded: Option<Millis>,
    /// What the next file is for.
    #[serde(default)]
    pub(crate) upload: Option<Upload>,
    /// Words that the helper could not answer, offered to support.
    #[serde(default)]
    pub(crate) unanswered: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Upload {
    Import,
    Check,
}

impl Person {
    /// Takes one answer from the person's allowance; false when it is used up.
    pub(crate) fn take_answer(&mut self, now: Millis) -> bool {
        let (left, since) = self.allowance.unwrap_or((BURST, now));
        let gained = (now - since).max(0) / REFILL;
        let left = (left + gained).min(BURST);
        let since = if left == BURST {
            now
        } else {
            since + gained * REFILL
        };
        self.allowance = Some(((left - 1).max(0), since));
        left > 0
    }

    /// Whether the next answer would be refused.
    #[cfg(test)]
    fn is_flooding(&self, now: Millis) -> bool {
        let Some((left, since)) = self.allowance else {
            return false;
        };
        left + (now - since).max(0) / REFILL <= 0
    }

    /// When to remind of questions that are due, at most once a day.
    pub(crate) fn reminder(&self) -> Option<Millis> {
        self.direct.as_ref()?;
        let due = self.reviews.iter().map(|review| review.due).min()?;
        Some(due.max(self.reminded.map_or(due, |last| last + DAY)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_cut_and_the_allowance_comes_back() {
        let mut person = Person::default();
        let taken = (0..1000).filter(|at| person.take_answer(at * 10)).count();
        assert!(
            (BURST..=BURST + 10_000 / REFILL).contains(&(taken as i64)),
            "{taken}"
        );
        assert!(person.is_flooding(9_995));
        assert!(!person.is_flooding(9_995 + REFILL));
    }
}
