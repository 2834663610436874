//! What other domains do when something happens to a user, or when rooms are removed.

use std::sync::Arc;

use futures::future::BoxFuture;
use ruma::{DeviceId, OwnedDeviceId, UserId};

use crate::{
    ApiResult,
    account_data::AccountData,
    appservice::Appservices,
    e2ee::E2ee,
    feedback::Feedback,
    ids::{RoomNid, UserNid},
    push::Push,
    rooms::{Rooms, deletion::Eraser, event::RoomEvent, txn::Write},
    storage::{Result, Snapshot},
    users::{Addition, UserHooks},
};

/// Passes what happens to users on to the domains above.
pub(crate) struct Hooks {
    /// Rooms show profiles, and closed accounts leave them.
    pub(crate) rooms: Rooms,
    /// Keys and queued messages go with their devices.
    pub(crate) e2ee: E2ee,
    /// Pushers go with their devices.
    pub(crate) push: Push,
    /// Settings for a device go with it, and what erased users stored.
    pub(crate) account_data: AccountData,
    /// Some names are kept for application services.
    pub(crate) appservices: Appservices,
    /// The words of erased users go.
    pub(crate) feedback: Feedback,
}

impl UserHooks for Hooks {
    fn devices_deleted(
        &self,
        snapshot: &Snapshot<'_>,
        user: UserNid,
        devices: &[OwnedDeviceId],
    ) -> Result<Addition> {
        let mut addition = self.e2ee.devices_deleted(snapshot, user, devices)?;
        let pushers = self.push.devices_deleted(snapshot, user, devices)?;
        let settings = self.account_data.devices_deleted(snapshot, user, devices)?;
        let keys = addition.fill.take();
        addition.fill = Some(Box::new(move |batch, pos| {
            for fill in [keys, pushers, settings].into_iter().flatten() {
                fill(batch, pos);
            }
        }));
        Ok(addition)
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

    fn check_name(&self, user_id: &UserId) -> ApiResult {
        self.appservices.check_user(user_id, None)
    }

    fn profile_changed(&self, user: UserNid) -> BoxFuture<'_, ()> {
        Box::pin(self.rooms.spread_profile(user))
    }

    fn erased(&self, user: UserNid) -> BoxFuture<'_, ApiResult> {
        Box::pin(async move {
            self.rooms.erase_sender(user).await?;
            self.rooms.erase_subscriptions(user).await?;
            self.feedback.erase(user).await?;
            self.e2ee.erase_backups(user).await?;
            self.account_data.erase(user).await
        })
    }

    fn deactivated(&self, user: UserNid) -> BoxFuture<'_, ()> {
        Box::pin(self.rooms.leave_all(user))
    }
}

/// Removes account data of rooms that go.
pub(crate) struct AccountDataEraser(pub(crate) AccountData);

impl Eraser for AccountDataEraser {
    fn events(&self, _: &Snapshot<'_>, _: RoomNid, _: &[Arc<RoomEvent>]) -> Result<Vec<Write>> {
        Ok(Vec::new())
    }

    fn member(&self, snapshot: &Snapshot<'_>, room: RoomNid, user: UserNid) -> Result<Vec<Write>> {
        let erase = self.0.erase_room_of(snapshot, room, user)?;
        Ok(erase.into_iter().collect())
    }

    /// Account data needs no membership.
    fn room(&self, snapshot: &Snapshot<'_>, room: RoomNid) -> Result<Vec<Write>> {
        self.0.erase_room(snapshot, room)
    }
}
