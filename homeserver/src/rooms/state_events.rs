//! Reading and sending state.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#getting-events-for-a-room)

use std::{collections::BTreeSet, sync::Arc};

use ruma::{OwnedEventId, events::TimelineEventType};
use serde_json::{
    Map, Value,
    value::{RawValue, to_raw_value},
};

use super::{
    Rooms, canonical_alias,
    event::RoomEvent,
    look::{Access, Look},
    restricted,
    retention::RETENTION,
    state::tree::{self, StateRoot},
    txn::Txn,
};
use crate::{
    error::{ApiError, ApiResult},
    events::Draft,
    ids::RoomNid,
    storage::{Result, tables},
};

/// Names the member in whose name somebody enters a restricted room.
pub const AUTHORISED_BY: &str = "join_authorised_via_users_server";

impl Look<'_> {
    /// The room's state, as it was when the user left if they have left.
    pub fn state(&self) -> ApiResult<Vec<Arc<RoomEvent>>> {
        match self.access()? {
            Access::Now => {
                let mut events = Vec::new();
                for row in tables::CURRENT_STATE.scan(self.snapshot, (self.room,))? {
                    events.push(self.rooms.known_event(self.snapshot, row?.1)?);
                }
                Ok(events)
            }
            Access::Until(left) => Ok(self.state_in(left.row.state_after)?),
        }
    }

    /// One event of that state.
    pub fn state_event(&self, kind: &str, state_key: &str) -> ApiResult<Arc<RoomEvent>> {
        let event = match self.access()? {
            Access::Now => self
                .rooms
                .state_event(self.snapshot, self.room, kind, state_key)?,
            Access::Until(left) => {
                let state = left.row.state_after;
                self.rooms
                    .state_event_at(self.snapshot, state, kind, state_key)?
            }
        };
        event.ok_or_else(|| {
            ApiError::not_found("The room has no state event of this type with this state key.")
        })
    }

    /// The room's state after one of its events.
    pub fn state_after(&self, event: &RoomEvent) -> ApiResult<Vec<Arc<RoomEvent>>> {
        Ok(self.state_in(event.row.state_after)?)
    }

    /// The same with those members alone who sent some events.
    /// [spec](https://spec.matrix.org/v1.19/client-server-api/#lazy-loading-room-members)
    pub fn state_after_with_senders<'e>(
        &self,
        event: &RoomEvent,
        shown: impl IntoIterator<Item = &'e Arc<RoomEvent>>,
    ) -> ApiResult<Vec<Arc<RoomEvent>>> {
        let senders = shown.into_iter().map(|event| event.pdu.sender().as_str());
        let senders: BTreeSet<&str> = senders.collect();
        let interner = self.rooms.storage().interner();
        let mut state = Vec::new();
        for (key, event) in tree::entries(&self.rooms.nodes(self.snapshot), event.row.state_after)?
        {
            let (kind, state_key) = interner.state_key_text(key)?;
            if kind != "m.room.member" || senders.contains(&*state_key) {
                state.push(self.rooms.known_event(self.snapshot, event)?);
            }
        }
        Ok(state)
    }

    /// All events of a state.
    pub(super) fn state_in(&self, root: StateRoot) -> Result<Vec<Arc<RoomEvent>>> {
        let entries = tree::entries(&self.rooms.nodes(self.snapshot), root)?;
        let events = entries
            .iter()
            .map(|entry| self.rooms.known_event(self.snapshot, entry.1));
        events.collect()
    }
}

impl Rooms {
    /// Sends a state event of a local user. State that is there already is not sent again.
    /// [spec](https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3roomsroomidstateeventtypestatekey)
    pub async fn send_state(&self, room: RoomNid, draft: Draft) -> ApiResult<OwnedEventId> {
        let is_retention = draft.event_type.to_string() == RETENTION;
        let sent = self.write_own(room, move |txn| {
            Ok(txn.append_state(&draft)?.id().to_owned())
        });
        let event_id = sent.await?;
        if is_retention {
            self.look_for_expired();
        }
        Ok(event_id)
    }
}

impl Txn<'_> {
    /// Appends a state event of a local user, unless the state is what it says already.
    pub(super) fn append_state(&mut self, draft: &Draft) -> ApiResult<Arc<RoomEvent>> {
        let kind = draft.event_type.to_string();
        let current = self.state(&kind, draft.state_key.as_deref().unwrap_or_default())?;
        if let Some(current) = &current
            && draft.event_type != TimelineEventType::RoomCreate
            && current.pdu.sender() == draft.sender
            && is_same(current.pdu.content(), &draft.content)
        {
            return Ok(Arc::clone(current));
        }
        let own;
        let draft = match self.own_join(draft)? {
            Some(join) => {
                own = join;
                &own
            }
            None => draft,
        };
        if draft.event_type == TimelineEventType::RoomCanonicalAlias {
            canonical_alias::check(self, current.as_deref(), &draft.content)?;
        }
        self.append(draft)
    }

    /// A join that a member sends as state, with the member in whose name they enter a restricted room. Who that is is for
    /// the server to say, and for nobody where no one is needed.
    fn own_join(&self, draft: &Draft) -> ApiResult<Option<Draft>> {
        if draft.event_type != TimelineEventType::RoomMember
            || draft.state_key.as_deref() != Some(draft.sender.as_str())
        {
            return Ok(None);
        }
        let Ok(mut content) = serde_json::from_str::<Map<String, Value>>(draft.content.get())
        else {
            return Ok(None);
        };
        if content.get("membership") != Some(&"join".into()) {
            return Ok(None);
        }
        content.remove(AUTHORISED_BY);
        let old = self.membership(&draft.sender)?;
        if let Some(member) = restricted::authorising_member(self, &draft.sender, old)? {
            content.insert(AUTHORISED_BY.to_owned(), member.as_str().into());
        }
        let content = to_raw_value(&content).map_err(ApiError::internal)?;
        Ok(Some(Draft {
            content,
            ..draft.clone()
        }))
    }
}

/// Whether two contents say the same, however they are written.
fn is_same(a: &RawValue, b: &RawValue) -> bool {
    let parse = |raw: &RawValue| serde_json::from_str::<Value>(raw.get()).ok();
    a.get() == b.get() || parse(a).is_some_and(|a| parse(b) == Some(a))
}
