//! Quizzes: packs of questions, how they are read from files, how a round is played, and what is learnt from it.

mod author;
mod formats;
mod learning;
mod pack;
pub(crate) mod play;
pub(crate) mod review;
mod run;
pub(crate) mod shelf;

#[cfg(test)]
mod format_tests;
