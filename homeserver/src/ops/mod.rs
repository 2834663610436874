//! Running the server: health, metrics, the log, the admin socket.

pub mod admin_socket;
pub mod backups;
pub mod health;
pub mod housekeeping;
pub mod logging;
pub mod metrics;
mod process;
pub mod stats;
