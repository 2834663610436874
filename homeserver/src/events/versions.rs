//! The room versions this server knows.

use ruma::{RoomVersionId, room_version_rules::RoomVersionRules};

/// The room versions in which rooms can be created and joined, in ascending order. All are stable.
///
/// Versions 1 and 2 are absent: their servers choose the ids of events, and version 1 has another state resolution.
/// Before version 6 events need not be canonical JSON; here those that are not are refused.
/// [spec](https://spec.matrix.org/v1.19/rooms/)
pub const OFFERED: [RoomVersionId; 10] = [
    RoomVersionId::V3,
    RoomVersionId::V4,
    RoomVersionId::V5,
    RoomVersionId::V6,
    RoomVersionId::V7,
    RoomVersionId::V8,
    RoomVersionId::V9,
    RoomVersionId::V10,
    RoomVersionId::V11,
    RoomVersionId::V12,
];

/// The rules of a room version, if this server offers it.
pub fn rules(version: &RoomVersionId) -> Option<&'static RoomVersionRules> {
    Some(match version {
        RoomVersionId::V3 => &RoomVersionRules::V3,
        RoomVersionId::V4 => &RoomVersionRules::V4,
        RoomVersionId::V5 => &RoomVersionRules::V5,
        RoomVersionId::V6 => &RoomVersionRules::V6,
        RoomVersionId::V7 => &RoomVersionRules::V7,
        RoomVersionId::V8 => &RoomVersionRules::V8,
        RoomVersionId::V9 => &RoomVersionRules::V9,
        RoomVersionId::V10 => &RoomVersionRules::V10,
        RoomVersionId::V11 => &RoomVersionRules::V11,
        RoomVersionId::V12 => &RoomVersionRules::V12,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_version_offered_has_rules() {
        assert!(OFFERED.iter().all(|version| rules(version).is_some()));
    }

    #[test]
    fn other_versions_are_unknown() {
        for version in [
            RoomVersionId::V1,
            RoomVersionId::V2,
            "org.example.13".try_into().unwrap(),
        ] {
            assert!(rules(&version).is_none(), "{version}");
        }
    }
}
