//! What end-to-end encryption needs of a server: public keys, the queue of messages to single devices, and the backup
//! of room keys. The server stores and hands out; it can read none of what the keys protect.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#end-to-end-encryption)

mod cross_signing;
mod dehydrated;
mod device_keys;
mod device_lists;
mod devices;
mod elsewhere;
mod key_backup;
mod one_time_keys;
mod other_servers;
pub mod routes;
mod signatures;
mod signed;
pub mod store;
mod to_device;

use std::sync::Arc;

use ruma::{OwnedServerName, UserId};

pub use self::{
    cross_signing::{NewCrossSigningKeys, UploadOutcome},
    dehydrated::NewDehydratedDevice,
    device_keys::{KeysOfUser, Viewed},
    device_lists::{DeviceLists, Span},
    elsewhere::DeviceList,
    key_backup::{BackupInfo, BackupScope, BackupState, KeysByRoom},
    one_time_keys::{ClaimableKeys, ClaimedKeys, NewKeys},
    other_servers::is_canonical,
    signatures::{MasterKeys, SignatureFailure, SignatureFailures, SignedObjects},
    to_device::{Recipients, TO_DEVICE_PAGE, ToDeviceMessage, ToDevicePage, check_contents},
};
use crate::{
    ApiResult,
    clock::SharedClock,
    ids::UserNid,
    rooms::{Rooms, membership::sharing_a_room},
    storage::{self, Change, Commit, Snapshot, Storage},
    users::Users,
};

/// The service. Clones share it.
#[derive(Clone)]
pub struct E2ee {
    inner: Arc<Inner>,
}

struct Inner {
    storage: Storage,
    users: Users,
    clock: SharedClock,
    rooms: Rooms,
    server_name: OwnedServerName,
}

impl E2ee {
    /// The service over a database.
    pub fn new(storage: Storage, clock: SharedClock, users: Users, rooms: Rooms) -> Self {
        let server_name = users.server_name().to_owned();
        let inner = Inner {
            storage,
            users,
            clock,
            rooms,
            server_name,
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    fn storage(&self) -> &Storage {
        &self.inner.storage
    }

    /// Whether this server is the one to ask about a user.
    pub fn is_local(&self, user: &UserId) -> bool {
        user.server_name() == self.inner.server_name
    }

    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Self, &Snapshot<'_>) -> ApiResult<T> + Send + 'static,
    ) -> ApiResult<T> {
        let this = self.clone();
        self.storage()
            .read(move |snapshot| read(&this, snapshot))
            .await
    }

    /// Everybody who has to look again when the devices of `user` change: the user, and all who share a room.
    fn audience(&self, snapshot: &Snapshot<'_>, user: UserNid) -> storage::Result<Vec<Change>> {
        let mut audience = sharing_a_room(snapshot, user)?;
        audience.insert(user.0);
        Ok(audience
            .into_iter()
            .map(|nid| Change::User(UserNid(nid)))
            .collect())
    }
}

/// A commit that announces several changes at its first position.
fn announcing(commit: Commit, changes: Vec<Change>) -> Commit {
    changes.into_iter().fold(commit, Commit::changing)
}

#[cfg(test)]
mod tests;
