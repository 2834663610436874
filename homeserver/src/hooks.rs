//! What other domains do when something happens to a user.

use futures::future::BoxFuture;
use ruma::{DeviceId, OwnedDeviceId};

use crate::{
    ApiResult,
    e2ee::E2ee,
    ids::UserNid,
    rooms::Rooms,
    storage::{Result, Snapshot},
    users::{Addition, UserHooks},
};

/// Passes what happens to users on to the domains above.
pub(crate) struct Hooks {
    /// Rooms show profiles, and closed accounts leave them.
    pub(crate) rooms: Rooms,
    /// Keys and queued messages go with their devices.
    pub(crate) e2ee: E2ee,
}

impl UserHooks for Hooks {
    fn devices_deleted(
        &self,
        snapshot: &Snapshot<'_>,
        user: UserNid,
        devices: &[OwnedDeviceId],
    ) -> Result<Addition> {
        self.e2ee.devices_deleted(snapshot, user, devices)
    }

    fn device_created(
        &self,
        snapshot: &Snapshot<'_>,
        user: UserNid,
        device: &DeviceId,
    ) -> ApiResult<Addition> {
        self.e2ee.device_created(snapshot, user, device)
    }

    fn device_renamed(
        &self,
        snapshot: &Snapshot<'_>,
        user: UserNid,
        device: &DeviceId,
    ) -> Result<Addition> {
        self.e2ee.device_renamed(snapshot, user, device)
    }

    fn profile_changed(&self, user: UserNid) -> BoxFuture<'_, ()> {
        Box::pin(self.rooms.spread_profile(user))
    }

    fn deactivated(&self, user: UserNid) -> BoxFuture<'_, ()> {
        Box::pin(self.rooms.leave_all(user))
    }
}
