//! Keeps the sync from running ahead of the SDK's event cache, and fetches what the list of rooms lacks.
//!
//! Whoever is in thousands of rooms gets them a hundred at a time, as fast as the server can tell. The cache takes
//! longer over each, and when it is thirty answers behind it throws everything away, and previews do not come any more.

use std::{pin::pin, time::Duration};

use futures_util::StreamExt;
use matrix_sdk::{
    Client, Room,
    event_cache::RedecryptorReport,
    ruma::{events::AnySyncTimelineEvent, serde::Raw},
    sync::RoomUpdates,
};
use tokio::{
    sync::{Semaphore, mpsc},
    task::yield_now,
    time::sleep,
};

use super::{last_said::last_said, room_list::Nudge};
use crate::bridge::update::Answer;

/// How long a room waits for its preview to come by itself: the rows of a first sign-in come before it.
const PATIENCE: Duration = Duration::from_secs(3);

/// Enough of the past to find something that somebody said.
const PAGE: u16 = 20;

/// Rooms whose past is fetched at the same time.
static AT_ONCE: Semaphore = Semaphore::const_new(2);

/// Lets the sync ask for more only when the cache has taken what came before.
pub(super) fn hold(client: &Client) {
    client.add_event_handler(async |_: Raw<AnySyncTimelineEvent>, client: Client| {
        // The cache has been woken; it takes its turn first.
        yield_now().await;
        // Nothing is in this, but the cache takes one after the other.
        let taken = client
            .event_cache()
            .handle_room_updates(RoomUpdates::default());
        if let Err(error) = taken.await {
            tracing::debug!(%error, "the event cache has ended");
        }
    });
}

/// Fetches the past of a room that has nothing to show in the list but that the reader has come.
pub(super) async fn fetch_preview(room: &Room, nudges: &mpsc::UnboundedSender<Nudge>) -> Answer {
    if room.latest_event().is_none() {
        sleep(PATIENCE).await;
    }
    let _turn = AT_ONCE.acquire().await;
    let fetched = match room.latest_event().is_none() {
        true => look_back(&room.client(), room).await,
        false => tell_last_said(room, nudges).await,
    };
    if let Err(error) = fetched {
        tracing::info!(%error, "a room has no preview");
    }
    Answer::Done
}

/// Tells again what was said last in a room whose messages have become readable.
pub(super) async fn tell_what_is_readable(client: Client, nudges: mpsc::UnboundedSender<Nudge>) {
    let mut reports = pin!(client.event_cache().subscribe_to_decryption_reports());
    while let Some(report) = reports.next().await {
        let Ok(RedecryptorReport::ResolvedUtds { room_id, .. }) = report else {
            continue;
        };
        let Some(room) = client.get_room(&room_id) else {
            continue;
        };
        if let Err(error) = tell_last_said(&room, &nudges).await {
            tracing::debug!(%error, "a room has no preview");
        }
    }
}

async fn tell_last_said(room: &Room, nudges: &mpsc::UnboundedSender<Nudge>) -> anyhow::Result<()> {
    if let Some(said) = last_said(room).await? {
        nudges.send(Nudge::Said(room.room_id().to_owned(), said))?;
    }
    Ok(())
}

/// Fetches some of what came before.
pub(super) async fn look_back(client: &Client, room: &Room) -> anyhow::Result<()> {
    let latest = client.latest_events().await;
    latest.listen_to_room(room.room_id()).await?;
    let (cache, _handles) = room.event_cache().await?;
    cache.pagination().run_backwards_once(PAGE).await?;
    Ok(())
}
