//! What is missing before or behind an event that was received: asking its sender for it, within bounds.
//!
//! First the events between it and what is known are asked for. Where a hole remains, the state before the first event
//! after it is asked for, and the room goes on from there; history before the hole is fetched when somebody reads it.
//! [spec](https://spec.matrix.org/v1.19/server-server-api/#retrieving-missing-events)

use std::{
    collections::{HashMap, HashSet},
    sync::atomic::{AtomicBool, Ordering},
};

use futures::{StreamExt, stream};
use ruma::{
    OwnedEventId, OwnedRoomId, OwnedServerName, ServerName, UInt,
    api::federation::{
        authorization::get_event_authorization,
        event::{get_event, get_missing_events, get_room_state, get_room_state_ids},
    },
    room_version_rules::RoomVersionRules,
};
use serde_json::value::RawValue;

use super::verify;
use crate::{
    Server,
    error::{ApiError, ApiResult},
    events::{Pdu, versions},
    federation::{Limits, RequestError, backfill, policy},
    ids::RoomNid,
    rooms::receive::{Outcome, ToldState, in_order_of_auth},
    storage::tables,
};

/// Events asked for at once to close a gap.
const MISSING_EVENTS: u32 = 50;
/// Events asked for one by one rather than as a whole state.
const FEW_EVENTS: usize = 40;
/// Events before one event at which the states are asked for.
const MOST_STATES: usize = 3;
/// Questions to one server at the same time.
const AT_ONCE: usize = 8;
/// Servers that are asked when the one that sent an event does not answer.
const MOST_OTHERS: usize = 4;
/// How often an event is tried after something that was missing came.
const TRIES: usize = 4;

/// Where something is missing, and who is asked for it.
pub(in crate::federation) struct Gap<'a> {
    pub(in crate::federation) server: &'a Server,
    pub(in crate::federation) room: RoomNid,
    pub(in crate::federation) room_id: OwnedRoomId,
    rules: &'static RoomVersionRules,
    origin: &'a ServerName,
    /// Whether it did not answer a question.
    is_silent: AtomicBool,
    /// Whether it did not tell the state at an event.
    hides_states: AtomicBool,
    /// Whether it gave an answer that is none.
    talks_nonsense: AtomicBool,
}

/// What became of an event that lacked something.
pub(super) enum Filled {
    /// It has been taken in.
    Taken,
    /// The server that sent it does not answer, and nobody else knows.
    Nobody,
}

/// Fetches what an event lacks, and takes the event in. Where the server that sent it does not answer, others in the room
/// are asked.
pub(super) async fn fill(
    server: &Server,
    room: RoomNid,
    origin: &ServerName,
    pdu: Pdu,
    outcome: Outcome,
) -> ApiResult<Filled> {
    let gap = Gap::of(server, room, origin).await?;
    let Err(error) = gap.fill(pdu.clone(), &outcome).await else {
        return Ok(Filled::Taken);
    };
    if !gap.is_silent.load(Ordering::Relaxed) {
        return Err(error);
    }
    tracing::info!(%error, %origin, "a server does not tell what its event follows: others are asked");
    for name in others(server, (room, origin), &pdu).await? {
        let gap = Gap::of(server, room, &name).await?;
        match gap.fill(pdu.clone(), &outcome).await {
            Ok(()) => return Ok(Filled::Taken),
            Err(error) => tracing::info!(%error, server = %name, "nor does another server tell"),
        }
    }
    Ok(Filled::Nobody)
}

/// The servers that are asked when one does not answer: that of the event's sender, and those with the most members.
async fn others(
    server: &Server,
    (room, origin): (RoomNid, &ServerName),
    pdu: &Pdu,
) -> ApiResult<Vec<OwnedServerName>> {
    let sender = pdu.sender().server_name().to_owned();
    let read = server
        .rooms
        .read(move |_, snapshot| backfill::by_members(snapshot, room));
    let mut names = read.await?;
    names.sort_by_key(|name| *name != sender);
    names.retain(|name| {
        **name != *origin
            && server.federation.allows(name)
            && server.federation.backoff(name).is_none()
    });
    names.truncate(MOST_OTHERS);
    Ok(names)
}

impl<'a> Gap<'a> {
    /// A gap in a room, about which this server is asked.
    pub(in crate::federation) async fn of(
        server: &'a Server,
        room: RoomNid,
        origin: &'a ServerName,
    ) -> ApiResult<Self> {
        let read = server.rooms.read(move |rooms, snapshot| {
            let summary = rooms.summary(snapshot, room)?;
            let version = summary.and_then(|summary| summary.version.as_str().try_into().ok());
            Ok(version.and_then(|version| versions::rules(&version)))
        });
        let rules = read.await?;
        Ok(Self {
            server,
            room,
            room_id: server.rooms.room_id(room)?,
            rules: rules.ok_or_else(|| ApiError::not_found("The room is not known."))?,
            origin,
            is_silent: AtomicBool::new(false),
            hides_states: AtomicBool::new(false),
            talks_nonsense: AtomicBool::new(false),
        })
    }
}

impl Gap<'_> {
    /// Asks for what an event lacks, and takes it in.
    async fn fill(&self, pdu: Pdu, outcome: &Outcome) -> ApiResult<()> {
        let mut told = None;
        let has_gap = match outcome {
            Outcome::MissingPrev(_) => true,
            // What should allow it may be among the events before it.
            _ => self.follows_unknown(&pdu).await?,
        };
        if has_gap {
            told = match self.missing_events(&pdu).await {
                Ok(events) => Some(events),
                Err(error) => {
                    tracing::info!(%error, origin = %self.origin, "missing events were not to be had");
                    let has_answered = self.talks_nonsense.load(Ordering::Relaxed);
                    has_answered.then(Vec::new)
                }
            };
        }
        let has_told = told.is_some();
        let mut events = told.unwrap_or_default();
        events.retain(|event| event.event_id() != pdu.event_id());
        events.sort_by_key(Pdu::depth);
        for event in events {
            let id = event.event_id().clone();
            if let Err(error) = self.take_in(event).await {
                tracing::info!(%error, event = %id, "an event of a gap is dropped");
            }
        }
        // Whoever sends an event without what it follows could have it stand on any state they like.
        if has_told && self.follows_unknown(&pdu).await? {
            return Err(ApiError::not_found(
                "The server does not give the events that its event follows.",
            ));
        }
        self.take_in(pdu).await
    }

    /// Takes in an event, fetching what allows it and, if there is a hole before it, the state there.
    async fn take_in(&self, pdu: Pdu) -> ApiResult<()> {
        let mut asked = policy::ask_about(self.server, self.room, vec![pdu.clone()]).await?;
        let pdu = asked.pop().unwrap_or(pdu);
        let mut state: Option<ToldState> = None;
        for _ in 0..TRIES {
            let rooms = &self.server.rooms;
            rooms.resolve_ahead(self.room, vec![pdu.clone()]).await?;
            let (pdu_now, given) = (pdu.clone(), state.clone());
            let write = self.server.rooms.write_received(self.room, move |txn| {
                let root = match &given {
                    Some(told) => Some(txn.state_told(&pdu_now, told)?),
                    None => None,
                };
                txn.receive(pdu_now, root)
            });
            let outcome = write.await?;
            outcome.tell(pdu.event_id());
            match outcome {
                // The state before it comes with all that allows it.
                Outcome::MissingAuth(_)
                    if state.is_none() && self.follows_unknown(&pdu).await? =>
                {
                    state = Some(self.told_state(&pdu).await?);
                }
                Outcome::MissingAuth(missing) => self.fetch_auth(&pdu, missing).await?,
                Outcome::MissingPrev(_) => state = Some(self.told_state(&pdu).await?),
                Outcome::NextChange => {}
                Outcome::Known
                | Outcome::Accepted(_)
                | Outcome::SoftFailed(_)
                | Outcome::Rejected(_) => return Ok(()),
            }
        }
        Err(ApiError::not_found(
            "What the event refers to cannot be had.",
        ))
    }

    /// Whether an event comes after events that have no place here.
    async fn follows_unknown(&self, pdu: &Pdu) -> ApiResult<bool> {
        Ok(!self.unknown_before(pdu).await?.is_empty())
    }

    /// The events before an event that have no place here.
    async fn unknown_before(&self, pdu: &Pdu) -> ApiResult<Vec<OwnedEventId>> {
        let mut ids = pdu.prev_events().to_vec();
        let read = self.server.rooms.read(move |rooms, snapshot| {
            let mut unknown = Vec::new();
            for id in ids.drain(..) {
                let event = rooms.event_by_id(snapshot, &id)?;
                if !event.is_some_and(|event| event.has_state()) {
                    unknown.push(id);
                }
            }
            Ok(unknown)
        });
        read.await
    }

    /// What the state before an event follows from: the states at the events before it that have no place here. Where
    /// those are not to be had, the state that the server tells for the event itself.
    async fn told_state(&self, pdu: &Pdu) -> ApiResult<ToldState> {
        let unknown = self.unknown_before(pdu).await?;
        if unknown.len() > MOST_STATES || self.hides_states.load(Ordering::Relaxed) {
            return Ok(ToldState::Before(self.state_before(pdu).await?));
        }
        let mut states = HashMap::new();
        for id in unknown {
            match self.state_after(&id).await {
                Ok(state) => states.insert(id, state),
                Err(error) => {
                    self.hides_states.store(true, Ordering::Relaxed);
                    tracing::info!(%error, event = %id, "the state at an event of a gap was not to be had");
                    return Ok(ToldState::Before(self.state_before(pdu).await?));
                }
            };
        }
        Ok(ToldState::After(states))
    }

    /// Learns the state after an event that has no place here: that before it, and the event itself.
    async fn state_after(&self, id: &OwnedEventId) -> ApiResult<Vec<OwnedEventId>> {
        let mut ids = self.state_at(id.clone()).await?;
        let unknown = self.unknown(vec![id.clone()]).await?;
        if !unknown.is_empty() {
            let event = self.events(unknown).await?;
            if event.is_empty() {
                return Err(ApiError::not_found("The event cannot be had."));
            }
            self.keep(event).await?;
        }
        ids.push(id.clone());
        Ok(ids)
    }

    /// The events between what is known and an event.
    async fn missing_events(&self, pdu: &Pdu) -> ApiResult<Vec<Pdu>> {
        let room = self.room;
        let read = self.server.rooms.read(move |rooms, snapshot| {
            let mut known = Vec::new();
            for row in tables::EXTREMITY.scan(snapshot, (room,))?.take(20) {
                let event = rooms.known_event(snapshot, row?.0.1)?;
                known.push(event.pdu.event_id().clone());
            }
            Ok(known)
        });
        let known = read.await?;
        let latest = vec![pdu.event_id().clone()];
        let mut request = get_missing_events::v1::Request::new(self.room_id.clone(), known, latest);
        request.limit = MISSING_EVENTS.into();
        // However deep: a fork of a server that was alone for long may end far below what is known here.
        request.min_depth = UInt::MIN;
        let answer = self.ask(request, Limits::EVENTS).await?;
        self.verified(answer.events).await
    }

    /// Keeps the events that allow an event.
    pub(in crate::federation) async fn fetch_auth(
        &self,
        pdu: &Pdu,
        missing: Vec<OwnedEventId>,
    ) -> ApiResult<()> {
        let request =
            get_event_authorization::v1::Request::new(self.room_id.clone(), pdu.event_id().clone());
        let mut events = match self.ask(request, Limits::EVENTS).await {
            Ok(answer) => self.verified(answer.auth_chain).await?,
            Err(_) => Vec::new(),
        };
        let have: HashSet<_> = events.iter().map(|pdu| pdu.event_id().clone()).collect();
        let still: Vec<_> = missing
            .into_iter()
            .filter(|id| !have.contains(id))
            .collect();
        events.extend(self.events(still).await?);
        self.keep(events).await
    }

    /// Learns the state before an event. Its events are kept, and their ids returned.
    pub(in crate::federation) async fn state_before(
        &self,
        pdu: &Pdu,
    ) -> ApiResult<Vec<OwnedEventId>> {
        self.state_at(pdu.event_id().clone()).await
    }

    async fn state_at(&self, event_id: OwnedEventId) -> ApiResult<Vec<OwnedEventId>> {
        let request = get_room_state_ids::v1::Request::new(event_id.clone(), self.room_id.clone());
        let answer = self.ask(request, Limits::IDS).await?;
        let all = answer
            .pdu_ids
            .iter()
            .chain(&answer.auth_chain_ids)
            .cloned()
            .collect();
        let unknown = self.unknown(all).await?;
        let events = if unknown.len() > FEW_EVENTS {
            let request = get_room_state::v1::Request::new(event_id, self.room_id.clone());
            let answer = self.ask(request, Limits::ROOM).await?;
            let mut events = answer.auth_chain;
            events.extend(answer.pdus);
            self.verified(events).await?
        } else {
            self.events(unknown).await?
        };
        self.keep(events).await?;
        Ok(answer.pdu_ids)
    }

    pub(in crate::federation) async fn unknown(
        &self,
        ids: Vec<OwnedEventId>,
    ) -> ApiResult<Vec<OwnedEventId>> {
        let read = self.server.storage.read(move |snapshot| -> ApiResult<_> {
            let mut unknown = Vec::new();
            for id in ids {
                if !tables::EVENT_NID.contains(snapshot, &id)? {
                    unknown.push(id);
                }
            }
            Ok(unknown)
        });
        read.await
    }

    /// Events by their ids, as far as they are to be had.
    async fn events(&self, ids: Vec<OwnedEventId>) -> ApiResult<Vec<Pdu>> {
        let answers = stream::iter(ids)
            .map(|id| self.ask(get_event::v1::Request::new(id), Limits::EVENTS))
            .buffer_unordered(AT_ONCE)
            .filter_map(|answer| async { answer.ok().map(|answer| answer.pdu) })
            .collect()
            .await;
        self.verified(answers).await
    }

    /// Keeps events that only allow others.
    async fn keep(&self, events: Vec<Pdu>) -> ApiResult<()> {
        let write = self.server.rooms.write(self.room, move |txn| {
            for pdu in in_order_of_auth(events) {
                txn.receive_outlier(pdu)?;
            }
            Ok(())
        });
        write.await
    }

    /// The events of an answer that are in order and of this room.
    pub(in crate::federation) async fn verified(
        &self,
        events: Vec<Box<RawValue>>,
    ) -> ApiResult<Vec<Pdu>> {
        let events = events.iter().map(|event| event.get().to_owned()).collect();
        let mut events = verify::verified(self.server, self.rules, events).await?;
        events.retain(|pdu| *pdu.room_id() == *self.room_id);
        Ok(events)
    }

    pub(in crate::federation) async fn ask<R>(
        &self,
        request: R,
        limits: Limits,
    ) -> ApiResult<R::IncomingResponse>
    where
        R: ruma::api::OutgoingRequest<
                Authentication = ruma::api::federation::authentication::ServerSignatures,
                PathBuilder = ruma::api::path_builder::SinglePath,
            >,
    {
        let answer = self.server.federation.request(self.origin, request, limits);
        answer.await.map_err(|error| {
            let is_away = match &error {
                RequestError::Refused { error, .. } => {
                    error.status_code.is_server_error() || error.status_code == 429
                }
                RequestError::Unreachable { .. } | RequestError::BackingOff { .. } => true,
                _ => false,
            };
            self.is_silent.fetch_or(is_away, Ordering::Relaxed);
            let is_nonsense = matches!(error, RequestError::Malformed { .. });
            self.talks_nonsense.fetch_or(is_nonsense, Ordering::Relaxed);
            ApiError::internal(error)
        })
    }
}
