//! What concerns a service.
//!
//! An event concerns a service if its sender, its room, one of the room's aliases or one of the room's members is in the
//! service's namespaces. Looking at every member's name for every event would be slow in a large room: each name is
//! compared once, and remembered by number.

use std::sync::Arc;

use parking_lot::RwLock;
use roaring::RoaringBitmap;
use ruma::{RoomId, UserId};

use super::{Registered, registration::covers};
use crate::{
    ids::{RoomNid, UserNid},
    storage::{Result, Snapshot, Storage, tables},
};

/// Users by number.
#[derive(Default)]
pub(super) struct Owned(RwLock<Known>);

#[derive(Default)]
struct Known {
    looked_at: RoaringBitmap,
    owned: RoaringBitmap,
}

/// Something in a room.
pub(super) struct Happening<'a> {
    pub(super) room: RoomNid,
    pub(super) room_id: &'a RoomId,
    /// Who did it.
    pub(super) sender: &'a UserId,
    /// Whose membership it changes.
    pub(super) target: Option<&'a UserId>,
    /// The members of this server who are in the room.
    pub(super) members: Arc<RoaringBitmap>,
}

impl Registered {
    /// Whether something concerns the service.
    pub(super) fn is_interested(
        &self,
        storage: &Storage,
        snapshot: &Snapshot<'_>,
        what: &Happening<'_>,
    ) -> Result<bool> {
        let service = &self.service;
        Ok(service.follows_user(what.sender)
            || what
                .target
                .is_some_and(|target| service.follows_user(target))
            || covers(&service.rooms, what.room_id.as_str())
            || self.owns_some(storage, &what.members)?
            || self.has_alias(snapshot, what.room)?)
    }

    /// Whether one of some users is in the service's namespaces.
    fn owns_some(&self, storage: &Storage, users: &RoaringBitmap) -> Result<bool> {
        let new = {
            let known = self.owned.0.read();
            if !known.owned.is_disjoint(users) {
                return Ok(true);
            }
            users - &known.looked_at
        };
        let mut found = RoaringBitmap::new();
        for user in &new {
            let id = storage.interner().user_id(UserNid(user))?;
            if self.service.owns_user(&id) {
                found.insert(user);
            }
        }
        if new.is_empty() {
            return Ok(false);
        }
        let mut known = self.owned.0.write();
        known.looked_at |= &new;
        known.owned |= &found;
        Ok(!found.is_empty())
    }

    fn has_alias(&self, snapshot: &Snapshot<'_>, room: RoomNid) -> Result<bool> {
        if self.service.aliases.is_empty() {
            return Ok(false);
        }
        for row in tables::ROOM_ALIAS.scan(snapshot, (room,))? {
            let ((_, alias), ()) = row?;
            if covers(&self.service.aliases, &alias) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
