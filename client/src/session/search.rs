//! Finding messages, and making rows of single messages.

use std::cmp::Reverse;

use matrix_sdk::{
    Client, Room,
    deserialized_responses::TimelineEvent,
    ruma::{
        OwnedEventId, OwnedRoomId, UInt,
        api::client::{
            filter::RoomEventFilter,
            search::search_events::v3::{Categories, Criteria, OrderBy, Request},
        },
    },
};
use matrix_sdk_ui::timeline::TimelineItemContent;
use serde::Deserialize;

use super::rooms::find;
use crate::{
    bridge::{command::SearchScope, trouble::Trouble, update::Answer},
    render::{names, time::Timestamp},
    rows::{HitRow, PreviewKind, message::avatar_key, preview},
};

/// Messages taken from the server, and from one room on this computer.
const LIMIT: u32 = 50;

/// Rooms read on this computer when everything is searched: those in which something happened last.
const ROOMS: usize = 200;

/// Searches on the server, which knows all messages that are not encrypted; in encrypted rooms among the messages this
/// computer has read.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#server-side-search)
pub(super) async fn search(
    client: &Client,
    scope: SearchScope,
    term: &str,
) -> Result<Answer, Trouble> {
    let term = term.trim();
    if term.is_empty() {
        return Ok(Answer::Hits(Vec::new()));
    }
    let lower_case = term.to_lowercase();
    let (id, rooms) = match scope {
        SearchScope::Room(id) => {
            let room = find(client, &id)?;
            if is_encrypted(&room) {
                return Ok(Answer::Hits(search_here(&room, &lower_case).await));
            }
            (Some(id), vec![room])
        }
        SearchScope::Everywhere => (None, client.joined_rooms()),
    };
    let (mut hits, here) = match search_there(client, id, term).await {
        Ok(hits) => (hits, rooms.into_iter().filter(is_encrypted).collect()),
        // For servers without search, what is known here has to do.
        Err(Trouble::Unsupported) => (Vec::new(), rooms),
        Err(trouble) => return Err(trouble),
    };
    for room in latest(here) {
        hits.extend(search_here(&room, &lower_case).await);
    }
    hits.sort_by_key(|hit| Reverse(hit.sent_at));
    hits.truncate(2 * LIMIT as usize);
    Ok(Answer::Hits(hits))
}

fn is_encrypted(room: &Room) -> bool {
    room.encryption_state().is_encrypted()
}

/// The rooms in which something happened last.
fn latest(mut rooms: Vec<Room>) -> Vec<Room> {
    rooms.sort_by_cached_key(|room| Reverse(room.recency_stamp().map(u64::from)));
    rooms.truncate(ROOMS);
    rooms
}

/// Asks the server.
async fn search_there(
    client: &Client,
    room: Option<OwnedRoomId>,
    term: &str,
) -> Result<Vec<HitRow>, Trouble> {
    let mut criteria = Criteria::new(term.to_owned());
    criteria.order_by = Some(OrderBy::Recent);
    criteria.filter = RoomEventFilter::default();
    criteria.filter.limit = Some(UInt::from(LIMIT));
    criteria.filter.rooms = room.map(|room| vec![room]);
    let mut categories = Categories::new();
    categories.room_events = Some(criteria);
    let found = client.send(Request::new(categories)).await?;
    let mut hits = Vec::new();
    for result in found.search_categories.room_events.results {
        let Some(event) = result.result else { continue };
        let Ok(Some(id)) = event.get_field::<OwnedRoomId>("room_id") else {
            continue;
        };
        if let Some(room) = client.get_room(&id) {
            let event = TimelineEvent::from_plaintext(event.cast());
            hits.extend(hit(&room, event).await);
        }
    }
    Ok(hits)
}

/// Reads what is known of a room on this computer.
async fn search_here(room: &Room, lower_case: &str) -> Vec<HitRow> {
    let Ok((cache, _guards)) = room.event_cache().await else {
        return Vec::new();
    };
    let Ok(events) = cache.events().await else {
        return Vec::new();
    };
    let mut hits = Vec::new();
    for event in events.into_iter().rev() {
        if may_say(&event, lower_case)
            && let Some(row) = hit(room, event).await
            && says(&row.kind, lower_case)
        {
            hits.push(row);
            if hits.len() >= LIMIT as usize {
                break;
            }
        }
    }
    hits
}

/// Whether it is worth looking at what the event shows, which asks the database.
fn may_say(event: &TimelineEvent, lower_case: &str) -> bool {
    let raw = event.raw();
    let Ok(Some(said)) = raw.get_field::<Said>("content") else {
        return false;
    };
    let parts = [said.body, said.filename].into_iter().flatten();
    // What an edit says comes with the event that it changes.
    let is_edited = || raw.json().get().contains("m.replace");
    parts
        .map(|part| part.to_lowercase())
        .any(|part| part.contains(lower_case))
        || is_edited()
}

/// What a message says, or is called.
#[derive(Deserialize)]
struct Said {
    body: Option<String>,
    filename: Option<String>,
}

fn says(kind: &PreviewKind, term: &str) -> bool {
    match kind {
        PreviewKind::Text(text) | PreviewKind::File(text) => text.to_lowercase().contains(term),
        _ => false,
    }
}

/// The pinned messages of a room, newest pin first. Those that cannot be had are left out.
pub(super) async fn pinned(room: &Room) -> Vec<HitRow> {
    let mut hits = Vec::new();
    for id in room.pinned_event_ids().unwrap_or_default().iter().rev() {
        match room.load_or_fetch_event(id, None).await {
            Ok(event) => hits.extend(hit(room, event).await),
            Err(error) => tracing::info!(%error, "a pinned message cannot be had"),
        }
    }
    hits
}

/// The row of one message; `None` for events that say nothing by themselves.
async fn hit(room: &Room, event: TimelineEvent) -> Option<HitRow> {
    let event_id: OwnedEventId = event.event_id()?;
    let sender = event.sender()?;
    let sent_at = event.timestamp()?;
    let content = TimelineItemContent::from_event(room, event).await?;
    content.as_msglike()?;
    let member = room.get_member_no_sync(&sender).await.ok().flatten();
    let sender_name = member.as_ref().map_or_else(
        || sender.localpart().to_owned(),
        |member| names::person(member.name(), sender.as_str()),
    );
    Some(HitRow {
        room: room.room_id().to_owned(),
        room_name: super::room_row::name_of(room),
        event_id,
        kind: preview::kind_of(&content, &sender_name),
        sender_avatar: member
            .and_then(|member| member.avatar_url().map(ToOwned::to_owned))
            .map(avatar_key),
        sender_name,
        sender,
        sent_at: Timestamp(sent_at.get().into()),
    })
}
