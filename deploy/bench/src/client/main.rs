//! What the desktop client costs: memory, CPU when nothing happens, start and room switches. The program runs on a
//! screen nobody sees, with its keys pressed by `xdotool`, against a homeserver with fifty rooms; other clients that
//! are installed show their first screen beside it.
//!
//! `cargo xtask bench client` builds and starts what this needs.

mod day;
mod log;
mod rooms;
mod screen;
mod table;

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
    rooms::{NAME, Rooms, SETTLED},
    screen::{Program, Screen, read_anew},
    table::{Table, megabytes, milliseconds},
};

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
    /// How many hours somebody sits in front of it.
    #[arg(long, default_value_t = 8)]
    hours: usize,
    /// A document that gets the table.
    #[arg(long)]
    write: Option<PathBuf>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let mut rooms = rooms::fill(arguments.server).await?;
    let screen = Screen::start()?;
    let mut table = Table::default();
    for name in [SOFTWARE, "OpenGL"] {
        let folder = arguments.folder.join(name);
        fs::create_dir_all(&folder)?;
        let software = name == SOFTWARE;
        fs::write(
            folder.join("settings.toml"),
            format!("use_keyring = false\ntour_seen = true\nsoftware_rendering = {software}\n"),
        )?;
        let run = Run {
            arguments: &arguments,
            screen: &screen,
            name,
            folder: &folder,
        };
        run.measure(&mut rooms, &mut table).await?;
    }
    let page = format!(
        "chromium --no-sandbox --no-first-run http://{}/",
        arguments.server
    );
    for (name, line) in [("nheko", "nheko"), ("Chromium with a web page", &page)] {
        let Some(other) = Program::other(&screen, line, &arguments.folder)? else {
            eprintln!("{name} is not installed");
            continue;
        };
        sleep(SETTLED);
        table.note(name, SIGN_IN, "55 MB", megabytes(other.memory()?));
        table.note(name, AT_REST, "0.3 %", at_rest(&other)?);
    }
    println!("{}", table.text()?);
    match &arguments.write {
        Some(path) => table.write(path),
        None => Ok(()),
    }
}

const SOFTWARE: &str = "software";
const SIGN_IN: &str = "memory at sign-in";
const AT_REST: &str = "CPU of one core, nothing happens for a minute";

/// What a program that nobody touches takes.
fn at_rest(program: &Program) -> Result<String> {
    let before = program.cpu()?;
    sleep(IDLE);
    let share = (program.cpu()? - before).as_secs_f64() / IDLE.as_secs_f64() * 100.0;
    Ok(format!("{share:.2} %"))
}

/// Our program with one renderer.
struct Run<'a> {
    arguments: &'a Arguments,
    screen: &'a Screen,
    name: &'a str,
    folder: &'a Path,
}

impl Run<'_> {
    fn start(&self) -> Result<Program> {
        let Arguments {
            program, server, ..
        } = self.arguments;
        Program::start(self.screen, program, self.folder, *server)
    }

    async fn measure(&self, rooms: &mut Rooms, table: &mut Table) -> Result<()> {
        let (name, screen) = (self.name, self.screen);
        read_anew(&self.arguments.program)?;
        let mut program = self.start()?;
        sleep(SETTLED);
        table.note(name, SIGN_IN, "55 MB", megabytes(program.memory()?));
        sign_in(screen)?;
        program.log.wait_for(log::LIST)?;
        sleep(SETTLED);
        let memory = megabytes(program.memory()?);
        table.note(name, "memory with 50 rooms", "90 MB", memory);
        for _ in 0..rooms::PICTURED {
            screen.key("alt+Down")?;
            sleep(LOOK);
        }
        let memory = megabytes(program.memory()?);
        table.note(
            name,
            "memory after ten rooms with pictures",
            "140 MB",
            memory,
        );
        switch_rooms(screen, name, &program.log, table)?;
        let memory = megabytes(program.memory()?);
        table.note(name, "memory after sixty changes of rooms", "", memory);
        table.note(name, AT_REST, "0.3 %", at_rest(&program)?);
        // Without a graphics card, what OpenGL takes is mostly Mesa's.
        if name == SOFTWARE {
            day::pass(screen, &program, rooms, self.arguments.hours, (table, name)).await?;
        }
        program.stop()?;

        let mut program = self.start()?;
        let shown = program.log.wait_for(log::LIST)?;
        let delay = milliseconds(shown.since(program.started));
        table.note(name, "start to the list known from last time", "1 s", delay);
        program.stop()
    }
}

fn sign_in(screen: &Screen) -> Result<()> {
    // The form has the keyboard when the server has been found.
    screen.text(NAME)?;
    screen.key("Return")?;
    screen.text(PASSWORD)?;
    screen.key("Return")
}

/// Up and down among rooms that were open before.
fn switch_rooms(screen: &Screen, name: &str, log: &Log, table: &mut Table) -> Result<()> {
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
    let (half, slowest) = (delays[SWITCHES / 2], delays[SWITCHES - 1]);
    table.note(
        name,
        "change of rooms, half of them within",
        "50 ms",
        milliseconds(half),
    );
    table.note(
        name,
        "change of rooms, the slowest of sixty",
        "",
        milliseconds(slowest),
    );
    Ok(())
}
