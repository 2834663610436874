//! The spaces somebody is in: classes, faculties, clubs.

use std::collections::BTreeMap;

use futures_util::StreamExt;
use matrix_sdk::{Client, ruma::OwnedRoomId};
use matrix_sdk_ui::spaces::{SpaceFilter, SpaceService};

use super::outbox::Outbox;
use crate::{
    bridge::update::Update,
    render::names,
    rows::{SpaceRow, message::avatar_key},
};

/// Sends the spaces and their rooms now and on every change.
pub(super) async fn watch(client: Client, outbox: Outbox) {
    let service = SpaceService::new(client).await;
    let (_, changes) = service.subscribe_to_space_filters().await;
    outbox
        .send(Update::Spaces(rows(service.space_filters().await)))
        .await;
    futures_util::pin_mut!(changes);
    while changes.next().await.is_some() {
        outbox
            .send(Update::Spaces(rows(service.space_filters().await)))
            .await;
    }
}

/// One row for each space of the first level, with everything below it. A filter of the second level names the
/// descendants of a space that is itself among those of the first.
fn rows(filters: Vec<SpaceFilter>) -> Vec<SpaceRow> {
    let below: BTreeMap<OwnedRoomId, Vec<OwnedRoomId>> = filters
        .iter()
        .filter(|filter| filter.level > 0)
        .map(|filter| {
            (
                filter.space_room.room_id.clone(),
                filter.descendants.clone(),
            )
        })
        .collect();
    let mut rows: Vec<_> = filters
        .into_iter()
        .filter(|filter| filter.level == 0)
        .map(|filter| {
            let mut rooms = filter.descendants;
            for child in rooms.clone() {
                rooms.extend(below.get(&child).into_iter().flatten().cloned());
            }
            SpaceRow {
                id: filter.space_room.room_id,
                name: names::line(&filter.space_room.display_name),
                avatar: filter.space_room.avatar_url.map(avatar_key),
                rooms,
            }
        })
        .collect();
    rows.sort_by_cached_key(|row| row.name.to_lowercase());
    rows
}
