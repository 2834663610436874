//! Commands about comparing pictures with another computer.

use matrix_sdk::ruma::OwnedUserId;

/// One comparison at a time; [`Update::Verification`](crate::bridge::update::Update::Verification) says where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VerificationCommand {
    /// Asks a person for a comparison, or one's own other computers with `None`.
    Start { user: Option<OwnedUserId> },
    /// Takes up the comparison that the other side asks for.
    Accept,
    /// The pictures are the same.
    Matches,
    /// The pictures differ.
    Differs,
    /// Closes the dialog, in whatever state.
    Close,
    /// Asks how far a person is to be trusted. Answer: [`Answer::Trust`](crate::bridge::update::Answer::Trust).
    Trust { user: OwnedUserId },
}
