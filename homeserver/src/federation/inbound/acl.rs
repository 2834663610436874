//! Which servers may take part in a room.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#server-access-control-lists-acls-for-rooms)

use ruma::{ServerName, events::room::server_acl::RoomServerAclEventContent};

use crate::{
    error::{ApiError, ApiResult},
    ids::RoomNid,
    rooms::Rooms,
    storage::Snapshot,
};

/// Whether the room's access control list allows a server.
pub fn allows(
    rooms: &Rooms,
    snapshot: &Snapshot<'_>,
    room: RoomNid,
    server: &ServerName,
) -> ApiResult<bool> {
    let Some(event) = rooms.state_event(snapshot, room, "m.room.server_acl", "")? else {
        return Ok(true);
    };
    // A list that cannot be read denies nobody, or a slip would take everybody out of the room.
    let list = event.pdu.content_as::<RoomServerAclEventContent>();
    Ok(list.map_or(true, |list| list.is_allowed(server)))
}

/// Refuses a server that the room's access control list denies.
pub async fn require(server: &crate::Server, room: RoomNid, origin: &ServerName) -> ApiResult<()> {
    let origin = origin.to_owned();
    let read = server
        .rooms
        .read(move |rooms, snapshot| allows(rooms, snapshot, room, &origin));
    if read.await? {
        return Ok(());
    }
    Err(ApiError::forbidden(
        "The room's access control list denies your server.",
    ))
}
