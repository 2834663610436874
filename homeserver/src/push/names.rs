//! Which members a text may name.
//!
//! The old rules look for a member's name in the body of a message. Instead of asking every member's rules, the body is
//! searched once for all names of the room; who is found is asked.

use std::sync::Arc;

use aho_corasick::{AhoCorasick, AhoCorasickBuilder};
use quick_cache::sync::Cache;
use serde::Deserialize;

use crate::{
    error::{ApiError, ApiResult},
    ids::{RoomNid, StreamPos, UserNid},
    rooms::{event::RoomEvent, rows::Membership, txn::Txn},
    storage::tables,
};

/// Rooms whose names are kept.
const CACHED: usize = 500;

/// The names of the members of a room, as of its last change of state.
struct Names {
    as_of: StreamPos,
    users: Vec<UserNid>,
    search: AhoCorasick,
}

/// The names of the members of rooms.
pub(super) struct RoomNames(Cache<RoomNid, Arc<Names>>);

impl Default for RoomNames {
    fn default() -> Self {
        Self(Cache::new(CACHED))
    }
}

impl RoomNames {
    /// Members of this server whose name or local part stands somewhere in a text.
    pub(super) fn named(&self, txn: &Txn<'_>, text: &str) -> ApiResult<Vec<UserNid>> {
        let names = self.of(txn)?;
        let lower = text.to_lowercase();
        let mut found: Vec<_> = names
            .search
            .find_overlapping_iter(&lower)
            .map(|hit| names.users[hit.pattern().as_usize()])
            .collect();
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    fn of(&self, txn: &Txn<'_>) -> ApiResult<Arc<Names>> {
        let as_of = txn.head.summary().changed;
        if let Some(names) = self.0.get(&txn.room).filter(|names| names.as_of == as_of) {
            return Ok(names);
        }
        let names = Arc::new(Names::read(txn, as_of)?);
        self.0.insert(txn.room, Arc::clone(&names));
        Ok(names)
    }
}

impl Names {
    fn read(txn: &Txn<'_>, as_of: StreamPos) -> ApiResult<Self> {
        let interner = txn.rooms.storage().interner();
        let (mut users, mut patterns) = (Vec::new(), Vec::new());
        for row in tables::MEMBER.scan(txn.snapshot, (txn.room, Membership::Join))? {
            let ((_, _, user), (event, _)) = row?;
            let id = interner.user_id(user)?;
            if id.server_name() != txn.rooms.server_name() {
                continue;
            }
            users.push(user);
            patterns.push(id.localpart().to_lowercase());
            let name = display_name(&*txn.rooms.known_event(txn.snapshot, event)?).to_lowercase();
            if !name.is_empty() {
                users.push(user);
                patterns.push(name);
            }
        }
        let search = AhoCorasickBuilder::new()
            .build(patterns)
            .map_err(ApiError::internal)?;
        Ok(Self {
            as_of,
            users,
            search,
        })
    }
}

/// The display name in a member event, empty where there is none.
pub(super) fn display_name(member: &RoomEvent) -> String {
    #[derive(Deserialize)]
    struct Content {
        displayname: Option<String>,
    }
    let content: Option<Content> = member.pdu.content_as().ok();
    content
        .and_then(|content| content.displayname)
        .unwrap_or_default()
}
