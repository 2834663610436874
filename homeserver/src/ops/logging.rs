//! The log: one subscriber, set up once.

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, fmt};

use crate::config::{Log, LogFormat};

/// Starts writing the log to the standard error output.
pub fn start(log: &Log) -> anyhow::Result<()> {
    // The authorisation rules tell of every event they look at.
    let filter =
        EnvFilter::try_new(format!("ruma_state_res=warn,{}", log.level)).map_err(|error| {
            anyhow::anyhow!("log.level: \"{}\" is not a log level: {error}", log.level)
        })?;
    let is_terminal = std::io::stderr().is_terminal();
    let subscriber = fmt()
        .with_env_filter(filter)
        .with_ansi(is_terminal)
        .with_writer(std::io::stderr);
    let started = match log.format {
        LogFormat::Text => subscriber.try_init(),
        LogFormat::Json => subscriber.json().flatten_event(true).try_init(),
    };
    started.map_err(|error| anyhow::anyhow!("the log cannot be started: {error}"))
}
