//! Telling those who look after the server what is wrong.

use crate::{bridge::pixels::Pixels, rows::FeedbackCategory};

/// Reports about the program itself.
#[derive(Debug, Clone)]
pub enum FeedbackCommand {
    /// Looks whether others have reported something like it.
    /// Answer: [`Answer::Problems`](crate::bridge::update::Answer::Problems).
    Similar {
        category: FeedbackCategory,
        text: String,
    },
    /// Sends a report, or keeps it until the server is there.
    /// Answer: [`Answer::Reported`](crate::bridge::update::Answer::Reported).
    Send(Report),
}

/// What is sent.
#[derive(Clone)]
pub struct Report {
    pub category: FeedbackCategory,
    pub text: String,
    /// The number of the problem that it is another case of.
    pub same_as: Option<u64>,
    pub screenshot: Option<Pixels>,
    /// JSON, as it was shown.
    pub diagnostics: Option<String>,
}

impl std::fmt::Debug for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Report({:?}, {} bytes)", self.category, self.text.len())
    }
}
