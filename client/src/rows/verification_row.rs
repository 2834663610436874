//! A comparison of seven pictures between two computers.

/// What the dialog shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerificationRow {
    /// The person at the other end; empty for another computer of one's own.
    pub name: String,
    pub stage: VerificationStage,
}

/// Where the comparison stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VerificationStage {
    /// The other side asks for it.
    Asked,
    /// It is the other side's turn.
    WaitingForThem,
    /// Numbers of the pictures in the specification's table; [`crate::render::sas`] knows them.
    Compare([u8; 7]),
    /// It is over.
    Ended(VerificationEnd),
}

/// How a comparison ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VerificationEnd {
    /// The pictures are the same on both sides.
    Same,
    /// They differ: somebody may be listening in.
    Different,
    /// The other side does not want to.
    Declined,
    /// Nobody answered for too long.
    TooLate,
    /// The other program cannot compare pictures.
    Unsupported,
    /// Closed here, or taken up on another computer: nothing to show.
    Closed,
}

/// Whether somebody is who they seem to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Nothing to compare: they have no keys.
    Unknown,
    /// Nobody has compared yet.
    NotCompared,
    /// Compared, and the same.
    Compared,
    /// Compared once, and different since.
    Changed,
}
