//! What the screen shows, as plain data: no SDK objects, no threads, no Slint types.
//!
//! Rows hold facts (a time, a kind of event, a name), not sentences: the views say them in the chosen language with
//! [`crate::render`], so that switching the language needs no new rows.

mod account_row;
mod arrange;
mod body;
mod feedback_row;
mod found_row;
mod media_key;
mod member_row;
pub(crate) mod message;
mod notice;
pub(crate) mod preview;
mod room_row;
mod standing_row;
pub mod timeline;
mod timeline_row;
mod verification_row;

pub use account_row::{AccountRow, DeviceRow, FoundServerRow, PersonRow, Registrations, ServerRow};
pub use feedback_row::{FeedbackCategory, ProblemRow};
pub use found_row::{DirectoryRow, HitRow, SpaceRow};
pub use media_key::MediaKey;
pub use member_row::{MemberRights, MemberRow, PresenceRow, Role};
pub use room_row::{Invitation, Preview, PreviewKind, RoomHeader, RoomRow, Section};
pub use standing_row::{Span, StandingRow, StandingsRow};
pub use timeline_row::{
    Body, Delivery, FileBody, MediaBody, MessageRow, Notice, NoticeRow, Progress, ReactionRow,
    ReplyRow, RowId, RowKind, TextBody, TimelineRow, Undecryptable,
};
pub use verification_row::{Trust, VerificationEnd, VerificationRow, VerificationStage};
