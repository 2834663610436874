//! Rooms and spaces that only other servers know.
//! [spec](https://spec.matrix.org/v1.19/server-server-api/#spaces)

use std::{collections::HashMap, sync::Arc, time::Duration};

use parking_lot::Mutex;
use ruma::{
    MilliSecondsSinceUnixEpoch, OwnedRoomAliasId, OwnedRoomId, OwnedServerName, RoomId,
    RoomOrAliasId, api::federation::space::get_hierarchy,
};

use crate::{
    Server,
    error::{ApiError, ApiResult},
    federation::Limits,
    flights::Flights,
    ids::UserNid,
    rooms::{
        preview::Previewed,
        spaces::{HierarchyPage, HierarchyQuery, HierarchyRoom, SpaceElsewhere, Walk},
    },
};

/// Servers that are asked about one room.
const MOST_SERVERS: usize = 3;
/// Rooms about which other servers are asked for one page.
const MOST_ROOMS: usize = 30;
/// How long an answer is good.
const LIFETIME: Duration = Duration::from_secs(300);
/// Answers that are kept.
const MOST_KEPT: usize = 500;

/// A room, and whether only its suggested children are meant.
type Key = (OwnedRoomId, bool);

/// What other servers have told lately. Clones share it.
#[derive(Clone, Default)]
pub struct Spaces(Arc<Inner>);

#[derive(Default)]
struct Inner {
    flights: Flights<OwnedRoomId>,
    told: Mutex<HashMap<Key, Told>>,
}

/// An answer.
struct Told {
    until: MilliSecondsSinceUnixEpoch,
    space: Arc<SpaceElsewhere>,
}

/// Part of a space; other servers are asked for the rooms that are not known here.
pub async fn hierarchy(
    server: &Server,
    user: UserNid,
    root: &RoomId,
    query: HierarchyQuery,
) -> ApiResult<HierarchyPage> {
    let mut walk = Walk::new(Some(user), root, query);
    let mut asked = 0;
    // What a space tells of its children holds within this walk only: for others, its server does not speak.
    let mut children: HashMap<OwnedRoomId, Option<HierarchyRoom>> = HashMap::new();
    loop {
        let advanced = server.rooms.read(move |rooms, snapshot| {
            let ahead = walk.advance(rooms, snapshot)?;
            Ok((walk, ahead))
        });
        let (stopped, ahead) = advanced.await?;
        walk = stopped;
        let Some(ahead) = ahead else {
            return Ok(walk.finish());
        };
        let told = match children.get(&ahead.room_id) {
            Some(told) => told.clone(),
            None => {
                let key = (ahead.room_id.clone(), query.suggested_only);
                let may_ask = asked < MOST_ROOMS;
                let (space, has_asked) = server.spaces.find(server, key, &ahead.via, may_ask).await;
                asked += usize::from(has_asked);
                space.map(|space| {
                    note_children(&mut children, &space);
                    space.room.clone()
                })
            }
        };
        let entered = server.rooms.read(move |rooms, snapshot| {
            walk.enter(rooms, snapshot, &ahead, told)?;
            Ok(walk)
        });
        walk = entered.await?;
    }
}

/// Notes what a space tells of its children, except of those that may have children themselves.
fn note_children(known: &mut HashMap<OwnedRoomId, Option<HierarchyRoom>>, space: &SpaceElsewhere) {
    for child in space.children.iter().filter(|child| !child.is_space()) {
        let room = HierarchyRoom {
            room: child.clone(),
            children_state: Vec::new(),
        };
        known.insert(child.room_id.clone(), Some(room));
    }
    for child in &space.inaccessible_children {
        known.entry(child.clone()).or_insert(None);
    }
}

/// A room in a few words, asked from other servers for a user who may know of it.
pub async fn summary(
    server: &Server,
    user: UserNid,
    name: &RoomOrAliasId,
    mut via: Vec<OwnedServerName>,
) -> ApiResult<Option<Previewed>> {
    let room_id = match OwnedRoomId::try_from(name.to_owned()) {
        Ok(room_id) => room_id,
        Err(alias) => match find_alias(server, alias).await? {
            Some((room_id, servers)) => {
                via.extend(servers);
                room_id
            }
            None => return Ok(None),
        },
    };
    via.extend(room_id.server_name().map(ToOwned::to_owned));
    let (told, _) = server
        .spaces
        .find(server, (room_id, false), &via, true)
        .await;
    let Some(told) = told else { return Ok(None) };
    let read = server.rooms.read(move |rooms, snapshot| {
        let room = told.room.room.clone();
        Ok(rooms.preview_from_elsewhere(snapshot, room, user)?)
    });
    read.await
}

async fn find_alias(
    server: &Server,
    alias: OwnedRoomAliasId,
) -> ApiResult<Option<(OwnedRoomId, Vec<OwnedServerName>)>> {
    if alias.server_name() == server.rooms.server_name() {
        return Ok(None);
    }
    match server.federation.find_alias(alias).await {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.status() == http::StatusCode::NOT_FOUND => Ok(None),
        Err(error) => Err(error),
    }
}

impl Spaces {
    /// What other servers know of a room, and whether they had to be asked.
    async fn find(
        &self,
        server: &Server,
        key: Key,
        via: &[OwnedServerName],
        may_ask: bool,
    ) -> (Option<Arc<SpaceElsewhere>>, bool) {
        let _turn = self.0.flights.board(key.0.clone()).await;
        if let Some(told) = self.0.told.lock().get(&key)
            && server.clock.now() < told.until
        {
            return (Some(Arc::clone(&told.space)), false);
        }
        if !may_ask {
            return (None, false);
        }
        let via = via.iter().filter(|name| server.federation.allows(name));
        for name in via.take(MOST_SERVERS) {
            let mut request = get_hierarchy::v1::Request::new(key.0.clone());
            request.suggested_only = key.1;
            let answer = server
                .federation
                .request(name, request, Limits::QUERY)
                .await;
            match answer.map_err(ApiError::internal).and_then(read) {
                Ok(space) if space.room.room.room_id == key.0 => {
                    let space = Arc::new(space);
                    self.keep(server, key, Arc::clone(&space));
                    return (Some(space), true);
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::debug!(%error, server = %name, room = %key.0, "a server does not tell of a room");
                }
            }
        }
        (None, true)
    }

    fn keep(&self, server: &Server, key: Key, space: Arc<SpaceElsewhere>) {
        let now = server.clock.now();
        let lifetime = u32::try_from(LIFETIME.as_millis()).unwrap_or(u32::MAX);
        let until = MilliSecondsSinceUnixEpoch(now.0 + lifetime.into());
        let mut told = self.0.told.lock();
        if told.len() >= MOST_KEPT {
            told.retain(|_, told| now < told.until);
        }
        if told.len() >= MOST_KEPT {
            told.clear();
        }
        told.insert(key, Told { until, space });
    }
}

/// The answer as this server tells it itself.
fn read(answer: get_hierarchy::v1::Response) -> ApiResult<SpaceElsewhere> {
    let json = serde_json::json!({
        "room": answer.room,
        "children": answer.children,
        "inaccessible_children": answer.inaccessible_children,
    });
    serde_json::from_value(json).map_err(ApiError::internal)
}
