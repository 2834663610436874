//! What the desktop client costs: memory, CPU when nothing happens, start and room switches. The program runs on a
//! screen nobody sees, with its keys pressed by `xdotool`, against a homeserver with fifty rooms; other clients that
//! are installed show their first screen beside it.
//!
//! `cargo xtask bench client` builds and starts what this needs.

mod log;
mod rooms;
mod screen;

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    thread::sleep,
    time::Duration,
};

use anyhow::Result;
use clap::Parser;
use fialka_bench::{
    usage,
    user::{self, PASSWORD},
};

use crate::{
    log::Log,
    rooms::NAME,
    screen::{Program, Screen},
};

/// Long enough for a program to have done all it does after something happened.
const SETTLED: Duration = Duration::from_secs(20);
/// How long nothing happens.
const IDLE: Duration = Duration::from_secs(60);
/// How long a room with pictures is looked at.
const LOOK: Duration = Duration::from_secs(4);
/// How often one changes from room to room.
const SWITCHES: usize = 60;

#[derive(Parser)]
struct Arguments {
    /// The homeserver, on loopback and empty.
    #[arg(long)]
    server: SocketAddr,
    /// The client.
    #[arg(long)]
    program: PathBuf,
    /// A folder for its data.
    #[arg(long)]
    folder: PathBuf,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    rooms::fill(arguments.server).await?;
    let screen = Screen::start()?;
    println!("| what | figure | |\n| --- | --- | --: |");
    for renderer in ["software", "OpenGL"] {
        let folder = arguments.folder.join(renderer);
        fs::create_dir_all(&folder)?;
        let software = renderer == "software";
        fs::write(
            folder.join("settings.toml"),
            format!("use_keyring = false\nsoftware_rendering = {software}\n"),
        )?;
        measure(&arguments, &screen, renderer, &folder)?;
    }
    for (name, line) in [
        ("nheko", "nheko"),
        (
            "Chromium with an empty page",
            "chromium --no-sandbox --no-first-run about:blank",
        ),
    ] {
        if let Some(other) = Program::other(&screen, line, &arguments.folder)? {
            sleep(SETTLED);
            row(name, "first screen, PSS", &megabytes(other.memory()?));
        }
    }
    Ok(())
}

fn measure(arguments: &Arguments, screen: &Screen, name: &str, folder: &Path) -> Result<()> {
    let start = || Program::start(screen, &arguments.program, folder, arguments.server);
    let mut program = start()?;
    sleep(SETTLED);
    row(
        name,
        "sign-in, PSS (limit 55 MB)",
        &megabytes(program.memory()?),
    );
    sign_in(screen)?;
    program.log.wait_for(log::LIST)?;
    sleep(SETTLED);
    row(
        name,
        "50 rooms, PSS (limit 90 MB)",
        &megabytes(program.memory()?),
    );

    for _ in 0..rooms::PICTURED {
        screen.key("alt+Down")?;
        sleep(LOOK);
    }
    row(
        name,
        "after ten rooms with pictures, PSS (limit 140 MB)",
        &megabytes(program.memory()?),
    );
    switch_rooms(screen, name, &program.log)?;
    row(
        name,
        "after 60 changes of rooms, PSS",
        &megabytes(program.memory()?),
    );
    let before = program.cpu()?;
    sleep(IDLE);
    let share = (program.cpu()? - before).as_secs_f64() / IDLE.as_secs_f64() * 100.0;
    row(
        name,
        "idle for a minute, of one core (limit 0.3 %)",
        &format!("{share:.2} %"),
    );
    program.stop()?;

    let mut program = start()?;
    let shown = program.log.wait_for(log::LIST)?;
    let delay = shown.since(program.started);
    row(
        name,
        "start to the list known from last time (limit 1 s)",
        &milliseconds(delay),
    );
    program.stop()
}

fn sign_in(screen: &Screen) -> Result<()> {
    screen.click(830, 320)?;
    screen.text(NAME)?;
    screen.click(830, 420)?;
    screen.text(PASSWORD)?;
    screen.key("Return")
}

/// Up and down among rooms that were open before.
fn switch_rooms(screen: &Screen, name: &str, log: &Log) -> Result<()> {
    let mut delays = Vec::new();
    for turn in 0..SWITCHES {
        let key = if turn / 5 % 2 == 0 {
            "alt+Up"
        } else {
            "alt+Down"
        };
        let (opened, shown) = (log.count(log::OPENED)?, log.count(log::MESSAGES)?);
        screen.key(key)?;
        let from = log.wait_for_number(log::OPENED, opened)?;
        let to = log.wait_for_number(log::MESSAGES, shown)?;
        delays.push(to.since(from));
        sleep(Duration::from_millis(300));
    }
    delays.sort();
    row(
        name,
        "change of rooms, half of them (limit 50 ms)",
        &milliseconds(delays[SWITCHES / 2]),
    );
    row(
        name,
        "change of rooms, the slowest",
        &milliseconds(delays[SWITCHES - 1]),
    );
    Ok(())
}

fn row(name: &str, what: &str, figure: &str) {
    println!("| {name} | {what} | {figure} |");
}

fn megabytes(bytes: u64) -> String {
    format!("{:.0} MB", bytes as f64 / 1e6)
}

fn milliseconds(delay: Duration) -> String {
    format!("{} ms", delay.as_millis())
}
