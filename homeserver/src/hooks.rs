//! What other domains do when something happens to a user.

use futures::future::BoxFuture;
use ruma::OwnedDeviceId;

use crate::{
    ids::UserNid,
    rooms::Rooms,
    storage::{Result, Snapshot},
    users::{Addition, UserHooks},
};

/// Passes what happens to users on to the domains above.
pub(crate) struct Hooks {
    /// Rooms show profiles, and closed accounts leave them.
    pub(crate) rooms: Rooms,
}

impl UserHooks for Hooks {
    fn devices_deleted(
        &self,
        _snapshot: &Snapshot<'_>,
        _user: UserNid,
        _devices: &[OwnedDeviceId],
    ) -> Result<Addition> {
        Ok(Addition::default())
    }

    fn profile_changed(&self, user: UserNid) -> BoxFuture<'_, ()> {
        Box::pin(self.rooms.spread_profile(user))
    }

    fn deactivated(&self, user: UserNid) -> BoxFuture<'_, ()> {
        Box::pin(self.rooms.leave_all(user))
    }
}
