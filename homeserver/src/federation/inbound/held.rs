//! Events that lack something which nobody could be asked for: whoever sent them went away, and nobody else in the room
//! knows. They wait beside the queue, so that others can go on, and are tried again: after pauses that grow, when the
//! server that sent them is there again, and when this one starts.

use std::time::Duration;

use ruma::ServerName;
use tokio::sync::broadcast::error::RecvError;

use crate::{
    Server,
    error::{ApiError, ApiResult},
    ids::{RoomNid, StreamPos},
    storage::{Commit, tables},
};

/// How often an event is tried before it is given up: that is after about ten hours.
const MOST_TRIES: u32 = 20;
/// Events of one room that wait at most.
const MOST_HELD: usize = 200;
/// The pauses before an event is tried again.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(3_600);

type Key = (RoomNid, StreamPos);

/// Takes an event out of the queue until somebody may know what it lacks.
pub(super) async fn hold(server: &Server, key: Key) -> ApiResult<()> {
    let snapshot = server.storage.snapshot();
    let row = tables::STAGED_EVENT.get(&snapshot, key)?;
    let held = tables::HELD_EVENT.scan(&snapshot, (key.0,))?.count();
    let row = row.filter(|row| row.tries < MOST_TRIES && held < MOST_HELD);
    if row.is_none() {
        tracing::warn!(room = %key.0, "an event of another server is dropped: nobody knows what it lacks");
    }
    let tries = row.as_ref().map(|row| row.tries);
    let commit = Commit::silent(move |batch| {
        tables::STAGED_EVENT.delete(batch, key);
        if let Some(mut row) = row {
            row.tries += 1;
            tables::HELD_EVENT.put(batch, key, &row);
        }
    });
    drop(snapshot);
    server.storage.commit(commit).await?;
    if let Some(tries) = tries {
        release_later(server, key, pause(tries));
    }
    Ok(())
}

fn pause(tries: u32) -> Duration {
    FIRST_PAUSE
        .saturating_mul(1 << tries.min(16))
        .min(LONGEST_PAUSE)
}

fn release_later(server: &Server, key: Key, pause: Duration) {
    let all = server.clone();
    server.jobs.track(async move {
        tokio::select! {
            () = all.jobs.stopping() => {}
            () = tokio::time::sleep(pause) => {
                if let Err(error) = release(&all, key).await {
                    tracing::error!(%error, "an event that waits could not be tried again");
                }
            }
        }
    });
}

/// Puts an event at the end of the queue again.
async fn release(server: &Server, key: Key) -> ApiResult<()> {
    let Some(row) = tables::HELD_EVENT.get(&server.storage.snapshot(), key)? else {
        return Ok(());
    };
    let commit = Commit::new(move |batch, pos| {
        tables::HELD_EVENT.delete(batch, key);
        tables::STAGED_EVENT.put(batch, (key.0, pos), &row);
    });
    server.storage.commit(commit).await?;
    server.inbound.wake(server, key.0);
    Ok(())
}

/// Tries what waited when the server stopped, and from now on what waits for a server that comes back.
pub(super) fn resume(server: &Server) {
    let all = server.clone();
    server
        .jobs
        .spawn("events that wait for other servers", move || {
            let all = all.clone();
            async move {
                let mut returns = all.federation.returns();
                release_all(&all, None).await;
                loop {
                    tokio::select! {
                        () = all.jobs.stopping() => return,
                        returned = returns.recv() => match returned {
                            Ok(name) => release_all(&all, Some(&name)).await,
                            Err(RecvError::Lagged(_)) => {}
                            Err(RecvError::Closed) => return,
                        },
                    }
                }
            }
        });
}

async fn release_all(server: &Server, origin: Option<&ServerName>) {
    let keys = || -> ApiResult<Vec<Key>> {
        let snapshot = server.storage.snapshot();
        let mut keys = Vec::new();
        for row in tables::HELD_EVENT.scan(&snapshot, ())? {
            let (key, row) = row?;
            if origin.is_none_or(|origin| *row.origin == *origin) {
                keys.push(key);
            }
        }
        Ok(keys)
    };
    let release_them = async {
        for key in keys()? {
            release(server, key).await?;
        }
        Ok::<(), ApiError>(())
    };
    if let Err(error) = release_them.await {
        tracing::error!(%error, "events that wait could not be tried again");
    }
}
