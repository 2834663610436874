//! Putting the new room where the old one was in spaces.

use ruma::{RoomId, UserId};
use serde_json::{Map, Value, json};

use super::permit;
use crate::{
    error::ApiResult,
    ids::RoomNid,
    rooms::{Rooms, rows::Membership},
    storage::tables,
};

const CHILD: &str = "m.space.child";
const PARENT: &str = "m.space.parent";
/// Rooms that are changed for one upgrade.
const MAX_ROOMS: usize = 200;

impl Rooms {
    /// Replaces the old room in the spaces it is in, and among what its rooms name as their space, where the user may.
    pub(super) async fn move_in_spaces(
        &self,
        user: &UserId,
        old_id: &RoomId,
        new_id: &RoomId,
    ) -> ApiResult<()> {
        for (room, kind) in self.linked_rooms(user, old_id).await? {
            let change = Change {
                user: user.to_owned(),
                old_id: old_id.to_owned(),
                new_id: new_id.to_owned(),
                kind,
            };
            // The upgrade is done; a room that cannot be changed now is no reason to call it failed.
            if let Err(error) = self.write_own(room, move |txn| change.apply(txn)).await {
                tracing::warn!(%error, "a space could not be changed after an upgrade");
            }
        }
        Ok(())
    }

    /// The spaces of the user in which a room is a child, and the children which name it as their parent.
    async fn linked_rooms(
        &self,
        user: &UserId,
        old_id: &RoomId,
    ) -> ApiResult<Vec<(RoomNid, &'static str)>> {
        let user = self.storage().interner().user(user)?;
        let (old, old_id) = (self.find(old_id)?, old_id.to_owned());
        self.read(move |rooms, snapshot| {
            let mut linked = Vec::new();
            for room in rooms.rooms_of(snapshot, user, &[Membership::Join])? {
                if room != old
                    && tables::CURRENT_STATE.contains(snapshot, (room, &CHILD, &old_id))?
                {
                    linked.push((room, CHILD));
                }
            }
            for row in tables::CURRENT_STATE.scan(snapshot, (old, &CHILD))? {
                let ((_, _, child), _) = row?;
                let child = <&RoomId>::try_from(child.as_str()).ok();
                let child = match child {
                    Some(child) => rooms.storage().interner().find_room(child)?,
                    None => None,
                };
                if let Some(child) = child
                    && tables::CURRENT_STATE.contains(snapshot, (child, &PARENT, &old_id))?
                {
                    linked.push((child, PARENT));
                }
            }
            linked.truncate(MAX_ROOMS);
            Ok(linked)
        })
        .await
    }
}

struct Change {
    user: ruma::OwnedUserId,
    old_id: ruma::OwnedRoomId,
    new_id: ruma::OwnedRoomId,
    kind: &'static str,
}

impl Change {
    fn apply(&self, txn: &mut crate::rooms::txn::Txn<'_>) -> ApiResult<()> {
        let Some(before) = txn.state(self.kind, self.old_id.as_str())? else {
            return Ok(());
        };
        let Ok(mut content) = before.pdu.content_as::<Map<String, Value>>() else {
            return Ok(());
        };
        if txn.membership(&self.user)? != Some(Membership::Join)
            || !content.get("via").is_some_and(Value::is_array)
        {
            return Ok(());
        }
        content.insert("via".to_owned(), json!([txn.rooms.server_name()]));
        let (user, kind) = (&self.user, self.kind);
        permit(txn.set_state(user, kind.into(), self.new_id.as_str(), &content))?;
        // Without servers the old room is no child, and no parent, any more.
        permit(txn.set_state(user, kind.into(), self.old_id.as_str(), &json!({})))
    }
}
