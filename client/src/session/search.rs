//! Finding messages, and making rows of single messages.

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

use super::rooms::find;
use crate::{
    bridge::{command::SearchScope, trouble::Trouble, update::Answer},
    render::{names, time::Timestamp},
    rows::{HitRow, PreviewKind, message::avatar_key, preview},
};

/// Messages shown for a search.
const LIMIT: u32 = 50;

/// Searches on the server, which knows all messages that are not encrypted; in an encrypted room among the messages
/// this computer has read.
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
    if let SearchScope::Room(id) = &scope {
        let room = find(client, id)?;
        if room.encryption_state().is_encrypted() {
            return Ok(Answer::Hits(search_here(&room, term).await));
        }
    }
    let rooms = match &scope {
        SearchScope::Room(id) => vec![find(client, id)?],
        SearchScope::Everywhere => client.joined_rooms(),
    };
    let mut criteria = Criteria::new(term.to_owned());
    criteria.order_by = Some(OrderBy::Recent);
    criteria.filter = RoomEventFilter::default();
    criteria.filter.limit = Some(UInt::from(LIMIT));
    if let SearchScope::Room(id) = scope {
        criteria.filter.rooms = Some(vec![id]);
    }
    let mut categories = Categories::new();
    categories.room_events = Some(criteria);
    let found = match client.send(Request::new(categories)).await {
        Ok(found) => found,
        Err(error) => {
            let trouble = Trouble::from(error);
            return match trouble {
                Trouble::Unsupported => {
                    Ok(Answer::Hits(search_everything_here(&rooms, term).await))
                }
                other => Err(other),
            };
        }
    };
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
    Ok(Answer::Hits(hits))
}

/// For servers without search: reads what is known here of all rooms.
async fn search_everything_here(rooms: &[Room], term: &str) -> Vec<HitRow> {
    let mut hits = Vec::new();
    for room in rooms {
        hits.extend(search_here(room, term).await);
    }
    hits.sort_by_key(|hit| std::cmp::Reverse(hit.sent_at));
    hits.truncate(LIMIT as usize);
    hits
}

/// Reads what is known of a room on this computer.
async fn search_here(room: &Room, term: &str) -> Vec<HitRow> {
    let Ok((cache, _guards)) = room.event_cache().await else {
        return Vec::new();
    };
    let term = term.to_lowercase();
    let Ok(events) = cache.events().await else {
        return Vec::new();
    };
    let mut hits = Vec::new();
    for event in events.into_iter().rev() {
        if let Some(row) = hit(room, event).await
            && says(&row.kind, &term)
        {
            hits.push(row);
            if hits.len() >= LIMIT as usize {
                break;
            }
        }
    }
    hits
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
