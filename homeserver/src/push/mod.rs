//! Push: which events notify whom, and how many of them are unread.
//!
//! Nearly everybody has the default push rules, so these are evaluated once per event, not once per member. The result
//! is a running count in the room's timeline. Only for those for whom the result may be another one (named, mentioned,
//! or with rules of their own) the rules are evaluated one by one, and a row is written where the result differs.

mod erase;
mod names;
mod project;
mod rules;
pub mod unread;

pub use self::{erase::UnreadEraser, project::PushProjection, unread::Unread};
