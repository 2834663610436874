//! Taking in events of other servers.
//!
//! An event comes here with its signatures and hashes checked. Here it gets its place in the room: the state before it
//! is that after the events it follows, resolved where they disagree; the rules are asked with its own auth events, with
//! that state, and with the room's state now. The room's state afterwards is resolved from all events without
//! successors, and what that changes is written with the event like any other change of state.
//! [spec](https://spec.matrix.org/v1.19/server-server-api/#checks-performed-on-receipt-of-a-pdu)

use std::{collections::HashMap, sync::Arc};

use ruma::{
    EventId, OwnedEventId,
    events::{StateEventType, TimelineEventType},
    room_version_rules::RoomVersionRules,
};

use super::{
    Rooms,
    event::{Changed, RoomEvent},
    resolving::StateAt,
    rows::{EventRow, Place, Standing},
    state::tree::{self, StateRoot},
    txn::{StateChange, Txn},
};
use crate::{
    error::{ApiError, ApiResult},
    events::{
        Pdu,
        auth::{self, AuthError, StateView},
    },
    ids::{EventNid, RoomNid},
    storage::tables,
};

/// What became of an event.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It was there already.
    Known,
    /// It is part of the room.
    Accepted(Arc<RoomEvent>),
    /// It was allowed when it was sent, but is not now: it is kept from clients.
    SoftFailed(String),
    /// It is not allowed.
    Rejected(String),
    /// These events that allow it are not known here; ask for them, then receive it again.
    MissingAuth(Vec<OwnedEventId>),
    /// These events before it are not known here; ask for them, or for the state before it, then receive it again.
    MissingPrev(Vec<OwnedEventId>),
    /// It has to wait until what this change has so far is on disk.
    NextChange,
}

impl Outcome {
    /// Tells the log why an event is kept from clients.
    pub fn tell(&self, event: &EventId) {
        match self {
            Self::SoftFailed(reason) => tracing::info!(%event, reason, "an event is soft-failed"),
            Self::Rejected(reason) => tracing::info!(%event, reason, "an event is rejected"),
            _ => {}
        }
    }
}

/// What another server tells of the state before an event that follows a hole.
#[derive(Clone, Debug)]
pub enum ToldState {
    /// The events that are the state before it.
    Before(Vec<OwnedEventId>),
    /// The events that are the states after those before it which have no place here, by their ids.
    After(HashMap<OwnedEventId, Vec<OwnedEventId>>),
}

/// What the answer to a join tells of a room.
/// [spec](https://spec.matrix.org/v1.19/server-server-api/#joining-rooms)
pub struct JoinedRoom {
    /// The member event that another server has let in.
    pub join: Pdu,
    /// The room's state before it.
    pub state: Vec<Pdu>,
    /// What stands behind that state.
    pub auth_chain: Vec<Pdu>,
}

impl RoomEvent {
    /// Whether the room's state at this event is known; it is not for events that only allow others.
    pub fn has_state(&self) -> bool {
        self.row.state_after != StateRoot::EMPTY
    }
}

impl Txn<'_> {
    /// An event of the room that is stored, also by this change.
    pub(super) fn find(&self, id: &EventId) -> ApiResult<Option<Arc<RoomEvent>>> {
        if let Some(event) = self.stored.get(id) {
            return Ok(Some(Arc::clone(event)));
        }
        let event = self.rooms.event_by_id(self.snapshot, id)?;
        Ok(event.filter(|event| event.row.room == self.room))
    }

    /// Takes in an event. `given` is the state before it, where another server has told that.
    pub fn receive(&mut self, pdu: Pdu, given: Option<StateRoot>) -> ApiResult<Outcome> {
        let known = self.find(pdu.event_id())?;
        if known.as_ref().is_some_and(|event| event.has_state()) {
            return Ok(Outcome::Known);
        }
        let missing = self.unknown(pdu.auth_events())?;
        if !missing.is_empty() {
            return Ok(Outcome::MissingAuth(missing));
        }
        if self.touches_a_member_again(&pdu) || self.redacts_something_new(&pdu) {
            return Ok(Outcome::NextChange);
        }
        let before = match given {
            Some(root) => root,
            None => match self.state_before(&pdu)? {
                Ok(root) => root,
                Err(missing) => return Ok(Outcome::MissingPrev(missing)),
            },
        };
        let nid = self.number_for(known.as_deref(), pdu.event_id());
        if let Err(reason) = self.is_allowed_then(&pdu, before)? {
            let pdu = pdu.into_rejected();
            self.keep(nid, pdu, Standing::Rejected, (before, before));
            return Ok(Outcome::Rejected(reason));
        }
        let key = self.state_key_of(&pdu)?;
        let after = match key {
            Some(key) => self.nodes.insert(before, key, nid)?,
            None => before,
        };
        if before != self.head.state
            && !self.head.is_empty()
            && let Err(AuthError::Forbidden(reason)) =
                auth::check_state_dependent(&pdu, self.head.rules(), &*self)
        {
            self.keep(nid, pdu, Standing::SoftFailed, (before, after));
            return Ok(Outcome::SoftFailed(reason));
        }
        // Whoever let this server into the room has asked for the join to be signed.
        if !self.is_told
            && let Some(reason) = self.policy_objection(&pdu)?
        {
            self.keep(nid, pdu, Standing::SoftFailed, (before, after));
            return Ok(Outcome::SoftFailed(reason));
        }
        self.follows_gap = given.is_some() && self.lacks_predecessors(&pdu)?;
        let event = self.room_event(nid, pdu, Standing::Accepted, (before, after))?;
        let event = self.as_redacted(event)?;
        // Resolution looks at it already.
        self.store(&event);
        self.append_received(&event)?;
        Ok(Outcome::Accepted(event))
    }

    /// Keeps an event that allows others, without a place in the room. One that is allowed by events that are not known is
    /// not kept: it would be rejected for good, and they may come yet.
    pub fn receive_outlier(&mut self, pdu: Pdu) -> ApiResult<Standing> {
        if let Some(event) = self.find(pdu.event_id())? {
            return Ok(event.row.standing);
        }
        if !self.unknown(pdu.auth_events())?.is_empty() {
            tracing::info!(event = %pdu.event_id(), "events that should allow an event are not known");
            return Ok(Standing::Rejected);
        }
        let allowed = self.is_allowed_by_its_auth_events(&pdu)?;
        let (pdu, standing) = match allowed {
            Ok(()) => (pdu, Standing::Accepted),
            Err(reason) => {
                tracing::info!(event = %pdu.event_id(), %reason, "an event is rejected");
                (pdu.into_rejected(), Standing::Rejected)
            }
        };
        let nid = self.rooms.storage().interner().next_event();
        self.keep(nid, pdu, standing, (StateRoot::EMPTY, StateRoot::EMPTY));
        Ok(standing)
    }

    /// The state that these events make, for [`Self::receive`].
    pub fn state_of<'e>(
        &mut self,
        events: impl IntoIterator<Item = &'e OwnedEventId>,
    ) -> ApiResult<StateRoot> {
        let mut entries = Vec::new();
        for id in events {
            let Some(event) = self.find(id)? else {
                continue;
            };
            if event.row.standing != Standing::Rejected
                && let Some(key) = self.state_key_of(&event.pdu)?
            {
                entries.push((key, Some(event.nid)));
            }
        }
        Ok(self.nodes.apply(StateRoot::EMPTY, &entries)?)
    }

    /// The state before an event as another server tells it, for [`Self::receive`]. Where one of the events before it has
    /// a place here, the state there counts as it is known here.
    pub fn state_told(&mut self, pdu: &Pdu, told: &ToldState) -> ApiResult<StateRoot> {
        let after = match told {
            ToldState::Before(ids) => return self.state_of(ids),
            ToldState::After(states) => states,
        };
        let mut roots = Vec::new();
        for id in pdu.prev_events() {
            let known = self.find(id)?.filter(|event| event.has_state());
            match (known, after.get(id)) {
                (Some(event), _) => roots.push(event.row.state_after),
                (None, Some(ids)) => roots.push(self.state_of(ids)?),
                (None, None) => {}
            }
        }
        self.resolve(roots)
    }

    /// The number of an event that gets a place in the room, or that of one that was kept without a place so far.
    pub(super) fn number_for(&self, known: Option<&RoomEvent>, id: &EventId) -> EventNid {
        match known {
            Some(event) => {
                self.rooms.forget_event(event.nid, Changed::Settled);
                event.nid
            }
            None => match self.rooms.inner.numbers.remove(id) {
                Some((_, nid)) => nid,
                None => self.rooms.storage().interner().next_event(),
            },
        }
    }

    /// Whether some of the events before this one are not part of the room here.
    pub(super) fn lacks_predecessors(&self, pdu: &Pdu) -> ApiResult<bool> {
        for id in pdu.prev_events() {
            if self.find(id)?.is_none_or(|event| !event.has_state()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Those of some events that nobody has seen here. One of another room is no event of this one, whoever is asked.
    pub(super) fn unknown(&self, ids: &[OwnedEventId]) -> ApiResult<Vec<OwnedEventId>> {
        let mut unknown = Vec::new();
        for id in ids {
            if self.find(id)?.is_none() && self.rooms.event_by_id(self.snapshot, id)?.is_none() {
                unknown.push(id.clone());
            }
        }
        Ok(unknown)
    }

    /// Rows of a member are read from the snapshot, so one change takes one event of each member.
    fn touches_a_member_again(&self, pdu: &Pdu) -> bool {
        *pdu.event_type() == TimelineEventType::RoomMember
            && pdu.state_key().is_some_and(|key| {
                let entry = ("m.room.member".to_owned(), key.to_owned());
                self.state.contains_key(&entry)
            })
    }

    /// What is redacted is looked for on disk.
    fn redacts_something_new(&self, pdu: &Pdu) -> bool {
        let target = pdu.redacts();
        target.is_some_and(|target| self.stored.contains_key(target))
    }

    /// The state after the events that this one follows, or those of them that are not known.
    pub(super) fn state_before(
        &mut self,
        pdu: &Pdu,
    ) -> ApiResult<Result<StateRoot, Vec<OwnedEventId>>> {
        let (mut roots, mut missing) = (Vec::new(), Vec::new());
        for id in pdu.prev_events() {
            match self.find(id)?.filter(|event| event.has_state()) {
                Some(event) => roots.push(event.row.state_after),
                None => missing.push(id.clone()),
            }
        }
        if !missing.is_empty() {
            return Ok(Err(missing));
        }
        Ok(Ok(self.resolve(roots)?))
    }

    /// Whether the rules allow an event by the events it names for that, and by the state before it.
    pub(super) fn is_allowed_then(
        &self,
        pdu: &Pdu,
        before: StateRoot,
    ) -> ApiResult<Result<(), String>> {
        if let Err(reason) = self.is_allowed_by_its_auth_events(pdu)? {
            return Ok(Err(reason));
        }
        let state = StateAt {
            txn: self,
            root: before,
        };
        verdict(auth::check_state_dependent(pdu, self.head.rules(), &state))
    }

    fn is_allowed_by_its_auth_events(&self, pdu: &Pdu) -> ApiResult<Result<(), String>> {
        let rules = self.head.rules();
        let fetch = |id: &EventId| Ok(self.find(id)?.map(|event| event.pdu.clone()));
        if let Err(reason) = verdict(auth::check_state_independent(pdu, rules, fetch))? {
            return Ok(Err(reason));
        }
        if *pdu.event_type() == TimelineEventType::RoomCreate {
            return Ok(Ok(()));
        }
        let state = AuthEvents::of(self, pdu, rules)?;
        verdict(auth::check_state_dependent(pdu, rules, &state))
    }

    pub(super) fn room_event(
        &self,
        nid: EventNid,
        pdu: Pdu,
        standing: Standing,
        (before, after): (StateRoot, StateRoot),
    ) -> ApiResult<Arc<RoomEvent>> {
        let replaces = match self.state_key_of(&pdu)? {
            Some(key) => tree::get(self, before, key)?,
            None => None,
        };
        let row = EventRow {
            standing,
            room: self.room,
            place: Place::default(),
            state_before: before,
            state_after: after,
            redacted_by: EventNid(0),
            replaces: replaces.unwrap_or(EventNid(0)),
            pdu: Vec::new(),
        };
        Ok(Arc::new(RoomEvent { nid, row, pdu }))
    }

    /// Stores an event without showing it to anybody.
    pub(super) fn keep(
        &mut self,
        nid: EventNid,
        pdu: Pdu,
        standing: Standing,
        states: (StateRoot, StateRoot),
    ) {
        let (state_before, state_after) = states;
        let row = EventRow {
            standing,
            room: self.room,
            place: Place::default(),
            state_before,
            state_after,
            redacted_by: EventNid(0),
            replaces: EventNid(0),
            pdu: Vec::new(),
        };
        let event = Arc::new(RoomEvent { nid, row, pdu });
        self.store(&event);
        let mut edges = Vec::new();
        for id in event.pdu.auth_events() {
            if let Ok(Some(event)) = self.find(id) {
                edges.push(event.nid);
            }
        }
        self.head.waits = true;
        let room = self.room;
        self.write(move |batch, _| {
            let mut row = event.row.clone();
            row.pdu = event.pdu.to_stored();
            tables::EVENT_NID.put(batch, event.id(), &nid);
            tables::EVENT.put(batch, nid, &row);
            tables::OUTLIER.put(batch, (room, nid), &());
            tables::AUTH_EDGES.put(batch, nid, &edges);
        });
    }

    /// Makes an accepted event part of the room: the state now is what all events without successors make.
    fn append_received(&mut self, event: &Arc<RoomEvent>) -> ApiResult<()> {
        let follows = |id: &OwnedEventId| event.pdu.prev_events().contains(id);
        let mut extremities = self.head.extremities.clone();
        extremities.retain(|(_, id)| !follows(id));
        let mut roots = vec![event.row.state_after];
        for (nid, _) in &extremities {
            let other = match self.stored_nids.get(nid) {
                Some(event) => Arc::clone(event),
                None => self.rooms.known_event(self.snapshot, *nid)?,
            };
            roots.push(other.row.state_after);
        }
        extremities.push((event.nid, event.pdu.event_id().clone()));
        let now = self.resolve(roots)?;
        let (state, resolved) = self.changes_of_state(event, now)?;
        self.head.state = now;
        if now != event.row.state_after {
            // Perhaps no event will ever name it.
            let room = self.room;
            self.write(move |batch, _| tables::FORMER_STATE.put(batch, (room, now.0), &()));
        }
        // Whoever comes next looks for it on disk.
        self.head.waits = true;
        self.put(Arc::clone(event), state, resolved, extremities)
    }

    /// What a new current state changes: the event's own entry, and others.
    fn changes_of_state(
        &self,
        event: &RoomEvent,
        now: StateRoot,
    ) -> ApiResult<(Option<StateChange>, Vec<StateChange>)> {
        let load = |nid: Option<EventNid>| -> ApiResult<Option<Arc<RoomEvent>>> {
            match nid {
                None => Ok(None),
                Some(nid) => match self.stored_nids.get(&nid) {
                    Some(event) => Ok(Some(Arc::clone(event))),
                    None => Ok(Some(self.rooms.known_event(self.snapshot, nid)?)),
                },
            }
        };
        let (mut own, mut others) = (None, Vec::new());
        for difference in tree::diff(self, self.head.state, now)? {
            let change = StateChange {
                key: difference.key,
                replaces: load(difference.left)?,
                event: load(difference.right)?,
            };
            if difference.right == Some(event.nid) {
                own = Some(change);
            } else {
                others.push(change);
            }
        }
        Ok((own, others))
    }
}

impl Rooms {
    /// Enters a room of other servers with what one of them told of it.
    pub async fn enter(
        &self,
        room: RoomNid,
        rules: &'static RoomVersionRules,
        version: String,
        joined: JoinedRoom,
    ) -> ApiResult<()> {
        self.write_new(room, rules, version, move |txn| {
            let JoinedRoom {
                join,
                state,
                auth_chain,
            } = joined;
            let ids: Vec<OwnedEventId> = state.iter().map(|pdu| pdu.event_id().clone()).collect();
            for pdu in in_order_of_auth(auth_chain.into_iter().chain(state)) {
                txn.receive_outlier(pdu)?;
            }
            let told = txn.state_of(&ids)?;
            // What this server knows itself it need not be told.
            let is_known = txn.is_resident() && !txn.lacks_predecessors(&join)?;
            if !txn.is_resident() {
                txn.leave_behind();
            }
            txn.is_told = true;
            match txn.receive(join, (!is_known).then_some(told))? {
                Outcome::Accepted(_) | Outcome::Known => Ok(()),
                Outcome::SoftFailed(reason) | Outcome::Rejected(reason) => Err(
                    ApiError::forbidden(format!("The room does not let you in: {reason}")),
                ),
                other => Err(ApiError::internal(anyhow::anyhow!(
                    "a join was not taken in: {other:?}"
                ))),
            }
        })
        .await
    }
}

impl Txn<'_> {
    /// Whether users of this server are in the room.
    pub fn is_resident(&self) -> bool {
        self.head.summary().joined > self.head.summary().remote
    }

    /// Forgets where the room's history ended, because others have gone on from elsewhere.
    fn leave_behind(&mut self) {
        let room = self.room;
        for (nid, _) in std::mem::take(&mut self.head.extremities) {
            self.write(move |batch, _| tables::EXTREMITY.delete(batch, (room, nid)));
        }
    }
}

/// The events that allow an event, as a state.
struct AuthEvents<'t, 'a> {
    txn: &'t Txn<'a>,
    pdus: HashMap<(String, String), Pdu>,
    create_is_implied: bool,
    room_create: Option<OwnedEventId>,
}

impl<'t, 'a> AuthEvents<'t, 'a> {
    fn of(txn: &'t Txn<'a>, pdu: &Pdu, rules: &RoomVersionRules) -> ApiResult<Self> {
        let mut pdus = HashMap::new();
        for id in pdu.auth_events() {
            if let Some(event) = txn.find(id)?
                && let Some((kind, state_key)) = event.pdu.state_entry()
            {
                let entry = (kind.to_string(), state_key.to_owned());
                pdus.insert(entry, event.pdu.clone());
            }
        }
        let create_is_implied = rules.authorization.room_create_event_id_as_room_id;
        let room_create = create_is_implied
            .then(|| format!("${}", pdu.room_id().strip_sigil()).try_into().ok())
            .flatten();
        Ok(Self {
            txn,
            pdus,
            create_is_implied,
            room_create,
        })
    }
}

impl StateView for AuthEvents<'_, '_> {
    type Error = ApiError;

    fn get(&self, event_type: &StateEventType, state_key: &str) -> ApiResult<Option<Pdu>> {
        if self.create_is_implied && *event_type == StateEventType::RoomCreate {
            let Some(id) = &self.room_create else {
                return Ok(None);
            };
            return Ok(self.txn.find(id)?.map(|event| event.pdu.clone()));
        }
        let entry = (event_type.to_string(), state_key.to_owned());
        Ok(self.pdus.get(&entry).cloned())
    }
}

/// A failure to read is an error; what the rules say is not.
fn verdict(verdict: Result<(), AuthError<ApiError>>) -> ApiResult<Result<(), String>> {
    match verdict {
        Ok(()) => Ok(Ok(())),
        Err(AuthError::Forbidden(reason)) => Ok(Err(reason)),
        Err(AuthError::Read(error)) => Err(error),
    }
}

/// Events in an order in which each comes after those that allow it. Events that allow each other in a circle, which
/// hashes make impossible, would be left out.
pub fn in_order_of_auth(pdus: impl IntoIterator<Item = Pdu>) -> Vec<Pdu> {
    let by_id: HashMap<OwnedEventId, Pdu> = pdus
        .into_iter()
        .map(|pdu| (pdu.event_id().clone(), pdu))
        .collect();
    let mut waits_for: HashMap<&OwnedEventId, usize> = HashMap::new();
    let mut followers: HashMap<&OwnedEventId, Vec<&OwnedEventId>> = HashMap::new();
    let mut ready = Vec::new();
    for (id, pdu) in &by_id {
        let mut behind: Vec<_> = pdu
            .auth_events()
            .iter()
            .filter(|id| by_id.contains_key(*id))
            .collect();
        behind.sort_unstable();
        behind.dedup();
        if behind.is_empty() {
            ready.push(id);
        }
        waits_for.insert(id, behind.len());
        for auth in behind {
            followers.entry(auth).or_default().push(id);
        }
    }
    // Since room version 12 nothing names the create event, and all need it.
    ready.sort_by_key(|id| *by_id[*id].event_type() == TimelineEventType::RoomCreate);
    let mut ordered = Vec::with_capacity(by_id.len());
    while let Some(id) = ready.pop() {
        ordered.push(by_id[id].clone());
        for follower in followers.remove(id).unwrap_or_default() {
            if let Some(left) = waits_for.get_mut(follower) {
                *left -= 1;
                if *left == 0 {
                    ready.push(follower);
                }
            }
        }
    }
    ordered
}
