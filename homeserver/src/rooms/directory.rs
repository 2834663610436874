//! The directory of public rooms.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#published-room-directory)

use std::{cmp::Reverse, collections::BTreeSet};

use ruma::{
    OwnedRoomId, OwnedUserId, UInt,
    directory::{PublicRoomsChunk, PublicRoomsChunkInit, RoomNetwork, RoomTypeFilter},
};

use super::{Rooms, canonical_alias, rows::RoomSummary};
use crate::{
    error::{ApiError, ApiResult},
    ids::RoomNid,
    storage::{self, Snapshot, tables},
};

/// Rooms of one page at most.
const MAX_LIMIT: usize = 500;

/// What somebody looks for in the directory.
#[derive(Clone, Debug, Default)]
pub struct DirectoryQuery {
    /// A text that the name, the topic or an alias of the room contains.
    pub term: Option<String>,
    /// Whose rooms.
    pub network: Network,
    /// Types of rooms; all if empty.
    pub room_types: Vec<RoomTypeFilter>,
    /// Rooms per page.
    pub limit: Option<usize>,
    /// How many rooms came on the pages before.
    pub offset: usize,
}

/// Whose rooms are looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Network {
    /// Those of the directory of this server.
    #[default]
    Own,
    /// Those of the directory of one network that a bridge leads to.
    Bridged(String),
    /// All.
    All,
}

impl From<RoomNetwork> for Network {
    fn from(network: RoomNetwork) -> Self {
        match network {
            RoomNetwork::ThirdParty(instance) => Self::Bridged(instance),
            RoomNetwork::All => Self::All,
            _ => Self::Own,
        }
    }
}

/// A page of the directory.
#[derive(Debug)]
pub struct DirectoryPage {
    /// The rooms, those with most members first.
    pub rooms: Vec<PublicRoomsChunk>,
    /// The offset of the next page, if there is one.
    pub next: Option<usize>,
    /// The offset of the page before, if this is not the first.
    pub previous: Option<usize>,
    /// How many rooms there are on all pages.
    pub total: usize,
}

impl Rooms {
    /// Whether a room is in the directory.
    pub async fn is_public(&self, room_id: OwnedRoomId) -> ApiResult<bool> {
        self.read(move |rooms, snapshot| {
            Ok(tables::PUBLIC_ROOM.contains(snapshot, rooms.find(&room_id)?)?)
        })
        .await
    }

    /// Puts a room into the directory or takes it out, which takes the power to change the room's aliases.
    /// [spec](https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3directorylistroomroomid)
    pub async fn set_public(
        &self,
        room: RoomNid,
        user: OwnedUserId,
        is_public: bool,
    ) -> ApiResult<()> {
        self.write(room, move |txn| {
            if !canonical_alias::may_send(txn, &user)? {
                return Err(ApiError::forbidden(
                    "To change whether the room is in the directory, you need the power to send m.room.canonical_alias.",
                ));
            }
            let room = txn.room;
            txn.write(move |batch, _| {
                if is_public {
                    tables::PUBLIC_ROOM.put(batch, room, &());
                } else {
                    tables::PUBLIC_ROOM.delete(batch, room);
                }
            });
            Ok(())
        })
        .await
    }

    /// A page of the directory.
    /// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3publicrooms)
    pub async fn public_rooms(&self, query: DirectoryQuery) -> ApiResult<DirectoryPage> {
        self.read(move |rooms, snapshot| {
            let mut found = rooms.find_public(snapshot, &query)?;
            found.sort_by_key(|(room, summary)| (Reverse(summary.joined), *room));
            let limit = query.limit.unwrap_or(MAX_LIMIT).clamp(1, MAX_LIMIT);
            let total = found.len();
            let end = query.offset.saturating_add(limit);
            let page = found.into_iter().skip(query.offset).take(limit);
            Ok(DirectoryPage {
                rooms: page
                    .map(|(room, summary)| Ok(chunk(rooms.room_id(room)?, summary)))
                    .collect::<storage::Result<_>>()?,
                next: (end < total).then_some(end),
                previous: (query.offset > 0).then(|| query.offset.saturating_sub(limit)),
                total,
            })
        })
        .await
    }

    fn find_public(
        &self,
        snapshot: &Snapshot<'_>,
        query: &DirectoryQuery,
    ) -> storage::Result<Vec<(RoomNid, RoomSummary)>> {
        let term = query
            .term
            .as_ref()
            .map(|term| term.trim().to_lowercase())
            .filter(|term| !term.is_empty());
        let mut found = Vec::new();
        for room in listed(snapshot, &query.network)? {
            let Some(summary) = self.summary(snapshot, room)? else {
                continue;
            };
            // A room that everybody has left cannot be entered any more.
            if summary.joined > 0
                && has_type(&summary, &query.room_types)
                && term.as_ref().is_none_or(|term| mentions(&summary, term))
            {
                found.push((room, summary));
            }
        }
        Ok(found)
    }
}

impl DirectoryPage {
    /// The tokens of the next and of the previous page, and how many rooms there are.
    pub fn tokens(&self) -> (Option<String>, Option<String>, Option<UInt>) {
        let token = |offset: usize| format!("p{offset}");
        (
            self.next.map(token),
            self.previous.map(token),
            UInt::try_from(self.total as u64).ok(),
        )
    }
}

/// The rooms per page that somebody asks for.
pub fn limit(asked: Option<UInt>) -> Option<usize> {
    asked.and_then(|limit| usize::try_from(u64::from(limit)).ok())
}

/// How many rooms came before the page of a token.
pub fn offset(token: Option<&str>) -> ApiResult<usize> {
    let Some(token) = token else { return Ok(0) };
    let offset = token.strip_prefix('p').and_then(|text| text.parse().ok());
    offset.ok_or_else(|| {
        ApiError::invalid_param("The parameter since is not a token that this server gave out.")
    })
}

/// The rooms in the directory of a network.
fn listed(snapshot: &Snapshot<'_>, network: &Network) -> storage::Result<BTreeSet<RoomNid>> {
    let mut rooms = BTreeSet::new();
    if matches!(network, Network::Own | Network::All) {
        for row in tables::PUBLIC_ROOM.scan(snapshot, ())? {
            rooms.insert(row?.0);
        }
    }
    let bridged = match network {
        Network::Own => return Ok(rooms),
        Network::Bridged(network) => tables::NETWORK_ROOM.scan(snapshot, (network,))?,
        Network::All => tables::NETWORK_ROOM.scan(snapshot, ())?,
    };
    for row in bridged {
        rooms.insert(row?.0.1);
    }
    Ok(rooms)
}

fn has_type(summary: &RoomSummary, wanted: &[RoomTypeFilter]) -> bool {
    let room_type = RoomTypeFilter::from(summary.room_type.clone());
    wanted.is_empty() || wanted.contains(&room_type)
}

fn mentions(summary: &RoomSummary, term: &str) -> bool {
    [&summary.name, &summary.topic, &summary.alias]
        .into_iter()
        .flatten()
        .any(|text| text.to_lowercase().contains(term))
}

fn chunk(room_id: OwnedRoomId, summary: RoomSummary) -> PublicRoomsChunk {
    let init = PublicRoomsChunkInit {
        num_joined_members: UInt::try_from(summary.joined).unwrap_or(UInt::MAX),
        room_id,
        world_readable: summary.history_visibility.as_deref() == Some("world_readable"),
        guest_can_join: summary.guest_access.as_deref() == Some("can_join"),
    };
    let mut chunk = PublicRoomsChunk::from(init);
    chunk.canonical_alias = summary.alias.and_then(|alias| alias.try_into().ok());
    chunk.name = summary.name;
    chunk.topic = summary.topic;
    chunk.avatar_url = summary.avatar.map(Into::into);
    chunk.join_rule = summary.join_rule.as_deref().unwrap_or("invite").into();
    chunk.room_type = summary.room_type.map(Into::into);
    chunk
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(name: &str, room_type: Option<&str>) -> RoomSummary {
        RoomSummary {
            name: Some(name.to_owned()),
            room_type: room_type.map(str::to_owned),
            ..RoomSummary::default()
        }
    }

    #[test]
    fn search_ignores_case_in_every_script() {
        assert!(mentions(&room("Фиалковая Аудитория", None), "аудитория"));
        assert!(!mentions(&room("Фиалковая Аудитория", None), "буфет"));
    }

    #[test]
    fn rooms_without_type_are_asked_for_by_null() {
        let (plain, space) = (room("a", None), room("b", Some("m.space")));
        let wanted = [RoomTypeFilter::Default];
        assert!(has_type(&plain, &wanted) && !has_type(&space, &wanted));
        let wanted = [RoomTypeFilter::Space];
        assert!(!has_type(&plain, &wanted) && has_type(&space, &wanted));
        assert!(has_type(&plain, &[]) && has_type(&space, &[]));
    }
}
