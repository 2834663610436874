//! Devices: listing, naming, removing them.

use ruma::{DeviceId, MilliSecondsSinceUnixEpoch, OwnedDeviceId};

use super::{
    Addition, Session, Users,
    refresh::{delete_access, delete_refresh},
    sessions::MAX_DEVICE_ID_LENGTH,
    store::{self, DeviceToken, TokenKind},
};
use crate::{
    ApiError, ApiResult,
    ids::UserNid,
    storage::{Batch, Commit, tables},
};

/// Bytes of the longest name of a device.
const MAX_DISPLAY_NAME_LENGTH: usize = 255;

/// A device as its user sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its id.
    pub device_id: OwnedDeviceId,
    /// Its name.
    pub display_name: Option<String>,
    /// The address it was last seen from.
    pub last_seen_ip: Option<String>,
    /// When it was last seen.
    pub last_seen: Option<MilliSecondsSinceUnixEpoch>,
}

/// Some devices of a user.
#[derive(Clone, Debug)]
pub enum DevicesOf {
    /// These, as far as they exist.
    These(Vec<OwnedDeviceId>),
    /// All but this one.
    AllBut(OwnedDeviceId),
    /// All.
    All,
}

impl DevicesOf {
    fn has(&self, device_id: &OwnedDeviceId) -> bool {
        match self {
            Self::These(devices) => devices.contains(device_id),
            Self::AllBut(kept) => device_id != kept,
            Self::All => true,
        }
    }
}

/// The rows that go with some devices.
struct Removal {
    devices: Vec<OwnedDeviceId>,
    tokens: Vec<DeviceToken>,
    addition: Addition,
}

impl Users {
    /// The devices of a user.
    pub async fn devices(&self, user: UserNid) -> ApiResult<Vec<Device>> {
        self.read(move |_, snapshot| {
            let mut devices = Vec::new();
            for (device_id, row) in store::devices_of(snapshot, user)? {
                let seen = tables::LAST_SEEN.get(snapshot, (user, &device_id))?;
                let (last_seen_ip, last_seen) =
                    seen.map_or((None, None), |seen| (seen.ip, Some(seen.at)));
                devices.push(Device {
                    device_id,
                    display_name: row.display_name,
                    last_seen_ip,
                    last_seen,
                });
            }
            Ok(devices)
        })
        .await
    }

    /// Names a device; `None` leaves the name as it is.
    /// [spec](https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3devicesdeviceid)
    pub async fn rename_device(
        &self,
        user: UserNid,
        device_id: OwnedDeviceId,
        display_name: Option<String>,
    ) -> ApiResult {
        if display_name
            .as_ref()
            .is_some_and(|name| name.len() > MAX_DISPLAY_NAME_LENGTH)
        {
            return Err(ApiError::invalid_param(
                "The name of a device may have 255 bytes.",
            ));
        }
        let _turn = self.lock(user).await;
        let (key, hooks) = (device_id.clone(), self.hooks().cloned());
        let (device, addition) = self
            .read(move |_, snapshot| {
                let device = tables::DEVICE.get(snapshot, (user, &key))?;
                let addition = match hooks {
                    Some(hooks) => hooks.device_renamed(snapshot, user, &key)?,
                    None => Addition::default(),
                };
                Ok((device, addition))
            })
            .await?;
        let Some(mut device) = device else {
            return Err(ApiError::not_found("You have no such device."));
        };
        let Some(name) = display_name.filter(|name| device.display_name.as_ref() != Some(name))
        else {
            return Ok(());
        };
        device.display_name = Some(name);
        let commit =
            addition.with(move |batch| tables::DEVICE.put(batch, (user, &device_id), &device));
        self.inner.storage.commit(commit).await?;
        Ok(())
    }

    /// Makes a device that nobody signs in to, for an application service, or names one that is there.
    /// [spec](https://spec.matrix.org/v1.19/application-service-api/#creating-devices)
    pub async fn create_device(
        &self,
        user: UserNid,
        device_id: OwnedDeviceId,
        display_name: Option<String>,
    ) -> ApiResult<bool> {
        let length = device_id.as_str().len();
        if length == 0 || length > MAX_DEVICE_ID_LENGTH {
            return Err(ApiError::invalid_param(
                "A device id has between 1 and 255 bytes.",
            ));
        }
        let device = store::DeviceRow {
            display_name: None,
            created: self.inner.clock.now(),
        };
        let turn = self.lock(user).await;
        let (key, hooks) = (device_id.clone(), self.hooks().cloned());
        let addition = self
            .read(move |_, snapshot| match hooks {
                _ if tables::DEVICE.contains(snapshot, (user, &key))? => Ok(None),
                Some(hooks) => Ok(Some(hooks.device_created(snapshot, user, &key)?)),
                None => Ok(Some(Addition::default())),
            })
            .await?;
        let is_new = addition.is_some();
        if let Some(addition) = addition {
            let key = device_id.clone();
            let commit =
                addition.with(move |batch| tables::DEVICE.put(batch, (user, &key), &device));
            self.inner.storage.commit(commit).await?;
        }
        drop(turn);
        self.rename_device(user, device_id, display_name).await?;
        Ok(is_new)
    }

    /// Removes devices with everything they have: their tokens at once.
    pub async fn delete_devices(&self, user: UserNid, which: DevicesOf) -> ApiResult {
        let _turn = self.lock(user).await;
        let hooks = self.hooks().cloned();
        let removal = self
            .read(move |_, snapshot| {
                let mut devices: Vec<_> = store::devices_of(snapshot, user)?
                    .into_iter()
                    .map(|(device_id, _)| device_id)
                    .collect();
                devices.retain(|device_id| which.has(device_id));
                let mut tokens = store::tokens_of(snapshot, user)?;
                tokens.retain(|token| which.has(&token.device_id));
                let addition = match hooks {
                    Some(hooks) if !devices.is_empty() => {
                        hooks.devices_deleted(snapshot, user, &devices)?
                    }
                    _ => Addition::default(),
                };
                Ok(Removal {
                    devices,
                    tokens,
                    addition,
                })
            })
            .await?;
        if removal.devices.is_empty() && removal.tokens.is_empty() {
            return Ok(());
        }
        let ended: Vec<_> = removal.tokens.iter().map(|token| token.hash).collect();
        self.inner.storage.commit(removal.commit(user)).await?;
        self.inner.sessions.forget(ended);
        self.wake(user).await
    }

    /// Ends a session and removes its device.
    /// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3logout)
    pub async fn logout(&self, session: &Session) -> ApiResult {
        let devices = DevicesOf::These(vec![session.device_id.clone()]);
        self.delete_devices(session.user, devices).await
    }
}

impl Removal {
    fn commit(self, user: UserNid) -> Commit {
        let Self {
            devices,
            tokens,
            addition,
        } = self;
        let mut commit = Commit::new(move |batch, pos| {
            delete_rows(batch, user, &devices, &tokens);
            if let Some(fill) = addition.fill {
                fill(batch, pos);
            }
        });
        for change in addition.changes {
            commit = commit.changing(change);
        }
        commit
    }
}

fn delete_rows(
    batch: &mut Batch<'_>,
    user: UserNid,
    devices: &[OwnedDeviceId],
    tokens: &[DeviceToken],
) {
    for device_id in devices {
        tables::DEVICE.delete(batch, (user, device_id));
        tables::LAST_SEEN.delete(batch, (user, device_id));
    }
    for token in tokens {
        match token.kind {
            TokenKind::Access => delete_access(batch, user, &token.device_id, token.hash),
            TokenKind::Refresh => delete_refresh(batch, user, &token.device_id, token.hash),
        }
    }
}

/// Writes a device that nobody is signed in on.
pub fn put_device(
    batch: &mut Batch<'_>,
    user: UserNid,
    device_id: &DeviceId,
    display_name: Option<String>,
    created: MilliSecondsSinceUnixEpoch,
) {
    let row = store::DeviceRow {
        display_name,
        created,
    };
    tables::DEVICE.put(batch, (user, device_id), &row);
}

/// Removes a device that nobody is signed in on.
pub fn delete_device(batch: &mut Batch<'_>, user: UserNid, device_id: &DeviceId) {
    tables::DEVICE.delete(batch, (user, device_id));
    tables::LAST_SEEN.delete(batch, (user, device_id));
}
