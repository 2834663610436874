//! Names for rooms.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#room-aliases)

use ruma::{OwnedRoomAliasId, RoomAliasId, UserId, api::error::ErrorKind};

use super::txn::Txn;
use crate::{
    error::{ApiError, ApiResult},
    storage::tables,
};

/// Gives the room being made an alias of this server.
pub(super) fn take_local(
    txn: &mut Txn<'_>,
    creator: &UserId,
    localpart: &str,
) -> ApiResult<OwnedRoomAliasId> {
    let alias =
        RoomAliasId::parse(format!("#{localpart}:{}", txn.rooms.server_name())).map_err(|_| {
            ApiError::invalid_param("room_alias_name is the part of the alias between # and :.")
        })?;
    if tables::ALIAS.contains(txn.snapshot, alias.as_str())? {
        return Err(ApiError::bad_request(
            ErrorKind::RoomInUse,
            "Another room has this alias.",
        ));
    }
    let creator = txn.rooms.storage().interner().user(creator)?;
    let (room, name) = (txn.room, alias.to_string());
    txn.write(move |batch, _| {
        tables::ALIAS.put(batch, &name, &(room, creator));
        tables::ROOM_ALIAS.put(batch, (room, &name), &());
    });
    Ok(alias)
}
