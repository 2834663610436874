//! Mends what a killed program leaves behind.
//!
//! A message that the server had just taken is sent once more by the next program, and the SDK gets it twice: from the
//! sync and as the answer. It keeps both in memory, but its database takes an event once and refuses the whole change,
//! and from then on it loses messages of that room, each time more. So what is cached of a room in which messages wait
//! when the program starts is thrown away when they are sent, and comes anew from the server.

use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use matrix_sdk::{
    Client,
    ruma::{OwnedRoomId, RoomId},
    send_queue::{LocalEcho, LocalEchoContent},
};
use tokio::{fs, time::sleep};

use super::brake;

/// Remembers the rooms when the program ends before they are mended.
const FILE: &str = "to-mend";
/// Between looks at the messages that wait.
const PAUSE: Duration = Duration::from_secs(2);

/// The rooms that may have to be mended. To be asked before anything is sent.
pub(super) async fn rooms(client: &Client, folder: &Path) -> BTreeSet<OwnedRoomId> {
    let kept = fs::read_to_string(folder.join(FILE)).await;
    let kept = kept.unwrap_or_default();
    let mut rooms: BTreeSet<_> = kept
        .lines()
        .filter_map(|line| RoomId::parse(line).ok())
        .collect();
    match client.state_store().load_rooms_with_unsent_requests().await {
        Ok(waiting) => rooms.extend(waiting),
        Err(error) => tracing::warn!(%error, "it is not known which messages wait"),
    }
    rooms
}

/// Waits until nothing waits in these rooms any more, and mends them.
pub(super) async fn mend(client: Client, folder: PathBuf, mut rooms: BTreeSet<OwnedRoomId>) {
    while !rooms.is_empty() {
        if let Err(error) = keep(&folder, &rooms).await {
            tracing::warn!(%error, "the rooms to mend are not remembered");
        }
        sleep(PAUSE).await;
        for room in rooms.clone() {
            match is_mended(&client, &room).await {
                Ok(true) => drop(rooms.remove(&room)),
                Ok(false) => {}
                Err(error) => tracing::info!(%error, %room, "a room is not mended yet"),
            }
        }
    }
    match fs::remove_file(folder.join(FILE)).await {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(%error, "the rooms that were mended are still remembered");
        }
        _ => {}
    }
}

async fn keep(folder: &Path, rooms: &BTreeSet<OwnedRoomId>) -> io::Result<()> {
    let lines: Vec<_> = rooms.iter().map(|room| room.as_str()).collect();
    fs::write(folder.join(FILE), lines.join("\n")).await
}

async fn is_mended(client: &Client, room: &RoomId) -> anyhow::Result<bool> {
    let Some(room) = client.get_room(room) else {
        return Ok(true);
    };
    let (messages, _) = room.send_queue().subscribe().await?;
    if messages.iter().any(waits) {
        return Ok(false);
    }
    let (cache, _handles) = room.event_cache().await?;
    cache.clear().await?;
    brake::look_back(client, &room).await?;
    Ok(true)
}

/// What was refused for good waits for its author, not for the server.
fn waits(message: &LocalEcho) -> bool {
    !matches!(
        message.content,
        LocalEchoContent::Event {
            send_error: Some(_),
            ..
        }
    )
}
