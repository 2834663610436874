//! Rooms as administrators see them: all of them, whoever is in.

use ruma::{OwnedRoomId, OwnedUserId};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Admin;
use crate::{
    ApiError, ApiResult,
    ids::RoomNid,
    rooms::{
        Rooms,
        rows::{Membership, RoomSummary},
    },
    storage::{self, Snapshot, tables},
};

/// A room in a list.
#[derive(Clone, Debug)]
pub struct RoomRow {
    room: RoomNid,
    /// The room.
    pub room_id: OwnedRoomId,
    /// What is known of it.
    pub summary: RoomSummary,
    /// Who made it.
    pub creator: OwnedUserId,
    /// Whether users of other servers may be in it.
    pub federatable: bool,
    /// Whether it is in the directory.
    pub public: bool,
}

/// What is counted in a room only for those rooms that are shown.
#[derive(Clone, Copy, Debug, Default)]
pub struct RoomCounts {
    /// Members of this server.
    pub local_members: u64,
    /// State events.
    pub state_events: u64,
}

impl Admin {
    /// Every room that is wanted.
    pub fn rooms(
        rooms: &Rooms,
        snapshot: &Snapshot<'_>,
        wanted: impl Fn(&RoomRow) -> bool,
    ) -> ApiResult<Vec<RoomRow>> {
        let mut found = Vec::new();
        for row in tables::ROOM.scan(snapshot, ())? {
            let (room, summary) = row?;
            let row = RoomRow::read(rooms, snapshot, room, summary)?;
            if wanted(&row) {
                found.push(row);
            }
        }
        Ok(found)
    }

    /// One room.
    pub fn room(rooms: &Rooms, snapshot: &Snapshot<'_>, room: RoomNid) -> ApiResult<RoomRow> {
        let summary = rooms
            .summary(snapshot, room)?
            .ok_or_else(|| ApiError::not_found("This server does not know the room."))?;
        RoomRow::read(rooms, snapshot, room, summary)
    }
}

impl RoomRow {
    fn read(
        rooms: &Rooms,
        snapshot: &Snapshot<'_>,
        room: RoomNid,
        summary: RoomSummary,
    ) -> ApiResult<Self> {
        #[derive(Default, Deserialize)]
        struct Create {
            #[serde(rename = "m.federate")]
            federate: Option<bool>,
        }
        let create = rooms.known_event(snapshot, summary.create)?;
        let content: Create = create.pdu.content_as().unwrap_or_default();
        Ok(Self {
            room,
            room_id: rooms.room_id(room)?,
            creator: create.pdu.sender().to_owned(),
            federatable: content.federate.unwrap_or(true),
            public: tables::PUBLIC_ROOM.contains(snapshot, room)?,
            summary,
        })
    }

    /// Counts what is not kept.
    pub fn count(&self, snapshot: &Snapshot<'_>) -> storage::Result<RoomCounts> {
        let mut counts = RoomCounts::default();
        for row in tables::MEMBER.scan(snapshot, (self.room, Membership::Join))? {
            let ((_, _, user), _) = row?;
            counts.local_members += u64::from(tables::ACCOUNT.contains(snapshot, user)?);
        }
        for row in tables::CURRENT_STATE.scan(snapshot, (self.room,))? {
            row?;
            counts.state_events += 1;
        }
        Ok(counts)
    }

    /// Whether the room's name, canonical alias or id contains a text in lower case. An id has to be given whole.
    pub fn mentions(&self, term: &str) -> bool {
        let has = |text: &Option<String>| {
            text.as_ref()
                .is_some_and(|text| text.to_lowercase().contains(term))
        };
        has(&self.summary.name)
            || has(&self.summary.alias)
            || self.room_id.as_str().eq_ignore_ascii_case(term)
    }

    /// The room as lists show it.
    pub fn show(&self, counts: RoomCounts) -> Value {
        let summary = &self.summary;
        json!({
            "room_id": self.room_id,
            "name": summary.name,
            "canonical_alias": summary.alias,
            "joined_members": summary.joined,
            "joined_local_members": counts.local_members,
            "version": summary.version,
            "creator": self.creator,
            "encryption": summary.encryption,
            "federatable": self.federatable,
            "public": self.public,
            "join_rules": summary.join_rule,
            "guest_access": summary.guest_access,
            "history_visibility": summary.history_visibility,
            "state_events": counts.state_events,
            "room_type": summary.room_type,
        })
    }

    /// The room as it is shown alone.
    pub fn show_whole(&self, snapshot: &Snapshot<'_>) -> storage::Result<Value> {
        let mut shown = self.show(self.count(snapshot)?);
        let mut devices = 0_u64;
        let mut remembered = false;
        for membership in [Membership::Join, Membership::Leave, Membership::Invite] {
            for row in tables::MEMBER.scan(snapshot, (self.room, membership))? {
                let ((_, _, user), _) = row?;
                if !tables::ACCOUNT.contains(snapshot, user)? {
                    continue;
                }
                if membership == Membership::Join {
                    for device in tables::DEVICE.scan(snapshot, (user,))? {
                        device?;
                        devices += 1;
                    }
                }
                let row = tables::USER_ROOM.get(snapshot, (user, self.room))?;
                remembered |= row.is_some_and(|row| !row.forgotten);
            }
        }
        let summary = &self.summary;
        for (key, value) in [
            ("topic", json!(summary.topic)),
            ("avatar", json!(summary.avatar)),
            ("joined_local_devices", devices.into()),
            // Whether everybody here who was in it has left and forgotten it.
            ("forgotten", (!remembered).into()),
            ("tombstoned", summary.replacement.is_some().into()),
            ("replacement_room", json!(summary.replacement)),
        ] {
            shown[key] = value;
        }
        Ok(shown)
    }
}
