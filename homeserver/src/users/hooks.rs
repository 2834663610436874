//! What the domains above do when something happens to a user.
//!
//! This domain is at the bottom and calls none of them; the composition root gives it one implementation.

use futures::future::BoxFuture;
use ruma::OwnedDeviceId;

use crate::{
    ids::UserNid,
    storage::{Change, Fill, Result, Snapshot},
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

    /// Tells the rooms of a user about their new display name or avatar.
    fn profile_changed(&self, user: UserNid) -> BoxFuture<'_, ()>;

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
