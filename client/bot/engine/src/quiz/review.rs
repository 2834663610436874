//! Missed questions come back after one day, three and seven.

use serde::{Deserialize, Serialize};

use super::pack::Question;
use crate::{event::Millis, people::DAY};

const AFTER_DAYS: [Millis; 3] = [1, 3, 7];
/// More would be a burden and no help.
const MOST: usize = 100;

/// A question that somebody answered wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Review {
    pub(crate) question: Question,
    pub(crate) due: Millis,
    step: usize,
}

/// Takes in how a question was answered. Only missed questions are kept, until they were right three times.
pub(crate) fn learn(reviews: &mut Vec<Review>, question: &Question, right: bool, now: Millis) {
    let found = reviews
        .iter()
        .position(|review| review.question.text == question.text);
    match (found, right) {
        (Some(index), true) if reviews[index].due <= now => {
            let review = &mut reviews[index];
            review.step += 1;
            match AFTER_DAYS.get(review.step) {
                Some(days) => review.due = now + days * DAY,
                None => {
                    reviews.remove(index);
                }
            }
        }
        (Some(index), false) => {
            reviews[index].step = 0;
            reviews[index].due = now + AFTER_DAYS[0] * DAY;
        }
        (None, false) => {
            if reviews.len() >= MOST {
                reviews.remove(0);
            }
            reviews.push(Review {
                question: question.clone(),
                due: now + AFTER_DAYS[0] * DAY,
                step: 0,
            });
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missed_question_returns_after_one_three_and_seven_days() {
        let mut reviews = Vec::new();
        let question = Question {
            text: "2 + 2".to_owned(),
            ..Question::default()
        };
        learn(&mut reviews, &question, true, 0);
        assert!(reviews.is_empty());
        learn(&mut reviews, &question, false, 0);
        assert_eq!(reviews[0].due, DAY);
        learn(&mut reviews, &question, true, 0);
        assert_eq!(reviews[0].due, DAY, "too early to count");
        learn(&mut reviews, &question, true, DAY);
        assert_eq!(reviews[0].due, 4 * DAY);
        learn(&mut reviews, &question, true, 4 * DAY);
        assert_eq!(reviews[0].due, 11 * DAY);
        learn(&mut reviews, &question, false, 11 * DAY);
        assert_eq!(reviews[0].due, 12 * DAY);
        for at in [12, 15, 22] {
            learn(&mut reviews, &question, true, at * DAY);
        }
        assert!(reviews.is_empty());
    }
}
