//! What an appended event means for other rows.
//!
//! [`all`] is called once per event, in the event's own transaction; nothing else writes these rows.

use std::sync::Arc;

use ruma::{OwnedEventId, UserId, events::TimelineEventType};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    event::{Changed, RoomEvent},
    gaps, relations,
    rows::{Membership, Place, TimelineRow, UserRoomRow},
    servers, summary,
    txn::{NewEvent, StateChange, Txn},
};
use crate::{
    error::{ApiError, ApiResult},
    events::{
        self,
        power::{self, Action},
        redact,
    },
    ids::{EventNid, StreamPos, UserNid},
    storage::{Change, tables},
};

/// Something outside of rooms that has rows of its own for events: unread counts, search, outgoing queues.
pub trait Projection: Send + Sync {
    /// Adds to the event's writes. Returns whether the event notifies a member who has the default push rules.
    fn project(&self, txn: &Txn<'_>, new: &mut NewEvent) -> ApiResult<bool>;

    /// Adds to the writes of an event that was sent long ago and is fetched from another server now.
    fn past(&self, txn: &mut Txn<'_>, event: &Arc<RoomEvent>) -> ApiResult<()> {
        let (_, _) = (txn, event);
        Ok(())
    }

    /// Adds to the writes of a redaction what has to go with the content of the event it names.
    fn content_removed(&self, txn: &mut Txn<'_>, target: &RoomEvent) -> ApiResult<()> {
        let (_, _) = (txn, target);
        Ok(())
    }
}

/// Event types that move a room up in clients' lists.
pub const BUMPING: [&str; 7] = [
    "m.room.create",
    "m.room.message",
    "m.room.encrypted",
    "m.sticker",
    "m.call.invite",
    "m.poll.start",
    "m.beacon_info",
];

/// Writes everything an event means.
pub(super) fn all(txn: &mut Txn<'_>, new: &mut NewEvent) -> ApiResult<()> {
    state(txn, new);
    memberships(txn, new)?;
    summary_of_state(txn, new);
    relations::record(txn, new)?;
    redaction(txn, new)?;
    let mut notifies = false;
    for projection in txn.rooms.projections() {
        notifies |= projection.project(txn, new)?;
    }
    txn.head.notifying += u64::from(notifies);
    timeline(txn, new)
}

fn timeline(txn: &mut Txn<'_>, new: &mut NewEvent) -> ApiResult<()> {
    let interner = txn.rooms.storage().interner();
    let event = Arc::clone(&new.event);
    let kind = event.pdu.event_type().to_string();
    let row = TimelineRow {
        event: event.nid,
        kind: interner.event_type(&kind)?,
        sender: interner.user(event.pdu.sender())?,
        is_state: event.pdu.state_key().is_some(),
        notifying: txn.head.notifying,
    };
    let (room, nid) = (txn.room, event.nid);
    let mut auth_edges = Vec::new();
    for id in event.pdu.auth_events() {
        // An event of this very change is not in the snapshot yet.
        let edge = match txn.appended(id) {
            Some(nid) => Some(nid),
            None => tables::EVENT_NID.get(txn.snapshot, id)?,
        };
        auth_edges.extend(edge);
    }
    let succeeded = std::mem::take(&mut new.succeeded);
    let follows_gap = std::mem::take(&mut txn.follows_gap);
    // A local event follows all, a remote one perhaps some.
    new.change(Change::Event {
        room,
        bump: BUMPING.contains(&kind.as_str()),
    });
    new.write(move |batch, pos| {
        let mut stored = event.row.clone();
        stored.place = Place::live(pos);
        stored.pdu = event.pdu.to_stored();
        tables::EVENT_NID.put(batch, event.id(), &nid);
        tables::EVENT.put(batch, nid, &stored);
        tables::AUTH_EDGES.put(batch, nid, &auth_edges);
        tables::TIMELINE.put(batch, (room, pos, stored.place.sub), &row);
        let time: u64 = event.pdu.origin_server_ts().0.into();
        tables::BY_TIME.put(batch, (room, time, pos, stored.place.sub), &nid);
        tables::OUTLIER.delete(batch, (room, nid));
        if follows_gap {
            gaps::open(batch, room, stored.place);
        }
        for previous in succeeded {
            tables::EXTREMITY.delete(batch, (room, previous));
        }
        tables::EXTREMITY.put(batch, (room, nid), &());
    });
    Ok(())
}

fn state(txn: &Txn<'_>, new: &mut NewEvent) {
    let room = txn.room;
    let nid_of =
        |event: &Option<Arc<RoomEvent>>| event.as_ref().map_or(EventNid(0), |event| event.nid);
    let mut writes = Vec::new();
    for change in new.changes_of_state() {
        let Some((kind, state_key)) = change.entry() else {
            continue;
        };
        let (now, before) = (nid_of(&change.event), nid_of(&change.replaces));
        writes.push((kind, state_key.to_owned(), change.key, now, before));
    }
    if writes.is_empty() {
        return;
    }
    new.write(move |batch, pos| {
        for (kind, state_key, key, now, before) in writes {
            match now {
                EventNid(0) => tables::CURRENT_STATE.delete(batch, (room, &kind, &state_key)),
                now => tables::CURRENT_STATE.put(batch, (room, &kind, &state_key), &now),
            }
            tables::STATE_DELTA.put(batch, (room, pos, key), &(now, before));
        }
    });
}

/// The membership a `m.room.member` event gives, if it is one.
pub fn membership_of(event: &RoomEvent) -> Option<Membership> {
    membership_in(&event.pdu)
}

/// The same for an event that is not stored.
pub fn membership_in(pdu: &events::Pdu) -> Option<Membership> {
    #[derive(Deserialize)]
    struct Content<'a> {
        #[serde(borrow)]
        membership: std::borrow::Cow<'a, str>,
    }
    if *pdu.event_type() != TimelineEventType::RoomMember {
        return None;
    }
    let content: Content<'_> = pdu.content_as().ok()?;
    Membership::parse(&content.membership)
}

fn memberships(txn: &mut Txn<'_>, new: &mut NewEvent) -> ApiResult<()> {
    let changes: Vec<StateChange> = new.changes_of_state().cloned().collect();
    for change in changes {
        let Some((kind, state_key)) = change.entry() else {
            continue;
        };
        if kind == "m.room.member"
            && let Ok(user) = <&UserId>::try_from(state_key)
        {
            membership(txn, new, user, &change)?;
        }
    }
    Ok(())
}

/// Takes over a membership. A member without an event, as a fork of history can leave one, counts as having left.
fn membership(
    txn: &mut Txn<'_>,
    new: &mut NewEvent,
    user_id: &UserId,
    change: &StateChange,
) -> ApiResult<()> {
    let membership = change.event.as_ref().and_then(|event| membership_of(event));
    let membership = membership.unwrap_or(Membership::Leave);
    let user = txn.rooms.storage().interner().user(user_id)?;
    let old = change
        .replaces
        .as_ref()
        .and_then(|event| membership_of(event));
    if summary::apply_membership(txn.head.summary_mut(), user, old, membership) {
        find_heroes(txn, user)?;
    }
    servers::count(txn, user_id, old, membership);
    let (room, is_member) = (txn.room, change.event.is_some());
    let event = change.event.as_ref().or(change.replaces.as_ref());
    let nid = event.map_or(EventNid(0), |event| event.nid);
    txn.head.local_members = Arc::default();
    txn.head.members_change = true;
    let earlier = tables::USER_ROOM.get(txn.snapshot, (user, room))?;
    let was_joined =
        earlier.as_ref().is_some_and(|row| row.was_joined) || membership == Membership::Join;
    let joined_before = earlier
        .as_ref()
        .filter(|row| row.membership == Membership::Join)
        .map(|row| row.joined_at);
    let leaves = old == Some(Membership::Join) && membership != Membership::Join;
    let left_before = earlier.map_or((EventNid(0), StreamPos::ZERO), |row| {
        (row.left, row.left_at)
    });
    if old != Some(membership) {
        let joined = matches!(
            membership,
            Membership::Join | Membership::Invite | Membership::Knock
        );
        new.change(Change::Membership { room, user, joined });
    }
    new.write(move |batch, pos| {
        if let Some(old) = old {
            tables::MEMBER.delete(batch, (room, old, user));
        }
        if is_member {
            tables::MEMBER.put(batch, (room, membership, user), &(nid, pos));
        }
        let joined_at = match membership {
            Membership::Join => joined_before.unwrap_or(pos),
            _ => StreamPos::ZERO,
        };
        let (left, left_at) = if leaves { (nid, pos) } else { left_before };
        let (forgotten, stripped_state) = (false, Vec::new());
        let row = UserRoomRow {
            membership,
            event: nid,
            pos,
            joined_at,
            left,
            left_at,
            was_joined,
            forgotten,
            stripped_state,
        };
        tables::USER_ROOM.put(batch, (user, room), &row);
    });
    Ok(())
}

/// Fills the heroes from the members on disk, without the one who just left.
fn find_heroes(txn: &mut Txn<'_>, without: UserNid) -> ApiResult<()> {
    for membership in [Membership::Join, Membership::Invite] {
        for row in tables::MEMBER.scan(txn.snapshot, (txn.room, membership))? {
            let ((_, _, user), _) = row?;
            let heroes = &txn.head.summary().heroes;
            if heroes.len() >= summary::HEROES {
                return Ok(());
            }
            if user != without && !heroes.contains(&user) {
                txn.head.summary_mut().heroes.push(user);
            }
        }
    }
    Ok(())
}

fn summary_of_state(txn: &mut Txn<'_>, new: &NewEvent) {
    let mut summary = txn.head.summary().clone();
    let mut changed = false;
    for change in new.changes_of_state() {
        let Some((kind, state_key)) = change.entry() else {
            continue;
        };
        let nothing = RawValue::NULL;
        let content = change
            .event
            .as_ref()
            .map_or(nothing, |event| event.pdu.content());
        if summary::apply_state(&mut summary, &kind, state_key, content) {
            changed = true;
            if kind == "m.room.create" {
                summary.create = change
                    .event
                    .as_ref()
                    .map_or(summary.create, |event| event.nid);
            }
        }
    }
    if changed {
        *txn.head.summary_mut() = summary;
    }
}

/// Removes the content of the event that a redaction names, if its sender may do so.
/// [spec](https://spec.matrix.org/v1.19/rooms/v12/#handling-redactions)
fn redaction(txn: &mut Txn<'_>, new: &mut NewEvent) -> ApiResult<()> {
    let Some(id) = new.event.pdu.redacts() else {
        return Ok(());
    };
    let Some(target) = txn.rooms.event_by_id(txn.snapshot, id)? else {
        await_target(txn, id.clone(), new.event.nid);
        return Ok(());
    };
    if target.row.room != txn.room || target.is_redacted() || !may_redact(txn, &new.event, &target)?
    {
        return Ok(());
    }
    remove_content(txn, &target, new.event.nid)?;
    new.redacts = Some(target);
    Ok(())
}

/// Notes a redaction that came before the event it is about. There may be several, and who may redact it shows only then.
pub(super) fn await_target(txn: &mut Txn<'_>, target: OwnedEventId, redaction: EventNid) {
    let room = txn.room;
    txn.write(move |batch, _| {
        tables::AWAITED_REDACTIONS.put(batch, (room, target, redaction), &());
    });
}

impl Txn<'_> {
    /// A new event as it is shown: without its content, if its redaction was here before it.
    pub(super) fn as_redacted(&mut self, event: Arc<RoomEvent>) -> ApiResult<Arc<RoomEvent>> {
        let (room, id) = (self.room, event.pdu.event_id().clone());
        let mut redactions = Vec::new();
        redactions.extend(tables::AWAITED_REDACTION.get(self.snapshot, (room, &id))?);
        for row in tables::AWAITED_REDACTIONS.scan(self.snapshot, (room, &id))? {
            redactions.push(row?.0.2);
        }
        if redactions.is_empty() {
            return Ok(event);
        }
        self.write(move |batch, _| {
            tables::AWAITED_REDACTION.delete(batch, (room, &id));
            tables::AWAITED_REDACTIONS.delete_prefix(batch, (room, &id));
        });
        let mut event = event;
        for by in redactions {
            let redaction = self.rooms.known_event(self.snapshot, by)?;
            event = self.without_content(event, &redaction)?;
            if event.is_redacted() {
                break;
            }
        }
        Ok(event)
    }

    /// An event that is not stored yet as a redaction leaves it, if its sender may redact it.
    pub(super) fn without_content(
        &self,
        event: Arc<RoomEvent>,
        redaction: &RoomEvent,
    ) -> ApiResult<Arc<RoomEvent>> {
        if !redaction.is_accepted() || !may_redact(self, redaction, &event)? {
            return Ok(event);
        }
        let redacted = redact::redact(&event.pdu, self.head.rules()).map_err(ApiError::internal)?;
        let mut row = event.row.clone();
        row.redacted_by = redaction.nid;
        Ok(Arc::new(RoomEvent {
            nid: event.nid,
            row,
            pdu: redacted,
        }))
    }
}

pub(super) fn may_redact(
    txn: &Txn<'_>,
    redaction: &RoomEvent,
    target: &RoomEvent,
) -> ApiResult<bool> {
    // Which of its own users may remove whose event is for their server to decide.
    if redaction.pdu.sender() == target.pdu.sender()
        || redaction.pdu.sender().server_name() != txn.rooms.server_name()
            && redaction.pdu.sender().server_name() == target.pdu.sender().server_name()
    {
        return Ok(true);
    }
    let levels = txn.power_levels()?;
    Ok(power::check(&levels, redaction.pdu.sender(), &Action::RedactOther).is_ok())
}

pub(super) fn remove_content(
    txn: &mut Txn<'_>,
    target: &Arc<RoomEvent>,
    by: EventNid,
) -> ApiResult<()> {
    let redacted = redact::redact(&target.pdu, txn.head.rules()).map_err(ApiError::internal)?;
    let mut row = target.row.clone();
    row.redacted_by = by;
    row.pdu = redacted.to_stored();
    if let Some(state_key) = target.pdu.state_key() {
        let kind = target.pdu.event_type().to_string();
        let current = txn.state(&kind, state_key)?;
        if current.is_some_and(|current| current.nid == target.nid) {
            summary::apply_state(txn.head.summary_mut(), &kind, state_key, redacted.content());
        }
    }
    let nid = target.nid;
    txn.rooms.forget_event(nid, Changed::Redacted);
    txn.head.waits = true;
    relations::forget(txn, target)?;
    txn.write(move |batch, _| tables::EVENT.put(batch, nid, &row));
    let rooms = txn.rooms;
    for projection in rooms.projections() {
        projection.content_removed(txn, target)?;
    }
    Ok(())
}
