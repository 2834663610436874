//! What a well-behaved client notices while others flood the server.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow};

use crate::{
    meter::{Meter, Sample, closed_loop},
    stage::Stage,
    user::User,
};

/// Four times as many as already saturate either server.
const FLOODERS: usize = 64;
/// How long the well-behaved client waits between two messages.
const PAUSE: Duration = Duration::from_millis(50);

pub(super) async fn well_behaved(stage: &mut Stage) -> Result<Sample> {
    let mut client = stage.new_user().await?;
    let room_id = client.create_public_room("Calm").await?;
    client.connection = client.connection.another();
    let mut flooders = Vec::new();
    for user in &mut stage.users[..FLOODERS] {
        let room_id = user.create_public_room("Flood").await?;
        flooders.push((user, room_id));
    }

    let mut meter = Meter::start(&stage.server)?;
    let duration = stage.duration;
    // A thread of its own: the flood's own bookkeeping must not delay the one that is measured.
    let calm = thread::spawn(move || calmly(client, &room_id, duration));
    closed_loop(
        &stage.server,
        &mut flooders,
        duration,
        async |(user, room_id): &mut (&mut User, String)| {
            user.send(room_id).await?;
            Ok(true)
        },
    )
    .await?;
    let latencies = calm
        .join()
        .map_err(|_| anyhow!("the well-behaved client panicked"))??;
    latencies.into_iter().for_each(|latency| meter.add(latency));
    meter.finish()
}

fn calmly(mut client: User, room_id: &str, duration: Duration) -> Result<Vec<Duration>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let began = Instant::now();
        let mut latencies = Vec::new();
        while began.elapsed() < duration {
            tokio::time::sleep(PAUSE).await;
            let start = Instant::now();
            client.send(room_id).await?;
            latencies.push(start.elapsed());
        }
        Ok(latencies)
    })
}
