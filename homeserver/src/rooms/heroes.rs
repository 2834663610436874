//! The members that name a room which has no name of its own.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#calculating-the-display-name-for-a-room)

use ruma::OwnedUserId;

use super::{
    Rooms,
    rows::{Membership, RoomSummary},
};
use crate::{
    ids::{RoomNid, UserNid},
    storage::{Result, Snapshot, tables},
};

/// Heroes that are told.
const TOLD: usize = 5;

impl Rooms {
    /// Up to five others who are in the room or invited, or, when there are none, who have left or are banned.
    pub fn heroes(
        &self,
        snapshot: &Snapshot<'_>,
        room: RoomNid,
        summary: &RoomSummary,
        viewer: UserNid,
    ) -> Result<Vec<OwnedUserId>> {
        let mut heroes: Vec<UserNid> = summary.heroes.clone();
        heroes.retain(|hero| *hero != viewer);
        heroes.truncate(TOLD);
        if heroes.is_empty() {
            for membership in [Membership::Leave, Membership::Ban] {
                for row in tables::MEMBER.scan(snapshot, (room, membership))? {
                    let ((_, _, user), _) = row?;
                    if heroes.len() == TOLD {
                        break;
                    }
                    if user != viewer {
                        heroes.push(user);
                    }
                }
            }
        }
        let interner = self.storage().interner();
        heroes
            .into_iter()
            .map(|hero| interner.user_id(hero))
            .collect()
    }
}
