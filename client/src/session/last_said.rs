//! The last message of a room in which the reader's own coming is the newest that the SDK wants to show: others have
//! written before, and that says more.

use matrix_sdk::{
    Room,
    deserialized_responses::TimelineEvent,
    ruma::{
        OwnedUserId,
        events::{
            AnySyncMessageLikeEvent, AnySyncTimelineEvent, SyncMessageLikeEvent,
            room::message::Relation,
        },
    },
};

use super::{brake::look_back, room_list, room_row::direct_with};
use crate::rows::{Preview, PreviewKind, preview};

/// Pages of the past that are looked at.
const PAGES: usize = 2;

/// The last message of a room as the list shows it, fetched if need be.
pub(super) async fn last_said(room: &Room) -> anyhow::Result<Option<Preview>> {
    let (cache, _handles) = room.event_cache().await?;
    let mut said = cache.rfind_map_event_in_memory_by(said_in).await?;
    for _ in 0..PAGES {
        if said.is_none() {
            look_back(&room.client(), room).await?;
            said = cache.rfind_map_event_in_memory_by(said_in).await?;
        }
    }
    let Some((sender, kind)) = said else {
        return Ok(None);
    };
    let own = sender == room.own_user_id();
    let name = room_list::names_of(room, &[sender]).await.pop();
    Ok(Some(Preview {
        sender: name.filter(|_| !own && direct_with(room).is_none()),
        own,
        waiting: false,
        failed: false,
        kind,
    }))
}

/// What an event says, if it is a message.
fn said_in(event: &TimelineEvent) -> Option<(OwnedUserId, PreviewKind)> {
    let AnySyncTimelineEvent::MessageLike(event) = event.raw().deserialize().ok()? else {
        return None;
    };
    let sender = event.sender().to_owned();
    let kind = match event {
        AnySyncMessageLikeEvent::RoomMessage(SyncMessageLikeEvent::Original(message)) => {
            if matches!(message.content.relates_to, Some(Relation::Replacement(_))) {
                return None;
            }
            preview::message_kind(&message.content.msgtype)
        }
        AnySyncMessageLikeEvent::RoomEncrypted(_) => PreviewKind::Encrypted,
        AnySyncMessageLikeEvent::Sticker(SyncMessageLikeEvent::Original(_)) => PreviewKind::Picture,
        _ => return None,
    };
    Some((sender, kind))
}
