//! `fialka-bot`: games, quizzes and answers in Matrix rooms.

use std::{io::IsTerminal as _, path::PathBuf, process::ExitCode};

use anyhow::Result;
use bot::Config;
use clap::Parser;
use tracing_subscriber::EnvFilter;

/// Answers that say "there is none" are no errors here, whatever the library thinks.
const LOG: &str = "warn,bot=info,matrix_sdk::http_client=off";

/// The room bot of Fialka: games, quizzes and answers in any Matrix room.
#[derive(Parser)]
#[command(name = "fialka-bot", version)]
struct Options {
    /// The configuration file.
    #[arg(long)]
    config: PathBuf,
    /// Only say what is missing, if anything is.
    #[arg(long)]
    check: bool,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let options = Options::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(LOG));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    let config = Config::read(&options.config)?;
    if options.check {
        let problems = bot::check::check(&config).await;
        for problem in &problems {
            println!("{problem}");
        }
        if problems.is_empty() {
            println!("Everything is in place.");
            return Ok(ExitCode::SUCCESS);
        }
        return Ok(ExitCode::FAILURE);
    }
    Box::pin(bot::run::run(&config)).await?;
    Ok(ExitCode::SUCCESS)
}
