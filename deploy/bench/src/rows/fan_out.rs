//! One message wakes everybody in the room.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use futures::future::try_join_all;

use crate::{
    connection::Connection,
    meter::{Meter, Sample},
    stage::{Server, Stage},
    usage::cpu_time,
    user::text,
};

/// The percentile of fewer messages than this says nothing.
const FEWEST_MESSAGES: usize = 10;

/// The time from sending a message until the last of all members has it.
pub(super) async fn last_of_all(stage: &mut Stage) -> Result<Sample> {
    let room_id = stage.crowded_room().await?;
    let mut listeners = Vec::new();
    for user in &mut stage.users {
        let since = user.catch_up().await?;
        listeners.push(Listener {
            connection: user.connection.another(),
            since,
        });
    }
    let mut sender = stage.new_user().await?;
    sender.join(&room_id).await?;
    for listener in &mut listeners {
        listener.wait_for(&sender.id).await?;
    }
    let mut meter = Meter::start(&stage.server)?;
    let mut messages = 0;
    while messages < FEWEST_MESSAGES || meter.elapsed() < stage.duration {
        let marker = format!("Message {}:", messages + 1);
        let everybody = try_join_all(
            listeners
                .iter_mut()
                .map(|listener| listener.wait_for(&marker)),
        );
        let sending = async {
            until_idle(&stage.server).await?;
            let start = Instant::now();
            sender.send(&room_id).await?;
            Ok::<_, anyhow::Error>(start)
        };
        let (arrivals, start) = futures::try_join!(everybody, sending)?;
        let last = arrivals.into_iter().max().context("nobody listens")?;
        meter.add(last.saturating_duration_since(start));
        messages += 1;
    }
    meter.finish()
}

/// A client that waits in `/sync`.
struct Listener {
    connection: Connection,
    since: String,
}

impl Listener {
    /// Syncs until an answer holds these words, and returns when it arrived.
    async fn wait_for(&mut self, words: &str) -> Result<Instant> {
        loop {
            let path = format!("/_matrix/client/v3/sync?timeout=30000&since={}", self.since);
            let answer = self.connection.get(&path).await?;
            let arrival = Instant::now();
            self.since = text(&serde_json::from_slice(&answer)?, "next_batch")?;
            if answer
                .windows(words.len())
                .any(|part| part == words.as_bytes())
            {
                return Ok(arrival);
            }
        }
    }
}

/// Waits until the server has used no CPU for a moment: then all requests wait inside it.
async fn until_idle(server: &Server) -> Result<()> {
    let mut before = Duration::ZERO;
    loop {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let now = cpu_time(&server.process_ids)?;
        if now.saturating_sub(before) <= Duration::from_millis(10) {
            return Ok(());
        }
        before = now;
    }
}
