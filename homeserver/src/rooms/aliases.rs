//! Names for rooms.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#room-aliases)

use http::StatusCode;
use ruma::{
    OwnedRoomAliasId, OwnedRoomId, OwnedServerName, OwnedUserId, RoomAliasId, RoomOrAliasId,
    UserId, api::error::ErrorKind,
};

use super::{Rooms, canonical_alias, look::Look, rows::Membership, servers::servers_in, txn::Txn};
use crate::{
    error::{ApiError, ApiResult},
    ids::RoomNid,
    storage::{Snapshot, tables},
};

/// Servers that are named of a room besides this one: enough to find one that answers.
const MAX_SERVERS: usize = 50;

/// Bytes of the longest alias.
/// [spec](https://spec.matrix.org/v1.19/appendices/#room-aliases)
const MAX_ALIAS_LENGTH: usize = 255;

/// Who gives a room an alias.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Namer {
    /// Somebody who has to be in the room.
    Member,
    /// The application service whose the alias is.
    Service,
}

impl Rooms {
    /// The room an alias of this server leads to.
    pub fn find_alias(
        &self,
        snapshot: &Snapshot<'_>,
        alias: &RoomAliasId,
    ) -> ApiResult<Option<RoomNid>> {
        let row = tables::ALIAS.get(snapshot, alias.as_str())?;
        Ok(row.map(|(room, _)| room))
    }

    /// The id of the room an alias leads to.
    pub async fn resolve_alias(&self, alias: OwnedRoomAliasId) -> ApiResult<OwnedRoomId> {
        self.read(
            move |rooms, snapshot| match rooms.find_alias(snapshot, &alias)? {
                Some(room) => Ok(rooms.room_id(room)?),
                None => Err(unknown_alias(&alias)),
            },
        )
        .await
    }

    /// The room an alias leads to, and servers that are in it: this one first.
    pub async fn resolve_alias_and_servers(
        &self,
        alias: OwnedRoomAliasId,
    ) -> ApiResult<(OwnedRoomId, Vec<OwnedServerName>)> {
        self.read(move |rooms, snapshot| {
            let room = rooms.find_alias(snapshot, &alias)?;
            let room = room.ok_or_else(|| unknown_alias(&alias))?;
            let mut servers = vec![rooms.server_name().to_owned()];
            servers.extend(servers_in(snapshot, room)?.into_iter().take(MAX_SERVERS));
            Ok((rooms.room_id(room)?, servers))
        })
        .await
    }

    /// The room that a client names by its id or an alias.
    pub async fn find_by_id_or_alias(&self, name: &RoomOrAliasId) -> ApiResult<RoomNid> {
        match OwnedRoomId::try_from(name.to_owned()) {
            Ok(room_id) => self.find(&room_id),
            Err(alias) => self.find(&self.resolve_alias(alias).await?),
        }
    }

    /// Gives a room an alias of this server.
    /// [spec](https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3directoryroomroomalias)
    pub async fn add_alias(
        &self,
        room: RoomNid,
        user: OwnedUserId,
        alias: OwnedRoomAliasId,
    ) -> ApiResult<()> {
        self.add_alias_of(Namer::Member, room, user, alias).await
    }

    /// The same on behalf of an application service, to which the alias belongs.
    pub async fn add_alias_of_service(
        &self,
        room: RoomNid,
        user: OwnedUserId,
        alias: OwnedRoomAliasId,
    ) -> ApiResult<()> {
        self.add_alias_of(Namer::Service, room, user, alias).await
    }

    async fn add_alias_of(
        &self,
        namer: Namer,
        room: RoomNid,
        user: OwnedUserId,
        alias: OwnedRoomAliasId,
    ) -> ApiResult<()> {
        self.require_own(&alias)?;
        check_length(&alias)?;
        let taken = ApiError::new(
            StatusCode::CONFLICT,
            ErrorKind::Unknown,
            format!("The alias {alias} is taken."),
        );
        self.write_aliases(room, move |txn| {
            // A bridge names rooms that its users talk in before it enters them.
            let is_in = || Ok::<_, ApiError>(txn.membership(&user)? == Some(Membership::Join));
            if namer == Namer::Member && !is_in()? {
                return Err(ApiError::forbidden(
                    "You have to be in a room to give it an alias.",
                ));
            }
            put(txn, &user, &alias, taken)
        })
        .await
    }

    /// Removes an alias. Whoever made it may do so, and whoever may change the aliases the room shows.
    /// [spec](https://spec.matrix.org/v1.19/client-server-api/#delete_matrixclientv3directoryroomroomalias)
    pub async fn remove_alias(&self, user: OwnedUserId, alias: OwnedRoomAliasId) -> ApiResult<()> {
        let name = alias.clone();
        let room = self
            .read(move |rooms, snapshot| rooms.find_alias(snapshot, &name))
            .await?;
        let room = room.ok_or_else(|| unknown_alias(&alias))?;
        self.write_own(room, move |txn| {
            let row = tables::ALIAS.get(txn.snapshot, alias.as_str())?;
            let (_, creator) = row
                .filter(|(room, _)| *room == txn.room)
                .ok_or_else(|| unknown_alias(&alias))?;
            let is_creator = txn.rooms.storage().interner().find_user(&user)? == Some(creator);
            if !is_creator && !canonical_alias::may_send(txn, &user)? {
                return Err(ApiError::forbidden(
                    "Only who made an alias, or may change the room's aliases, can remove it.",
                ));
            }
            canonical_alias::remove(txn, &user, alias.as_str())?;
            let (room, alias) = (txn.room, alias.clone());
            txn.head.waits = true;
            txn.write(move |batch, _| {
                tables::ALIAS.delete(batch, alias.as_str());
                tables::ROOM_ALIAS.delete(batch, (room, alias.as_str()));
            });
            Ok(())
        })
        .await
    }

    /// Changes a room and its aliases. Two rooms may not take the same alias at once, so this is done one by one.
    async fn write_aliases(
        &self,
        room: RoomNid,
        change: impl FnOnce(&mut Txn<'_>) -> ApiResult<()> + Send + 'static,
    ) -> ApiResult<()> {
        let _turn = self.inner.alias_turn.lock().await;
        self.write(room, change).await
    }

    fn require_own(&self, alias: &RoomAliasId) -> ApiResult<()> {
        if alias.server_name() == self.server_name() {
            return Ok(());
        }
        Err(ApiError::invalid_param(format!(
            "This server gives out only aliases that end with :{}.",
            self.server_name()
        )))
    }
}

impl Look<'_> {
    /// The room's aliases on this server, for those in the room, and for administrators: their tools name rooms by them.
    /// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidaliases)
    pub fn aliases(&self, is_admin: bool) -> ApiResult<Vec<OwnedRoomAliasId>> {
        if !is_admin && !self.is_world_readable() {
            self.require_joined()?;
        }
        let mut aliases = Vec::new();
        for row in tables::ROOM_ALIAS.scan(self.snapshot, (self.room,))? {
            let ((_, alias), ()) = row?;
            aliases.extend(RoomAliasId::parse(alias));
        }
        Ok(aliases)
    }
}

/// Gives the room being made an alias of this server.
pub(super) fn take_local(
    txn: &mut Txn<'_>,
    creator: &UserId,
    localpart: &str,
) -> ApiResult<OwnedRoomAliasId> {
    let malformed =
        || ApiError::invalid_param("room_alias_name is the part of the alias between # and :.");
    // A colon in it would make it an alias of another server.
    if localpart.is_empty() || localpart.contains(':') {
        return Err(malformed());
    }
    let alias = RoomAliasId::parse(format!("#{localpart}:{}", txn.rooms.server_name()))
        .map_err(|_| malformed())?;
    check_length(&alias)?;
    let taken = ApiError::bad_request(ErrorKind::RoomInUse, "Another room has this alias.");
    put(txn, creator, &alias, taken)?;
    Ok(alias)
}

fn put(txn: &mut Txn<'_>, creator: &UserId, alias: &RoomAliasId, taken: ApiError) -> ApiResult<()> {
    if tables::ALIAS.contains(txn.snapshot, alias.as_str())? {
        return Err(taken);
    }
    let creator = txn.rooms.storage().interner().user(creator)?;
    let (room, name) = (txn.room, alias.to_string());
    txn.head.waits = true;
    txn.write(move |batch, _| {
        tables::ALIAS.put(batch, &name, &(room, creator));
        tables::ROOM_ALIAS.put(batch, (room, &name), &());
    });
    Ok(())
}

fn check_length(alias: &RoomAliasId) -> ApiResult {
    if alias.as_str().len() <= MAX_ALIAS_LENGTH {
        return Ok(());
    }
    Err(ApiError::invalid_param(format!(
        "The alias is too long: it may have {MAX_ALIAS_LENGTH} bytes."
    )))
}

fn unknown_alias(alias: &RoomAliasId) -> ApiError {
    ApiError::not_found(format!("The alias {alias} leads to no room."))
}
