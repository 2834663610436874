//! The Fialka desktop client.
//!
//! Two threads of work meet at one place. The tokio side ([`session`]) talks to the homeserver through the Matrix
//! SDK and turns what it learns into plain rows ([`rows`], [`render`]). The UI thread holds models ([`model`]) and
//! windows. Between them there is only [`bridge`]: commands go down, updates come up.

pub mod app;
pub mod bridge;
pub mod i18n;
pub mod instance;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub mod memory;
pub mod model;
pub mod opening;
pub mod options;
pub mod paths;
pub mod platform;
pub mod render;
pub mod renderer;
pub mod rows;
pub mod secrets;
pub mod session;
pub mod settings;
pub mod view;
