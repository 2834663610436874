//! Telling other servers whose devices and keys changed.
//! [spec](https://spec.matrix.org/v1.19/server-server-api/#device-management)
//!
//! What has changed is not told, only that something has: every update says that it follows one which was never sent, or
//! that it is the first one, so the other server asks for the user's devices as they are.

use std::collections::{BTreeMap, BTreeSet};

use ruma::{
    OwnedServerName, OwnedUserId, UInt,
    api::federation::transactions::edu::{DeviceListUpdateContent, Edu, SigningKeyUpdateContent},
};

use crate::{
    Server,
    e2ee::is_canonical,
    error::{ApiError, ApiResult},
    ids::{RoomNid, StreamPos, UserNid},
    rooms::{Rooms, rows::Membership, servers},
    storage::{Commit, Snapshot, tables},
};

/// A place in the stream of a user's devices.
#[derive(Clone, Copy)]
struct Point {
    pos: StreamPos,
    /// Whether the servers have not been told anything before.
    is_first: bool,
}

/// Whose devices are told to whom.
#[derive(Default)]
pub(super) struct News {
    /// The users, where each is in the stream, and the servers that are to know.
    users: Vec<(OwnedUserId, Point, BTreeSet<OwnedServerName>)>,
    /// The rows of those who entered a room.
    entered: Vec<(StreamPos, UserNid)>,
    /// Whether there was any change, also one that concerns nobody elsewhere.
    is_any: bool,
}

impl News {
    /// What is new up to a position since others were last told.
    pub(super) fn read(
        rooms: &Rooms,
        snapshot: &Snapshot<'_>,
        position: StreamPos,
    ) -> ApiResult<Self> {
        let told = tables::DEVICE_LISTS_TOLD.get(snapshot, ())?;
        let from = told.unwrap_or_default().plus(1);
        let mut news = Self::default();
        for row in tables::DEVICE_LIST_CHANGE.range(snapshot, from, position.plus(1))? {
            let (pos, user) = row?;
            let is_first = false;
            let servers = servers_of(snapshot, user)?;
            news.add(rooms, (user, Point { pos, is_first }), servers)?;
        }
        let after = (position.plus(1), UserNid(0));
        for row in tables::DEVICES_ENTERED.range(snapshot, (from, UserNid(0)), after)? {
            let ((pos, user), room) = row?;
            news.entered.push((pos, user));
            let is_first = true;
            let servers = new_servers(snapshot, (user, pos), room)?;
            news.add(rooms, (user, Point { pos, is_first }), servers)?;
        }
        Ok(news)
    }

    fn add(
        &mut self,
        rooms: &Rooms,
        (user, point): (UserNid, Point),
        servers: BTreeSet<OwnedServerName>,
    ) -> ApiResult<()> {
        self.is_any = true;
        let user_id = rooms.storage().interner().user_id(user)?;
        if user_id.server_name() == rooms.server_name() && !servers.is_empty() {
            self.users.push((user_id, point, servers));
        }
        Ok(())
    }
}

/// Queues updates for what changed up to a position since this was last done, and for those who entered rooms.
pub(super) async fn tell(server: &Server, position: StreamPos, news: News) -> ApiResult<()> {
    if !news.is_any {
        return Ok(());
    }
    let mut edus: BTreeMap<OwnedServerName, Vec<String>> = BTreeMap::new();
    for (user, point, names) in news.users {
        let updates = updates(server, user, point).await?;
        for name in names {
            edus.entry(name)
                .or_default()
                .extend(updates.iter().cloned());
        }
    }
    let most = edus.values().map(Vec::len).max().unwrap_or(0);
    let entered = news.entered;
    let commit = Commit {
        positions: u32::try_from(most).unwrap_or(u32::MAX),
        durable: true,
        fill: Box::new(move |batch, first| {
            for (name, edus) in &edus {
                for (offset, edu) in edus.iter().enumerate() {
                    let pos = first.plus(offset as u64);
                    tables::OUTBOUND_EDU.put(batch, (name, pos), edu);
                    tables::OUTBOUND_EDU_AT.put(batch, (pos, name), &());
                }
            }
            for row in &entered {
                tables::DEVICES_ENTERED.delete(batch, *row);
            }
            tables::DEVICE_LISTS_TOLD.put(batch, (), &position);
        }),
        changes: Vec::new(),
    };
    server.storage.commit(commit).await?;
    Ok(())
}

/// The other servers in a room that did not share one with a user before the user entered it at this position.
fn new_servers(
    snapshot: &Snapshot<'_>,
    (user, entered): (UserNid, StreamPos),
    room: RoomNid,
) -> ApiResult<BTreeSet<OwnedServerName>> {
    let mut names: BTreeSet<_> = servers::servers_in(snapshot, room)?.into_iter().collect();
    for row in tables::USER_ROOM.scan(snapshot, (user,))? {
        let ((_, other), row) = row?;
        if other == room || row.membership != Membership::Join || row.joined_at >= entered {
            continue;
        }
        for name in servers::servers_in(snapshot, other)? {
            names.remove(&name);
        }
        if names.is_empty() {
            break;
        }
    }
    Ok(names)
}

/// The other servers that share a room with a user.
pub(super) fn servers_of(
    snapshot: &Snapshot<'_>,
    user: UserNid,
) -> ApiResult<BTreeSet<OwnedServerName>> {
    let mut names = BTreeSet::new();
    for row in tables::USER_ROOM.scan(snapshot, (user,))? {
        let ((_, room), row) = row?;
        if row.membership == Membership::Join {
            names.extend(servers::servers_in(snapshot, room)?);
        }
    }
    Ok(names)
}

async fn updates(server: &Server, user: OwnedUserId, point: Point) -> ApiResult<Vec<String>> {
    let Some(list) = server.e2ee.device_list(user.clone()).await? else {
        return Ok(Vec::new());
    };
    let number = |pos: u64| UInt::try_from(pos).unwrap_or(UInt::MAX);
    let is_deleted = list.representative.is_none();
    let device = list.representative.unwrap_or_else(|| "none".into());
    let mut update =
        DeviceListUpdateContent::new(user.clone(), device.clone(), number(point.pos.0));
    if !point.is_first {
        update.prev_id = vec![UInt::MAX];
    }
    update.deleted = is_deleted.then_some(true);
    update.device_display_name = list.names.get(&device).cloned();
    let keys = list.keys.devices.get(&device).cloned();
    update.keys = keys.filter(|keys| is_canonical(keys.json().get()));
    let mut edus = vec![Edu::DeviceListUpdate(update)];
    let has_keys = list.keys.master.is_some() || list.keys.self_signing.is_some();
    // Whoever hears of a user for the first time asks for everything.
    if has_keys && !point.is_first {
        let mut keys = SigningKeyUpdateContent::new(user);
        keys.master_key = list.keys.master;
        keys.self_signing_key = list.keys.self_signing;
        edus.push(Edu::SigningKeyUpdate(keys));
    }
    let json = edus.iter().map(serde_json::to_string);
    let mut json: Vec<String> = json.collect::<Result<_, _>>().map_err(ApiError::internal)?;
    // A client may have put anything beside its keys. What cannot be sent is asked for.
    json.retain(|edu| is_canonical(edu));
    Ok(json)
}
