//! What can go wrong, in the terms of the person in front of the screen.

use std::time::Duration;

/// Why a command failed. [`crate::render::words::trouble`] says it in a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// No server answers: no network, server down, wrong port.
    NoConnection,
    /// The address cannot be understood or resolved.
    ServerNotFound,
    /// Something answers, but it is not a Matrix homeserver or it is too old.
    NotAMatrixServer,
    /// The server's certificate is not trusted on this computer.
    CertificateNotTrusted,
    /// The server's certificate is not valid at the time of this computer: its own is over, or the clock is wrong.
    CertificateOutOfDate,
    /// The join file of this name is not there, or not to be read.
    JoinFileUnreadable(String),
    /// The join file is damaged, or not one.
    JoinFileInvalid,
    /// The join file is for a newer program.
    JoinFileNewer,
    /// No name was typed.
    NameMissing,
    /// No password was typed.
    PasswordMissing,
    /// Name or password is wrong.
    WrongPassword,
    /// The password typed to confirm something is wrong.
    PasswordWrong,
    /// The wanted name belongs to somebody already.
    NameTaken,
    /// The wanted name has characters the server does not accept.
    NameInvalid,
    /// The server wants a better password.
    PasswordWeak,
    /// The server registers only with a code, and none was typed.
    TokenNeeded,
    /// The registration code is unknown or used up.
    TokenWrong,
    /// The server does not register new people.
    RegistrationClosed,
    /// The account was locked, suspended or deactivated by an administrator.
    AccountLocked,
    /// The server ended this session: sign in again.
    SessionEnded,
    /// The session has expired: whoever signs in again finds everything as it was.
    SessionExpired,
    /// Too many attempts: wait this long when the server says so.
    SlowDown(Option<Duration>),
    /// The server refuses the action, e.g. no right to invite in this room.
    NotAllowed,
    /// The room, person or message does not exist (any more).
    NotFound,
    /// The file is larger than the server takes; the limit in bytes when it is known.
    TooLarge(Option<u64>),
    /// The file cannot be read, or the download cannot be written.
    FileUnreadable,
    /// The file is not a sound, or this computer has no program for it.
    NotPlayable,
    /// The file is not a picture this program can show.
    NotAPicture,
    /// The password or key given does not open the key storage.
    WrongRecoveryKey,
    /// The local data cannot be opened: damaged, or its key is gone.
    LocalData,
    /// Something of the account is still on this computer after signing out.
    DataLeft,
    /// The bot does not answer.
    BotSilent,
    /// The disk of this computer is full.
    DiskFull,
    /// This server cannot do it.
    Unsupported,
    /// Anything else, with what a log would say (never secrets).
    Other(String),
}
