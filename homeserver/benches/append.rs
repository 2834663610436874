//! How many commits a second the writer takes, and how long one waits.
//!
//! `cargo xtask bench append` runs this. Each commit is what a message of a usual size writes: a body of about 800 bytes
//! and seven small rows.

#![expect(
    clippy::disallowed_methods,
    reason = "a benchmark asks the machine for the time"
)]

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use homeserver::{
    ids::{EventNid, RoomNid, TypeNid, UserNid},
    rooms::rows::{EventRow, LIVE, Place, Standing, TimelineRow},
    rooms::state::tree::StateRoot,
    storage::{Commit, OpenOptions, Storage, tables},
};

/// How long each line is measured.
const TIME: Duration = Duration::from_secs(4);

fn commit(storage: &Storage, writer: usize) -> Commit {
    let event = storage.interner().next_event();
    let room = RoomNid(u32::try_from(writer).unwrap_or(0));
    Commit::new(move |batch, pos| {
        let row = EventRow {
            standing: Standing::Accepted,
            room,
            place: Place::live(pos),
            state_before: StateRoot::EMPTY,
            state_after: StateRoot::EMPTY,
            redacted_by: EventNid(0),
            replaces: EventNid(0),
            pdu: vec![b'x'; 800],
        };
        let timeline = TimelineRow {
            event,
            kind: TypeNid(1),
            sender: UserNid(1),
            is_state: false,
            notifying: pos.0,
        };
        let id = format!("$benchmark-{event}-of-the-usual-length-of-an-event");
        tables::EVENT.put(batch, event, &row);
        tables::AUTH_EDGES.put(batch, event, &vec![EventNid(1), EventNid(2), EventNid(3)]);
        tables::TIMELINE.put(batch, (room, pos, LIVE), &timeline);
        tables::EXTREMITY.delete(batch, (room, EventNid(event.0 - 1)));
        tables::EXTREMITY.put(batch, (room, event), &());
        tables::EVENT_TRANSACTION.put(batch, event, &("DEVICE".to_owned(), id));
    })
}

async fn write(storage: Arc<Storage>, writer: usize, until: Instant) -> Vec<Duration> {
    let mut times = Vec::new();
    while Instant::now() < until {
        let begun = Instant::now();
        if let Err(error) = storage.commit(commit(&storage, writer)).await {
            panic!("a commit failed: {error}");
        }
        times.push(begun.elapsed());
    }
    times
}

async fn measure(folder: &Path, writers: usize, sync: bool) -> anyhow::Result<()> {
    let storage = Arc::new(Storage::open(folder, OpenOptions { sync })?);
    let begun = Instant::now();
    let tasks: Vec<_> = (0..writers)
        .map(|writer| tokio::spawn(write(Arc::clone(&storage), writer, begun + TIME)))
        .collect();
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await?);
    }
    let seconds = begun.elapsed().as_secs_f64();
    times.sort_unstable();
    let at = |share: usize| times[(times.len() - 1) * share / 100];
    println!(
        "{writers:>7}  {:>5}  {:>9.0}  {:>9.3}  {:>9.3}",
        if sync { "yes" } else { "no" },
        times.len() as f64 / seconds,
        at(50).as_secs_f64() * 1e3,
        at(99).as_secs_f64() * 1e3
    );
    Ok(())
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    println!("writers  fsync  commits/s     p50 ms     p99 ms");
    for sync in [true, false] {
        for writers in [1, 16, 256] {
            let folder = tempfile::tempdir()?;
            measure(folder.path(), writers, sync).await?;
        }
    }
    Ok(())
}
