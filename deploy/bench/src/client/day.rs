//! A day in front of the program, in short minutes.

use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::{
    rooms::{self, Rooms},
    screen::{Program, Screen},
    table::{Table, megabytes},
};

/// How long a minute is.
const MINUTE: Duration = Duration::from_millis(300);
/// When the first look is taken, in minutes.
const BEGINNING: usize = 10;
/// Messages in a minute, each in another room.
const MESSAGES: usize = 3;
/// A new picture comes so often.
const MINUTES_WITHOUT_PICTURE: usize = 5;
/// Changes of rooms in one direction.
const WALK: usize = 20;

/// Messages, pictures and changes of rooms for some hours, and how much memory they leave behind.
pub(crate) async fn pass(
    screen: &Screen,
    program: &Program,
    rooms: &mut Rooms,
    hours: usize,
    note: (&mut Table, &str),
) -> Result<()> {
    let (table, name) = note;
    rooms.reconnect();
    let mut beginning = 0;
    for minute in 0..hours * 60 {
        for message in 0..MESSAGES {
            rooms.say(minute * MESSAGES + message).await?;
        }
        if minute % MINUTES_WITHOUT_PICTURE == 0 {
            rooms.show_picture(minute).await?;
        }
        let key = match minute / WALK % 2 {
            0 => "alt+Down",
            _ => "alt+Up",
        };
        for _ in 0..2 {
            screen.key(key)?;
            tokio::time::sleep(MINUTE / 3).await;
        }
        screen.text("ok")?;
        screen.key("Return")?;
        tokio::time::sleep(MINUTE / 3).await;
        if minute + 1 == BEGINNING {
            tokio::time::sleep(rooms::SETTLED).await;
            beginning = program.memory()?;
            table.note(
                name,
                "memory after ten short minutes",
                "",
                megabytes(beginning),
            );
        }
    }
    tokio::time::sleep(rooms::SETTLED).await;
    let end = program.memory()?;
    let grown = (end as f64 / beginning as f64 - 1.0) * 100.0;
    let figure = format!("{} ({grown:+.0} %)", megabytes(end));
    let what = match hours {
        8 => "memory after eight short hours",
        _ => "memory at the end of the day",
    };
    table.note(name, what, "+10 %", figure);
    (beginning > 0)
        .then_some(())
        .context("a day has at least an hour")
}
