//! The worker that sends to one server.

use std::{mem, time::Duration};

use ruma::{
    OwnedServerName, OwnedTransactionId,
    api::federation::transactions::{edu::Edu, send_transaction_message},
    serde::Raw,
};
use serde_json::value::RawValue;

use super::{
    Destination,
    next::{self, Next},
};
use crate::{
    Server,
    error::{ApiError, ApiResult},
    federation::{Limits, RequestError},
    storage::{Commit, tables},
};

/// How long a worker with nothing to do stays.
const IDLE: Duration = Duration::from_secs(300);
/// How long to wait before trying again where nothing else says so.
const PAUSE: Duration = Duration::from_secs(5);
/// The shortest wait before trying again.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
/// The longest wait before looking again whether a server is back.
const LONGEST_PAUSE: Duration = Duration::from_secs(3_600);

/// Sends until there has been nothing to send for a while.
pub(super) async fn run(server: &Server, name: &OwnedServerName, destination: &Destination) {
    loop {
        let pause = match send_next(server, name, destination).await {
            Ok(Sent::Something) => continue,
            Ok(Sent::Nothing) => None,
            Ok(Sent::Failed(pause)) => Some(pause),
            Err(error) => {
                tracing::error!(%error, server = %name, "events for another server could not be read");
                Some(PAUSE)
            }
        };
        let woken = tokio::select! {
            () = server.jobs.stopping() => return,
            woken = tokio::time::timeout(pause.unwrap_or(IDLE), destination.wake.notified()) => woken.is_ok(),
        };
        if !woken && pause.is_none() {
            return;
        }
    }
}

enum Sent {
    Something,
    Nothing,
    Failed(Duration),
}

async fn send_next(
    server: &Server,
    name: &OwnedServerName,
    destination: &Destination,
) -> ApiResult<Sent> {
    // A server that is away costs nothing.
    if let Some(wait) = server.federation.backoff(name) {
        destination.passing.lock().clear();
        return Ok(Sent::Failed(wait.clamp(SHORTEST_PAUSE, LONGEST_PAUSE)));
    }
    let (rooms, asked) = (server.rooms.clone(), name.clone());
    let position = server.storage.position();
    let read = server
        .storage
        .read(move |snapshot| next::next(&rooms, snapshot, &asked, position));
    let next = read.await?;
    let passing = mem::take(&mut *destination.passing.lock());
    if next.is_empty() && passing.is_empty() {
        done(server, name, next).await?;
        return Ok(Sent::Nothing);
    }
    let request = transaction(server, &next, passing.values())?;
    match server
        .federation
        .deliver(name, request, Limits::TRANSACTION)
        .await
    {
        Ok(answer) => {
            for (event, verdict) in answer.pdus {
                if let Err(reason) = verdict {
                    tracing::info!(%event, server = %name, reason, "another server does not take an event");
                }
            }
            done(server, name, next).await?;
            Ok(Sent::Something)
        }
        Err(error) => {
            tracing::debug!(%error, server = %name, "a transaction was not taken");
            failed(server, name).await?;
            Ok(Sent::Failed(pause_after(server, name, &error)))
        }
    }
}

fn pause_after(server: &Server, name: &OwnedServerName, error: &RequestError) -> Duration {
    match error {
        RequestError::BackingOff { wait, .. } => *wait,
        RequestError::NotAllowed(_) => LONGEST_PAUSE,
        _ => server.federation.backoff(name).unwrap_or(PAUSE),
    }
    .clamp(SHORTEST_PAUSE, LONGEST_PAUSE)
}

fn transaction<'e>(
    server: &Server,
    next: &Next,
    passing: impl Iterator<Item = &'e Edu>,
) -> ApiResult<send_transaction_message::v1::Request> {
    let id: OwnedTransactionId = format!(
        "{}.{}.{:016x}",
        server.storage.epoch(),
        next.after.sent,
        rand::random::<u64>()
    )
    .into();
    let mut request = send_transaction_message::v1::Request::new(
        id,
        server.rooms.server_name().to_owned(),
        server.clock.now(),
    );
    for pdu in &next.pdus {
        let pdu = RawValue::from_string(pdu.clone()).map_err(ApiError::internal)?;
        request.pdus.push(pdu);
    }
    for (_, edu) in &next.edus {
        let edu = Raw::from_json_string(edu.clone()).map_err(ApiError::internal)?;
        request.edus.push(edu);
    }
    for edu in passing {
        request
            .edus
            .push(Raw::new(edu).map_err(ApiError::internal)?);
    }
    Ok(request)
}

/// Notes what the server has. Losing this row in a power failure means sending again, which does no harm.
async fn done(server: &Server, name: &OwnedServerName, next: Next) -> ApiResult<()> {
    let _turn = server.to_servers.rows.lock().await;
    let before = tables::DESTINATION.get(&server.storage.snapshot(), name)?;
    let mut row = next.after;
    // Part of the log was forgotten while this was on its way.
    if !next.catches_up && before.as_ref().is_some_and(|before| before.is_behind) {
        row.is_behind = true;
    }
    if next.edus.is_empty() && before.as_ref() == Some(&row) {
        return Ok(());
    }
    let name = name.clone();
    let commit = Commit::silent(move |batch| {
        tables::DESTINATION.put(batch, &name, &row);
        for (pos, _) in &next.edus {
            tables::OUTBOUND_EDU.delete(batch, (&name, *pos));
            tables::OUTBOUND_EDU_AT.delete(batch, (*pos, &name));
        }
    });
    server.storage.commit(commit.ephemeral()).await?;
    Ok(())
}

/// Notes since when a server takes nothing.
async fn failed(server: &Server, name: &OwnedServerName) -> ApiResult<()> {
    let _turn = server.to_servers.rows.lock().await;
    let row = tables::DESTINATION.get(&server.storage.snapshot(), name)?;
    let Some(mut row) = row.filter(|row| row.failing_since == 0) else {
        return Ok(());
    };
    row.failing_since = server.clock.now().0.into();
    let name = name.clone();
    let commit = Commit::silent(move |batch| tables::DESTINATION.put(batch, &name, &row));
    server.storage.commit(commit.ephemeral()).await?;
    Ok(())
}
