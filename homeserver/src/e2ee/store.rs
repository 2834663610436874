//! Rows of keys, to-device messages and key backups.

use std::collections::BTreeMap;

use ruma::{OneTimeKeyAlgorithm, OwnedDeviceId, UInt};
use serde::{Deserialize, Serialize};

use crate::records;

/// Which keys other users can still claim from a device: what every sync tells its client.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimableRow {
    /// One-time keys left, by algorithm.
    pub one_time: BTreeMap<String, u32>,
    /// Algorithms whose fallback key has not been handed out.
    pub unused_fallback: Vec<String>,
}

impl ClaimableRow {
    /// One-time keys left by algorithm. The algorithm that all clients use is always told, also when none are left:
    /// some take no count for no news.
    pub fn counts(&self) -> BTreeMap<OneTimeKeyAlgorithm, UInt> {
        let mut counts = BTreeMap::from([(OneTimeKeyAlgorithm::SignedCurve25519, UInt::MIN)]);
        counts.extend(
            self.one_time
                .iter()
                .map(|(name, count)| (name.as_str().into(), UInt::from(*count))),
        );
        counts
    }

    /// Algorithms whose fallback key has not been handed out.
    pub fn unused_fallback_types(&self) -> Vec<OneTimeKeyAlgorithm> {
        self.unused_fallback
            .iter()
            .map(|name| name.as_str().into())
            .collect()
    }
}

/// A key that is handed out when the one-time keys have run out, again and again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FallbackKeyRow {
    /// The key's id, without the algorithm.
    pub key_id: String,
    /// The key as it was uploaded.
    pub key: String,
    /// Whether somebody has it.
    pub used: bool,
}

/// A version of a user's key backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupVersionRow {
    /// How keys are encrypted.
    pub algorithm: String,
    /// What the algorithm needs, as JSON.
    pub auth_data: String,
    /// Grows with every change of the stored keys.
    pub etag: u64,
    /// The number of stored keys.
    pub count: u64,
    /// Whether the version was deleted. The row stays, so that its number is never given to another version.
    pub deleted: bool,
}

/// A user's dehydrated device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DehydratedDeviceRow {
    /// Its id.
    pub device_id: OwnedDeviceId,
    /// Its private keys, encrypted by the client: a JSON object.
    pub data: String,
}

records!(
    ClaimableRow = 1,
    FallbackKeyRow = 1,
    BackupVersionRow = 1,
    DehydratedDeviceRow = 1
);

/// The purpose of a cross-signing key, as part of a table's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrossSigningUsage {
    /// Stands for the user.
    Master = 1,
    /// Signs the user's devices.
    SelfSigning = 2,
    /// Signs other users.
    UserSigning = 3,
}

impl CrossSigningUsage {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Master, Self::SelfSigning, Self::UserSigning];

    /// The word in the key's `usage`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Master => "master",
            Self::SelfSigning => "self_signing",
            Self::UserSigning => "user_signing",
        }
    }
}
