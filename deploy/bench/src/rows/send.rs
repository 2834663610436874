//! Sending messages.

use std::time::Duration;

use anyhow::Result;

use crate::{
    meter::{Sample, closed_loop},
    stage::{Server, Stage},
    user::User,
};

/// How many send at the same time; enough to keep either server busy.
const SENDERS: usize = 16;

/// Every sender writes in a room of their own.
pub(super) async fn many_rooms(stage: &mut Stage) -> Result<Sample> {
    let mut senders = Vec::new();
    for user in &mut stage.users[..SENDERS] {
        let room_id = user.create_public_room("Notes").await?;
        senders.push((user, room_id));
    }
    send(&stage.server, &mut senders, stage.duration).await
}

/// All senders write in one room that has many more members.
pub(super) async fn one_room(stage: &mut Stage) -> Result<Sample> {
    let room_id = stage.crowded_room().await?;
    let mut senders: Vec<_> = stage.users[..SENDERS]
        .iter_mut()
        .map(|user| (user, room_id.clone()))
        .collect();
    send(&stage.server, &mut senders, stage.duration).await
}

async fn send(
    server: &Server,
    senders: &mut [(&mut User, String)],
    duration: Duration,
) -> Result<Sample> {
    // What a server does once for a new room or sender is not what is measured.
    for (user, room_id) in &mut *senders {
        user.send(room_id).await?;
    }
    closed_loop(
        server,
        senders,
        duration,
        async |(user, room_id): &mut (&mut User, String)| {
            user.send(room_id).await?;
            Ok(true)
        },
    )
    .await
}
