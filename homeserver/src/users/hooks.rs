//! What the domains above do when something happens to a user.
//!
//! This domain is at the bottom and calls none of them; the composition root gives it one implementation.

use futures::future::BoxFuture;
use ruma::{DeviceId, OwnedDeviceId, UserId};

use crate::{
    ApiResult,
    ids::UserNid,
    storage::{Batch, Change, Commit, Fill, Result, Snapshot},
};

/// Told of changes to users.
pub trait UserHooks: Send + Sync {
    /// What else has to be removed, and who has to be told, when devices go: keys, to-device messages, pushers, and a
    /// change of the device list. It is written in the commit that removes the devices.
    fn devices_deleted(
        &self,
        snapshot: &Snapshot<'_>,
        user: UserNid,
        devices: &[OwnedDeviceId],
    ) -> Result<Addition>;

    /// What goes with a device that signs in for the first time, or why it must not have its id.
    fn device_created(
        &self,
        snapshot: &Snapshot<'_>,
        user: UserNid,
        device: &DeviceId,
    ) -> ApiResult<Addition>;

    /// Who has to be told that a device has another name.
    fn device_renamed(
        &self,
        snapshot: &Snapshot<'_>,
        user: UserNid,
        device: &DeviceId,
    ) -> Result<Addition>;

    /// Refuses a name that is kept for an application service.
    fn check_name(&self, user_id: &UserId) -> ApiResult;

    /// Tells the rooms of a user about their new display name or avatar.
    fn profile_changed(&self, user: UserNid) -> BoxFuture<'_, ()>;

    /// Hides what a closed account wrote from newcomers, and removes what it stored.
    fn erased(&self, user: UserNid) -> BoxFuture<'_, ApiResult>;

    /// Takes a closed account out of its rooms.
    fn deactivated(&self, user: UserNid) -> BoxFuture<'_, ()>;
}

/// Something added to a commit.
#[derive(Default)]
pub struct Addition {
    /// What to write. It is given the first position of the commit.
    pub fill: Option<Fill>,
    /// What waiting sessions have to look at.
    pub changes: Vec<Change>,
}

impl Addition {
    /// The commit of an action with what is added to it.
    pub(super) fn with(self, action: impl FnOnce(&mut Batch<'_>) + Send + 'static) -> Commit {
        let Self { fill, changes } = self;
        let Some(fill) = fill else {
            return changes
                .into_iter()
                .fold(Commit::silent(action), Commit::changing);
        };
        let commit = Commit::new(move |batch, pos| {
            action(batch);
            fill(batch, pos);
        });
        changes.into_iter().fold(commit, Commit::changing)
    }
}
