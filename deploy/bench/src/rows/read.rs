//! Reading a room's history and members.

use anyhow::{Result, ensure};
use serde_json::Value;

use crate::{
    meter::{Sample, closed_loop},
    stage::Stage,
    user::User,
};

const READERS: usize = 8;

pub(super) async fn messages(stage: &mut Stage) -> Result<Sample> {
    let room = stage.read_room().await?;
    let path = format!(
        "/_matrix/client/v3/rooms/{}/messages?dir=b&limit=100",
        room.id
    );
    read(stage, &path, 100).await
}

pub(super) async fn context(stage: &mut Stage) -> Result<Sample> {
    let room = stage.read_room().await?;
    let path = format!(
        "/_matrix/client/v3/rooms/{}/context/{}?limit=10",
        room.id, room.middle
    );
    read(stage, &path, 1).await
}

pub(super) async fn members(stage: &mut Stage) -> Result<Sample> {
    let room = stage.read_room().await?;
    read(
        stage,
        &format!("/_matrix/client/v3/rooms/{}/members", room.id),
        50,
    )
    .await
}

/// Reads a path again and again, after a look at whether the answer holds that many events.
async fn read(stage: &mut Stage, path: &str, fewest_events: usize) -> Result<Sample> {
    let answer: Value = serde_json::from_slice(&stage.users[0].connection.get(path).await?)?;
    let events = answer["chunk"]
        .as_array()
        .or(answer["events_before"].as_array())
        .map_or(0, Vec::len);
    ensure!(events >= fewest_events, "only {events} events at {path}");
    closed_loop(
        &stage.server,
        &mut stage.users[..READERS],
        stage.duration,
        async |user: &mut User| {
            user.connection.get(path).await?;
            Ok(true)
        },
    )
    .await
}
