//! The rooms everybody may join.

use matrix_sdk::{
    Client, RoomState,
    ruma::{
        UInt, api::client::directory::get_public_rooms_filtered::v3::Request, directory::Filter,
    },
};

use crate::{
    bridge::{trouble::Trouble, update::Answer},
    render::names,
    rows::{DirectoryRow, message::avatar_key},
};

/// Rooms shown for a search; who wants others types more of the name.
const LIMIT: u32 = 60;

/// Looks through the server's directory.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#published-room-directory)
pub(super) async fn search(client: &Client, term: &str) -> Result<Answer, Trouble> {
    let term = term.trim();
    let mut filter = Filter::new();
    filter.generic_search_term = (!term.is_empty()).then(|| term.to_owned());
    let mut request = Request::new();
    request.filter = filter;
    request.limit = Some(UInt::from(LIMIT));
    let found = client.public_rooms_filtered(request).await?;
    let rows = found.chunk.into_iter().map(|room| DirectoryRow {
        joined: client
            .get_room(&room.room_id)
            .is_some_and(|known| known.state() == RoomState::Joined),
        name: room
            .name
            .map(|name| names::line(&name))
            .filter(|name| !name.trim().is_empty())
            .or_else(|| room.canonical_alias.as_ref().map(ToString::to_string))
            .unwrap_or_else(|| room.room_id.to_string()),
        alias: room.canonical_alias,
        topic: names::tame(&room.topic.unwrap_or_default()),
        avatar: room.avatar_url.map(avatar_key),
        members: room.num_joined_members.into(),
        room: room.room_id,
    });
    Ok(Answer::Directory(rows.collect()))
}
