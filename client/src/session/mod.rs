//! The session: everything that talks to the homeserver, on its own threads.
//!
//! [`run`] takes commands one by one. What belongs to one account lives in `account::SignedIn`; each open room has a
//! task of its own (`room`), so that a slow room holds up nothing else. Nothing here knows a window.

mod account;
mod account_store;
mod actor;
mod aftermath;
mod animation;
mod brake;
mod certificates;
mod coming;
mod connection;
mod devices;
mod direct;
mod directory;
mod discovery;
mod dns_sd;
mod encryption;
mod ending;
mod feedback;
mod find_servers;
mod followed;
mod games;
mod join_file;
mod last_said;
mod media;
mod media_cache;
mod notices;
mod outbox;
mod people;
mod picture;
mod player;
mod power_levels;
mod presence;
mod profile;
mod removal;
mod room;
mod room_entry;
mod room_list;
mod room_row;
mod room_settings;
mod rooms;
mod search;
mod server;
mod server_facts;
mod sign_in;
mod spaces;
mod storage;
mod troubles;
mod unread;
mod verification;

use std::path::PathBuf;

pub use actor::run;

/// What the session needs to know about its computer.
#[derive(Debug, Clone)]
pub struct Config {
    /// Holds the accounts' databases; created when missing.
    pub data_dir: PathBuf,
    /// Whether to keep secrets in the system's keyring. Otherwise they are in a file only its owner can read.
    pub use_keyring: bool,
    /// PEM files of certificate authorities to trust besides the system's, e.g. the academy's own.
    pub extra_ca: Vec<PathBuf>,
    /// How this computer is called in the list of devices.
    pub device_name: String,
}
