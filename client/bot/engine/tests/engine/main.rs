//! The engine seen from outside: what people say, and what the bot answers.
#![expect(clippy::unwrap_used, reason = "a failing test may panic")]

mod chaos;
mod conversations;
mod fair_play;
mod limits;
mod quizzes;
mod room;
mod snapshot;
