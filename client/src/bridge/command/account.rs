//! Commands about the account.

use std::path::PathBuf;

use matrix_sdk::ruma::OwnedDeviceId;

use crate::bridge::secret::Secret;

/// Servers, signing in and out, own profile.
#[derive(Debug, Clone)]
pub enum AccountCommand {
    /// Looks whether a homeserver answers at what was typed (`campus.example`, `10.0.2.5:8008`, a URL).
    /// Answer: [`Answer::Server`](crate::bridge::update::Answer::Server).
    CheckServer { address: String },
    /// Looks for servers on the network. Answer: [`Answer::Servers`](crate::bridge::update::Answer::Servers).
    FindServers,
    /// Opens a join file: trusts the authority in it and finds the server it names.
    /// Answer: [`Answer::Joined`](crate::bridge::update::Answer::Joined).
    OpenJoinFile { file: PathBuf },
    /// Signs in; `server` is [`ServerRow::base_url`](crate::rows::ServerRow::base_url). Answer: `Done`, and
    /// [`Update::Session`](crate::bridge::update::Update::Session) follows.
    SignIn {
        server: String,
        user: String,
        password: Secret,
        shared_computer: bool,
    },
    /// Creates an account and signs in with it. Answer: as `SignIn`.
    Register(Registration),
    /// Opens the session kept on this computer, if any. Sent once at start.
    /// Answer: `Done`; [`Update::Session`](crate::bridge::update::Update::Session) says what was found.
    Restore,
    /// Says whether others use this computer too: then nothing stays here when the program ends.
    SetSharedComputer { shared: bool },
    /// Signs out on the server and removes everything local.
    SignOut,
    /// Changes the own display name.
    SetDisplayName { name: String },
    /// Shows this picture file as the own avatar; `None` removes it.
    SetAvatar { file: Option<PathBuf> },
    /// Changes the password. Other sign-ins stay. Answer: `PasswordChanged`.
    ChangePassword { old: Secret, new: Secret },
    /// Asks where the account is signed in. Answer: [`Answer::Devices`](crate::bridge::update::Answer::Devices).
    LoadDevices,
    /// Signs these out; the server wants the password for it.
    EndDevices {
        devices: Vec<OwnedDeviceId>,
        password: Secret,
    },
    /// Unlocks the stored message keys with the password or the recovery key, after
    /// [`KeyStorage::Locked`](crate::bridge::update::KeyStorage::Locked).
    UnlockKeys { secret: Secret },
    /// Asks how much of the disk the account takes. Answer: `Storage`.
    MeasureStorage,
    /// Forgets pictures and files that can be loaded again. Answer: `Storage`.
    ClearStorage,
    /// Tries to reach the server now instead of at the next automatic attempt.
    Reconnect,
    /// Closes the session cleanly before the program ends (and wipes it on a shared computer). Answer: `Done`.
    Shutdown,
}

/// What a new account needs.
#[derive(Debug, Clone)]
pub struct Registration {
    /// [`ServerRow::base_url`](crate::rows::ServerRow::base_url).
    pub server: String,
    /// The part of the user id before the colon.
    pub user: String,
    /// The name others see; empty for none.
    pub display_name: String,
    pub password: Secret,
    /// The code from the teacher, where the server asks for one.
    pub token: Option<Secret>,
    /// Nothing stays on this computer after the session.
    pub shared_computer: bool,
}
