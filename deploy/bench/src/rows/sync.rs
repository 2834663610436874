//! Syncing, the old way and sliding.

use anyhow::Result;
use hyper::Method;
use serde_json::json;

use crate::{
    meter::{Sample, closed_loop},
    stage::{ROOMS_OF_BUSY_USER, Stage},
    user::User,
};

/// How many ask for news at the same time.
const IDLE_CLIENTS: usize = 16;
const WINDOW: usize = 20;

/// An account in many rooms syncs from the beginning.
pub(super) async fn initial(stage: &mut Stage) -> Result<Sample> {
    stage.busy_user().await?.catch_up().await?;
    let (server, duration) = (stage.server.clone(), stage.duration);
    let user = std::slice::from_mut(stage.busy_user().await?);
    closed_loop(&server, user, duration, async |user: &mut User| {
        let answer = user
            .connection
            .get("/_matrix/client/v3/sync?timeout=0")
            .await?;
        let rooms = count(&answer, br#""timeline":"#);
        anyhow::ensure!(
            rooms >= ROOMS_OF_BUSY_USER,
            "only {rooms} rooms in a first sync"
        );
        Ok(true)
    })
    .await
}

/// Clients that have everything ask again and again.
pub(super) async fn idle(stage: &mut Stage) -> Result<Sample> {
    let mut clients = Vec::new();
    for user in &mut stage.users[..IDLE_CLIENTS] {
        let since = user.catch_up().await?;
        clients.push((user, since));
    }
    closed_loop(
        &stage.server,
        &mut clients,
        stage.duration,
        async |(user, since): &mut (&mut User, String)| {
            user.connection
                .get(&format!("/_matrix/client/v3/sync?timeout=0&since={since}"))
                .await?;
            Ok(true)
        },
    )
    .await
}

/// A client asks for the first window of its room list, as at its very first start.
pub(super) async fn sliding(stage: &mut Stage) -> Result<Sample> {
    stage.busy_user().await?.catch_up().await?;
    let (server, duration) = (stage.server.clone(), stage.duration);
    let user = stage.busy_user().await?;
    let mut clients = [(user, 0_usize)];
    closed_loop(&server, &mut clients, duration, async |(user, number): &mut (&mut User, usize)| {
        *number += 1;
        let request = json!({
            "conn_id": format!("client{number}"),
            "lists": { "all": {
                "ranges": [[0, WINDOW - 1]],
                "timeline_limit": 1,
                "required_state": [
                    ["m.room.name", ""], ["m.room.avatar", ""], ["m.room.encryption", ""], ["m.room.member", "$LAZY"],
                ],
            } },
        });
        let path = "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync?timeout=0";
        let answer = user.connection.json(Method::POST, path, &request).await?;
        let rooms = answer["rooms"].as_object().map_or(0, serde_json::Map::len);
        anyhow::ensure!(rooms == WINDOW, "{rooms} rooms in the first window");
        Ok(true)
    })
    .await
}

fn count(text: &[u8], part: &[u8]) -> usize {
    text.windows(part.len())
        .filter(|window| *window == part)
        .count()
}
