//! The rows of rooms: events, their place in the timeline, members and summaries.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    ids::{EventNid, RoomNid, StreamPos, TypeNid, UserNid},
    records,
    rooms::state::tree::StateRoot,
    storage::{Error, Key, Result, Value},
};

/// A stored event with what the server knows about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRow {
    /// What the checks said.
    pub standing: Standing,
    /// The room.
    pub room: RoomNid,
    /// Where the event stands in the timeline; zero for an event outside of it (an outlier).
    pub place: Place,
    /// The room's state before the event.
    pub state_before: StateRoot,
    /// The room's state after the event.
    pub state_after: StateRoot,
    /// The redaction that removed the content, or zero.
    pub redacted_by: EventNid,
    /// The state event this one replaced, or zero.
    pub replaces: EventNid,
    /// The event with its id, as [`crate::events::Pdu::to_stored`] makes it; redacted where `redacted_by` says so.
    pub pdu: Vec<u8>,
}

/// What the checks on an event said.
/// [spec](https://spec.matrix.org/v1.19/server-server-api/#checks-performed-on-receipt-of-a-pdu)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Part of the room.
    Accepted,
    /// Valid when it was sent, not allowed by the state now: kept from clients.
    SoftFailed,
    /// Not allowed by the rules.
    Rejected,
}

/// A place in a room's timeline. Events found later go between two places with a smaller `sub`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The stream position.
    pub pos: StreamPos,
    /// The order within the position.
    pub sub: u32,
}

/// The `sub` of events that came live.
pub const LIVE: u32 = 0x8000_0000;

impl Place {
    /// The place of a live event.
    pub fn live(pos: StreamPos) -> Self {
        Self { pos, sub: LIVE }
    }

    /// Before everything.
    pub const FIRST: Self = Self {
        pos: StreamPos::ZERO,
        sub: 0,
    };
    /// After everything.
    pub const END: Self = Self {
        pos: StreamPos::MAX,
        sub: u32::MAX,
    };

    /// The place right after this one.
    pub fn next(self) -> Self {
        match self.sub.checked_add(1) {
            Some(sub) => Self { pos: self.pos, sub },
            None => Self {
                pos: self.pos.plus(1),
                sub: 0,
            },
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.pos, self.sub)
    }
}

const EVENT_ROW_VERSION: u8 = 1;

impl Value for EventRow {
    fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut out = Vec::with_capacity(72 + self.pdu.len());
        out.push(EVENT_ROW_VERSION);
        out.push(match self.standing {
            Standing::Accepted => 0,
            Standing::SoftFailed => 1,
            Standing::Rejected => 2,
        });
        (
            self.room,
            self.place.pos,
            self.place.sub,
            self.redacted_by,
            self.replaces,
        )
            .encode(&mut out);
        (self.state_before.0, self.state_after.0).encode(&mut out);
        out.extend_from_slice(&self.pdu);
        Ok(out)
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let [EVENT_ROW_VERSION, standing, rest @ ..] = bytes else {
            return Err(Error::Corrupt("an event row has an unknown version"));
        };
        let standing = match standing {
            0 => Standing::Accepted,
            1 => Standing::SoftFailed,
            2 => Standing::Rejected,
            _ => return Err(Error::Corrupt("an event has an unknown standing")),
        };
        let mut rest = rest;
        let (room, pos, sub, redacted_by, replaces) = Key::decode(&mut rest)?;
        let (before, after) = <([u8; 16], [u8; 16])>::decode(&mut rest)?;
        Ok(Self {
            standing,
            room,
            place: Place { pos, sub },
            state_before: StateRoot(before),
            state_after: StateRoot(after),
            redacted_by,
            replaces,
            pdu: rest.to_vec(),
        })
    }
}

/// One event in a room's timeline, with what is asked of many events at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimelineRow {
    /// The event.
    pub event: EventNid,
    /// Its type.
    pub kind: TypeNid,
    /// Its sender.
    pub sender: UserNid,
    /// Whether it is a state event.
    pub is_state: bool,
    /// How many events up to this one, outside of threads, notify a member with the default push rules.
    pub notifying: u64,
}

impl Value for TimelineRow {
    fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut out = Vec::with_capacity(25);
        (
            self.event,
            self.kind,
            self.sender,
            u8::from(self.is_state),
            self.notifying,
        )
            .encode(&mut out);
        Ok(out)
    }

    fn from_bytes(mut bytes: &[u8]) -> Result<Self> {
        let (event, kind, sender, is_state, notifying) = <(_, _, _, u8, _)>::decode(&mut bytes)?;
        Ok(Self {
            event,
            kind,
            sender,
            is_state: is_state != 0,
            notifying,
        })
    }
}

/// A member's state in a room, ordered for scans by membership.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum Membership {
    /// In the room.
    Join = 1,
    /// Invited.
    Invite = 2,
    /// Asked to be let in.
    Knock = 3,
    /// Left, or was removed.
    Leave = 4,
    /// Banned.
    Ban = 5,
}

impl Membership {
    /// From the word in a `m.room.member` event.
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "join" => Self::Join,
            "invite" => Self::Invite,
            "knock" => Self::Knock,
            "leave" => Self::Leave,
            "ban" => Self::Ban,
            _ => return None,
        })
    }

    /// The word in a `m.room.member` event.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Join => "join",
            Self::Invite => "invite",
            Self::Knock => "knock",
            Self::Leave => "leave",
            Self::Ban => "ban",
        }
    }
}

impl Key for Membership {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(*self as u8);
    }
    fn decode(input: &mut &[u8]) -> Result<Self> {
        Ok(match u8::decode(input)? {
            1 => Self::Join,
            2 => Self::Invite,
            3 => Self::Knock,
            4 => Self::Leave,
            5 => Self::Ban,
            _ => return Err(Error::Corrupt("a membership is unknown")),
        })
    }
}

impl crate::storage::KeyOf<Self> for Membership {
    fn encode(&self, out: &mut Vec<u8>) {
        Key::encode(self, out);
    }
}

/// A user's relation to a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserRoomRow {
    /// The user's membership.
    pub membership: Membership,
    /// The membership event.
    pub event: EventNid,
    /// When it was received.
    pub pos: StreamPos,
    /// When the user last entered the room (the first of the joins that are not profile changes), or zero.
    pub joined_at: StreamPos,
    /// The event with which the user last left the room after having been in it, or zero.
    #[serde(default)]
    pub left: EventNid,
    /// When that was received.
    #[serde(default)]
    pub left_at: StreamPos,
    /// Whether the user has ever been in the room.
    #[serde(default)]
    pub was_joined: bool,
    /// Whether a user who left has forgotten the room.
    #[serde(default)]
    pub forgotten: bool,
    /// The state an invited or knocking user is shown, as JSON events, for rooms this server is not in.
    #[serde(default)]
    pub stripped_state: Vec<String>,
}

impl UserRoomRow {
    /// Whether the user is in the room, and has been since this place of its timeline. History that was fetched later
    /// may stand at the same position as the user's join, before it.
    pub fn is_in_since(&self, place: Place) -> bool {
        self.membership == Membership::Join && place >= Place::live(self.joined_at)
    }
}

/// What is asked of a room most often, kept current by every state event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomSummary {
    /// The room version.
    pub version: String,
    /// The current state.
    pub state: [u8; 16],
    /// The first event.
    pub create: EventNid,
    /// `m.room.create`'s `type`.
    #[serde(default)]
    pub room_type: Option<String>,
    /// Members who are in.
    pub joined: u64,
    /// Members who are invited.
    pub invited: u64,
    /// Users who knock.
    pub knocked: u64,
    /// Up to six members that can name the room, one more than shown so that the viewer can be left out.
    pub heroes: Vec<UserNid>,
    /// `m.room.name`.
    #[serde(default)]
    pub name: Option<String>,
    /// `m.room.topic`.
    #[serde(default)]
    pub topic: Option<String>,
    /// `m.room.avatar`.
    #[serde(default)]
    pub avatar: Option<String>,
    /// `m.room.canonical_alias`.
    #[serde(default)]
    pub alias: Option<String>,
    /// `m.room.encryption`'s algorithm.
    #[serde(default)]
    pub encryption: Option<String>,
    /// `m.room.join_rules`.
    #[serde(default)]
    pub join_rule: Option<String>,
    /// Rooms whose members may join, when the join rule is restricted.
    #[serde(default)]
    pub allowed_rooms: Vec<String>,
    /// `m.room.history_visibility`.
    #[serde(default)]
    pub history_visibility: Option<String>,
    /// `m.room.guest_access`.
    #[serde(default)]
    pub guest_access: Option<String>,
    /// Where the room went on, by `m.room.tombstone`.
    #[serde(default)]
    pub replacement: Option<String>,
    /// When this row last changed.
    pub changed: StreamPos,
    /// How many of those who are in come from other servers.
    #[serde(default)]
    pub remote: u64,
    /// `m.room.policy`'s `via`.
    #[serde(default)]
    pub policy_server: Option<String>,
}

impl RoomSummary {
    /// The current state.
    pub fn state_root(&self) -> StateRoot {
        StateRoot(self.state)
    }
}

records!(UserRoomRow = 1, RoomSummary = 1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_row_round_trips() {
        let row = EventRow {
            standing: Standing::SoftFailed,
            room: RoomNid(1),
            place: Place::live(StreamPos(77)),
            state_before: StateRoot([1; 16]),
            state_after: StateRoot([2; 16]),
            redacted_by: EventNid(0),
            replaces: EventNid(9),
            pdu: vec![0, 1, 2],
        };
        assert_eq!(EventRow::from_bytes(&row.to_bytes().unwrap()).unwrap(), row);
    }

    #[test]
    fn timeline_row_has_fixed_bytes() {
        let row = TimelineRow {
            event: EventNid(1),
            kind: TypeNid(2),
            sender: UserNid(3),
            is_state: true,
            notifying: 4,
        };
        let bytes = [
            0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 1, 0, 0, 0, 0, 0, 0, 0, 4,
        ];
        assert_eq!(row.to_bytes().unwrap(), bytes);
        assert_eq!(TimelineRow::from_bytes(&bytes).unwrap(), row);
    }

    #[test]
    fn places_follow_one_another() {
        let live = Place::live(StreamPos(5));
        assert!(
            Place {
                pos: StreamPos(5),
                sub: LIVE - 1
            } < live
        );
        assert!(live < live.next() && live.next() < Place::live(StreamPos(6)));
    }
}
