//! `[rooms]` and `[appservices]`.

use std::path::PathBuf;

use ruma::RoomVersionId;
use serde::Deserialize;

use super::{ConfigError, Period};

/// New rooms.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rooms {
    /// The version of a room whose creator names none.
    pub default_version: RoomVersionId,
    /// How long messages stay in rooms that do not say; for ever without.
    pub retention: Option<Period>,
}

impl Default for Rooms {
    fn default() -> Self {
        Self {
            default_version: RoomVersionId::V12,
            retention: None,
        }
    }
}

impl Rooms {
    /// The room versions this server makes and joins.
    pub const VERSIONS: [RoomVersionId; 7] = [
        RoomVersionId::V6,
        RoomVersionId::V7,
        RoomVersionId::V8,
        RoomVersionId::V9,
        RoomVersionId::V10,
        RoomVersionId::V11,
        RoomVersionId::V12,
    ];

    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if self.retention.is_some_and(|period| period.0.is_zero()) {
            let reason =
                "messages have to stay for some time; leave the key out to keep them for ever";
            return Err(ConfigError::invalid("rooms.retention", reason.to_owned()));
        }
        if Self::VERSIONS.contains(&self.default_version) {
            return Ok(());
        }
        let reason = format!(
            "new rooms cannot have version {}; write one from \"6\" to \"12\"",
            self.default_version
        );
        Err(ConfigError::invalid("rooms.default_version", reason))
    }
}

/// Application services.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Appservices {
    /// A folder whose YAML files are all registrations.
    pub dir: Option<PathBuf>,
    /// Single registration files.
    pub files: Vec<PathBuf>,
}
