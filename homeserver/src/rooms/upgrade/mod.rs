//! Moving a room to another room version.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#room-upgrades)
//!
//! The old room is held while the new one is made. What closes the old one is committed after the new one is on disk, so
//! a crash in between leaves a room that nobody was told of, and never a room that leads nowhere.

mod follow;
mod plan;
mod spaces;

use ruma::{
    OwnedRoomId, OwnedUserId, RoomId, RoomVersionId, UserId,
    api::error::ErrorKind,
    events::{StateEventType, TimelineEventType},
    room_version_rules::RoomIdFormatVersion,
};
use serde_json::{Map, Value, json};

use self::plan::Plan;
use super::{Rooms, txn::Txn};
use crate::{
    error::{ApiError, ApiResult},
    events::{power::Action, versions},
    ids::RoomNid,
    storage::tables,
};

/// A wish to move a room to another version.
#[derive(Clone, Debug)]
pub struct Upgrade {
    /// Who wishes it.
    pub user: OwnedUserId,
    /// The room.
    pub room_id: OwnedRoomId,
    /// The version of the new room.
    pub version: RoomVersionId,
    /// Who creates the new room beside the user, where its version knows that.
    pub additional_creators: Vec<OwnedUserId>,
}

impl Rooms {
    /// Replaces a room by a new one of another version. Returns the new room.
    pub async fn upgrade(&self, upgrade: Upgrade) -> ApiResult<OwnedRoomId> {
        if versions::rules(&upgrade.version).is_none() {
            return Err(ApiError::bad_request(
                ErrorKind::UnsupportedRoomVersion,
                "This server cannot make rooms of that version; GET /capabilities lists those it can.",
            ));
        }
        let (user, old_id) = (upgrade.user.clone(), upgrade.room_id.clone());
        let old = self.find_to_write(&old_id)?;
        // Aliases move, and there is one upgrade at a time.
        let turn = self.inner.alias_turn.lock().await;
        let new_id = self.write(old, move |txn| replace(txn, upgrade)).await?;
        drop(turn);
        self.move_in_spaces(&user, &old_id, &new_id).await?;
        Ok(new_id)
    }
}

/// Makes the new room and closes the old one.
fn replace(txn: &mut Txn<'_>, upgrade: Upgrade) -> ApiResult<OwnedRoomId> {
    let user = upgrade.user.clone();
    txn.require_power(&user, &Action::SendState(StateEventType::RoomTombstone))?;
    let rooms = txn.rooms.clone();
    let mut plan = Plan::of(txn, upgrade)?;
    let new_id = if plan.rules.room_id_format == RoomIdFormatVersion::V1 {
        // The id is free, so the last event of the old room can be the one that names it.
        let new_id = RoomId::new_v1(rooms.server_name());
        let tombstone = close(txn, &user, &new_id)?;
        plan.begin_after(tombstone);
        wait_for(rooms.make(plan, Some(new_id.clone())))?;
        new_id
    } else {
        // The id follows from the first event, which therefore cannot name the tombstone that names it.
        let new_id = wait_for(rooms.make(plan, None))?;
        close(txn, &user, &new_id)?;
        new_id
    };
    restrict(txn, &user)?;
    let new = rooms.find(&new_id)?;
    move_aliases(txn, &user, new)?;
    move_directory_entry(txn, new)?;
    Ok(new_id)
}

/// Waits for another room on the blocking thread of this one.
fn wait_for<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Handle::current().block_on(future)
}

impl Rooms {
    async fn make(&self, plan: Plan, room_id: Option<OwnedRoomId>) -> ApiResult<OwnedRoomId> {
        let draft = plan.create_event(self.creation_time())?;
        let (rules, version) = (plan.rules, plan.version.clone());
        self.found(draft, rules, &version, room_id, move |txn| plan.fill(txn))
            .await
    }
}

/// Says in the old room where it goes on.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#mroomtombstone)
fn close(
    txn: &mut Txn<'_>,
    user: &UserId,
    new_id: &RoomId,
) -> ApiResult<Option<ruma::OwnedEventId>> {
    let content = json!({
        "body": "This room has been replaced.",
        "replacement_room": new_id,
    });
    let tombstone = txn.set_state(user, TimelineEventType::RoomTombstone, "", &content)?;
    Ok(Some(tombstone.id().to_owned()))
}

/// Keeps the many from writing and inviting in the old room, if the user may decide that.
fn restrict(txn: &mut Txn<'_>, user: &UserId) -> ApiResult<()> {
    let Some(levels) = txn.state("m.room.power_levels", "")? else {
        return Ok(());
    };
    let Ok(mut content) = levels.pdu.content_as::<Map<String, Value>>() else {
        return Ok(());
    };
    let level = |content: &Map<String, Value>, name: &str| {
        content.get(name).and_then(plan::as_level).unwrap_or(0)
    };
    let least = (level(&content, "users_default") + 1).max(50);
    for name in ["events_default", "invite"] {
        if level(&content, name) < least {
            content.insert(name.to_owned(), least.into());
        }
    }
    permit(txn.set_state(user, TimelineEventType::RoomPowerLevels, "", &content))
}

/// The aliases of this server lead to the new room from now on.
fn move_aliases(txn: &mut Txn<'_>, user: &UserId, new: RoomNid) -> ApiResult<()> {
    let old = txn.room;
    let mut aliases = Vec::new();
    for row in tables::ROOM_ALIAS.scan(txn.snapshot, (old,))? {
        let ((_, alias), ()) = row?;
        let row = tables::ALIAS.get(txn.snapshot, &alias)?;
        aliases.extend(row.map(|(_, creator)| (alias, creator)));
    }
    if let Some(shown) = txn.state("m.room.canonical_alias", "")?
        && shown.pdu.content().get() != "{}"
    {
        let kind = TimelineEventType::RoomCanonicalAlias;
        permit(txn.set_state(user, kind, "", &json!({})))?;
    }
    txn.write(move |batch, _| {
        for (alias, creator) in aliases {
            tables::ALIAS.put(batch, &alias, &(new, creator));
            tables::ROOM_ALIAS.delete(batch, (old, &alias));
            tables::ROOM_ALIAS.put(batch, (new, &alias), &());
        }
    });
    Ok(())
}

fn move_directory_entry(txn: &mut Txn<'_>, new: RoomNid) -> ApiResult<()> {
    let old = txn.room;
    if tables::PUBLIC_ROOM.contains(txn.snapshot, old)? {
        txn.write(move |batch, _| {
            tables::PUBLIC_ROOM.delete(batch, old);
            tables::PUBLIC_ROOM.put(batch, new, &());
        });
    }
    Ok(())
}

/// What a user has not the power for is left as it is.
fn permit<T>(result: ApiResult<T>) -> ApiResult<()> {
    match result {
        Ok(_) => Ok(()),
        Err(error) if error.status() == http::StatusCode::FORBIDDEN => Ok(()),
        Err(error) => Err(error),
    }
}
