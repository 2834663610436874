//! Deleting a whole room, step by step.

use ruma::{OwnedUserId, UserId, events::AnySyncTimelineEvent};

use super::{JobRow, Stage, Task, events::Removal, job, reclaim::Reclaim};
use crate::{
    error::ApiResult,
    events::client_format::ClientEvent,
    ids::{EventNid, RoomNid, StreamPos, UserNid},
    rooms::{
        Rooms,
        membership::{MembershipChange, Step},
        relations,
        rows::{Membership, Place, UserRoomRow},
        servers,
        state::tree::StateRoot,
        thread_subscriptions,
        txn::{Txn, Write},
    },
    storage::{Commit, Result, Snapshot, tables},
};

/// Members who leave in one commit.
const LEAVES: usize = 50;
/// Members whose rows go in one commit.
const MEMBERS: usize = 200;
/// Events that go in one commit.
const EVENTS: usize = 500;

impl Rooms {
    /// The next step of deleting a room.
    pub(super) async fn deletion_step(
        &self,
        id: &str,
        row: JobRow,
        reclaim: &mut Reclaim,
    ) -> ApiResult<JobRow> {
        match row.stage {
            Stage::Waiting => self.withdraw(id.to_owned(), row).await,
            Stage::Leaving => self.take_members_out(id.to_owned(), row).await,
            Stage::Erasing => self.erase(id.to_owned(), row, reclaim).await,
            Stage::Done | Stage::Failed => Ok(row),
        }
    }

    /// Takes the room out of the directory, and its aliases from it.
    async fn withdraw(&self, id: String, mut row: JobRow) -> ApiResult<JobRow> {
        let _turn = self.inner.alias_turn.lock().await;
        self.write_closing(row.room, move |txn| {
            let room = txn.room;
            for found in tables::ROOM_ALIAS.scan(txn.snapshot, (room,))? {
                let ((_, alias), ()) = found?;
                row.aliases.push(alias);
            }
            row.stage = Stage::Leaving;
            let saved = row.clone();
            txn.head.waits = true;
            txn.write(move |batch, _| {
                for alias in &saved.aliases {
                    tables::ALIAS.delete(batch, alias);
                    tables::ROOM_ALIAS.delete(batch, (room, alias));
                }
                tables::PUBLIC_ROOM.delete(batch, room);
                tables::DELETION_JOB.put(batch, &id, &saved);
            });
            Ok(row)
        })
        .await
    }

    /// Has some of this server's members leave; when none is left, makes the room disappear.
    async fn take_members_out(&self, id: String, mut row: JobRow) -> ApiResult<JobRow> {
        let room = row.room;
        let row = self
            .write_closing(room, move |txn| {
                let members = members_to_take_out(txn, &id)?;
                if members.is_empty() {
                    let has_failed = has_failed_members(txn.snapshot, &id)?;
                    row.settle_members(has_failed);
                }
                for (number, user) in members {
                    let outcome = take_out(txn, &user)?;
                    let id = id.clone();
                    txn.write(move |batch, _| {
                        tables::DELETION_MEMBER.put(batch, (&id, number), &outcome);
                    });
                }
                if row.stage == Stage::Erasing {
                    disappear(txn)?;
                }
                if row.is_over() {
                    row.ended = Some(txn.rooms.clock().now());
                }
                let saved = row.clone();
                txn.write(move |batch, _| tables::DELETION_JOB.put(batch, &id, &saved));
                Ok(row)
            })
            .await?;
        if row.stage == Stage::Erasing {
            // Nobody writes to a closed room, so nobody puts the head back.
            *self.lock(room).await = None;
        }
        Ok(row)
    }

    /// Removes some of what is left of a room that has disappeared.
    async fn erase(&self, id: String, mut row: JobRow, reclaim: &mut Reclaim) -> ApiResult<JobRow> {
        let room = row.room;
        let now = self.clock().now();
        let (row, commit, span) = self
            .read(move |rooms, snapshot| {
                let mut span = None;
                let mut writes = rooms.member_rows(snapshot, room)?;
                if writes.is_empty() {
                    let removal = rooms.remaining_events(snapshot, room)?;
                    row.events += removal.len() as u64;
                    span = removal.span().map(|span| (span, removal.len()));
                    if !removal.is_empty() {
                        writes = removal.into_writes()?;
                    }
                }
                if writes.is_empty() {
                    writes = rooms.last_rows(snapshot, room)?;
                    row.stage = Stage::Done;
                    row.ended = Some(now);
                }
                let saved = row.clone();
                writes.push(Box::new(move |batch, _| {
                    tables::DELETION_JOB.put(batch, &id, &saved);
                }));
                Ok((row, commit_of(writes), span))
            })
            .await?;
        self.storage().commit(commit).await?;
        if let Some((span, count)) = span {
            reclaim.add(room, span, count);
        }
        Ok(row)
    }

    /// The rows of some members.
    fn member_rows(&self, snapshot: &Snapshot<'_>, room: RoomNid) -> Result<Vec<Write>> {
        let mut writes: Vec<Write> = Vec::new();
        for found in tables::MEMBER.scan(snapshot, (room,))?.take(MEMBERS) {
            let ((_, membership, user), _) = found?;
            for eraser in self.erasers() {
                writes.extend(eraser.member(snapshot, room, user)?);
            }
            let kept = self.row_to_keep(snapshot, room, user)?;
            writes.push(Box::new(move |batch, _| {
                tables::MEMBER.delete(batch, (room, membership, user));
                match kept {
                    Some(kept) => tables::USER_ROOM.put(batch, (user, room), &kept),
                    None => tables::USER_ROOM.delete(batch, (user, room)),
                }
            }));
        }
        Ok(writes)
    }

    /// What is kept for a user of this server who might not have heard that they are out.
    fn row_to_keep(
        &self,
        snapshot: &Snapshot<'_>,
        room: RoomNid,
        user: UserNid,
    ) -> Result<Option<UserRoomRow>> {
        let account = tables::ACCOUNT.get(snapshot, user)?;
        let row = tables::USER_ROOM.get(snapshot, (user, room))?;
        let Some(row) = row.filter(|row| !row.forgotten && account.is_some_and(|a| !a.deactivated))
        else {
            return Ok(None);
        };
        let Some(event) = self.event(snapshot, row.event)? else {
            return Ok(None);
        };
        let shown = ClientEvent::from_pdu(&event.pdu).to_raw::<AnySyncTimelineEvent>();
        Ok(shown
            .ok()
            .map(|shown| UserRoomRow::of_deleted_room(&row, shown.into_json().get().to_owned())))
    }

    /// Some of the events of a room that has disappeared.
    fn remaining_events<'a>(
        &'a self,
        snapshot: &'a Snapshot<'a>,
        room: RoomNid,
    ) -> Result<Removal<'a>> {
        let mut removal = Removal::new(self, snapshot, room);
        let in_timeline = tables::TIMELINE
            .scan(snapshot, (room,))?
            .map(|found| found.map(|((_, pos, sub), row)| (Place { pos, sub }, row.event)));
        let outside = tables::OUTLIER
            .scan(snapshot, (room,))?
            .map(|found| found.map(|((_, event), ())| (Place::default(), event)));
        let pruned = tables::PRUNED
            .scan(snapshot, (room,))?
            .map(|found| found.map(|((_, event), ())| (Place::default(), event)));
        for found in in_timeline.chain(outside).chain(pruned).take(EVENTS) {
            let (place, event) = found?;
            removal.add_with_states(place, event)?;
        }
        Ok(removal)
    }

    /// What is left when members and events are gone.
    fn last_rows(&self, snapshot: &Snapshot<'_>, room: RoomNid) -> Result<Vec<Write>> {
        let mut removal = Removal::new(self, snapshot, room);
        for found in tables::FORMER_STATE.scan(snapshot, (room,))? {
            let ((_, root), ()) = found?;
            removal.add_state(StateRoot(root))?;
        }
        let mut writes = removal.into_writes()?;
        for eraser in self.erasers() {
            writes.extend(eraser.room(snapshot, room)?);
        }
        let subscriptions = thread_subscriptions::erase(snapshot, room)?;
        writes.push(Box::new(move |batch, _| {
            subscriptions(batch);
            tables::FORMER_STATE.delete_prefix(batch, (room,));
            tables::TIMELINE.delete_prefix(batch, (room,));
            tables::BY_TIME.delete_prefix(batch, (room,));
            tables::PAST_EVENT.delete_prefix(batch, (room,));
            relations::erase(batch, room);
            tables::RECEIPT.delete_prefix(batch, (room,));
            tables::LATEST_RECEIPT.delete_prefix(batch, (room,));
            tables::OUTLIER.delete_prefix(batch, (room,));
            tables::PRUNED.delete_prefix(batch, (room,));
            tables::HISTORY_START.delete(batch, room);
            tables::GAP.delete_prefix(batch, (room,));
            tables::AWAITED_REDACTION.delete_prefix(batch, (room,));
            tables::AWAITED_REDACTIONS.delete_prefix(batch, (room,));
        }));
        Ok(writes)
    }

    /// Forgets what a user was told last of a room that is gone. Returns whether there was anything.
    pub(in crate::rooms) async fn forget_deleted(
        &self,
        user: UserNid,
        room: RoomNid,
    ) -> ApiResult<bool> {
        let is_gone = self
            .read(move |rooms, snapshot| {
                Ok(rooms.summary(snapshot, room)?.is_none()
                    && tables::USER_ROOM.contains(snapshot, (user, room))?)
            })
            .await?;
        if is_gone {
            let forget = move |batch: &mut crate::storage::Batch<'_>| {
                tables::USER_ROOM.delete(batch, (user, room));
            };
            self.storage().commit(Commit::silent(forget)).await?;
        }
        Ok(is_gone)
    }
}

impl UserRoomRow {
    /// What is kept of a relation to a room that is deleted.
    fn of_deleted_room(row: &Self, event: String) -> Self {
        Self {
            membership: match row.membership {
                Membership::Ban => Membership::Ban,
                _ => Membership::Leave,
            },
            event: EventNid(0),
            pos: row.pos,
            joined_at: StreamPos::ZERO,
            left: EventNid(0),
            left_at: row.left_at,
            was_joined: false,
            forgotten: false,
            stripped_state: vec![event],
        }
    }

    /// The last thing a user was told of a room that is deleted: the event with which they left.
    pub fn last_event_of_deleted_room(&self) -> Option<&str> {
        let is_out = matches!(self.membership, Membership::Leave | Membership::Ban);
        let event = self.stripped_state.first()?;
        (is_out && self.event == EventNid(0)).then_some(event)
    }
}

impl JobRow {
    /// Goes on when nobody is left who could be taken out.
    fn settle_members(&mut self, has_failed: bool) {
        let Task::DeleteRoom { purge, force } = self.task else {
            return;
        };
        self.stage = if has_failed && !force {
            self.error = Some("Some members could not be taken out of the room.".to_owned());
            Stage::Failed
        } else if purge {
            Stage::Erasing
        } else {
            Stage::Done
        };
    }
}

/// Some of this server's users who are in the room, invited to it or knock at it.
fn members_to_take_out(txn: &Txn<'_>, id: &str) -> ApiResult<Vec<(UserNid, OwnedUserId)>> {
    let interner = txn.rooms.storage().interner();
    let mut found = Vec::new();
    for membership in [Membership::Join, Membership::Invite, Membership::Knock] {
        for member in tables::MEMBER.scan(txn.snapshot, (txn.room, membership))? {
            let ((_, _, number), _) = member?;
            let user = interner.user_id(number)?;
            // Whoever has a row already could not be taken out.
            if is_own(txn.rooms, &user)
                && !tables::DELETION_MEMBER.contains(txn.snapshot, (&id, number))?
            {
                found.push((number, user));
            }
            if found.len() >= LEAVES {
                return Ok(found);
            }
        }
    }
    Ok(found)
}

fn take_out(txn: &mut Txn<'_>, user: &UserId) -> ApiResult<u8> {
    match MembershipChange::own(user, Step::Leave, None).apply(txn) {
        Ok(()) => Ok(job::REMOVED),
        Err(error) if error.status().is_server_error() => Err(error),
        Err(error) => {
            tracing::warn!(%error, %user, "a member cannot be taken out of a room");
            Ok(job::FAILED)
        }
    }
}

fn has_failed_members(snapshot: &Snapshot<'_>, id: &str) -> Result<bool> {
    for row in tables::DELETION_MEMBER.scan(snapshot, (&id,))? {
        if row?.1 == job::FAILED {
            return Ok(true);
        }
    }
    Ok(false)
}

fn is_own(rooms: &Rooms, user: &UserId) -> bool {
    user.server_name() == rooms.server_name()
}

/// Takes away everything by which a room is found, in one commit.
fn disappear(txn: &mut Txn<'_>) -> Result<()> {
    let (room, state) = (txn.room, txn.head.state);
    let servers = servers::servers_in(txn.snapshot, room)?;
    txn.head.waits = true;
    txn.write(move |batch, _| {
        // Where forks met, no event may name the state that they made.
        tables::FORMER_STATE.put(batch, (room, state.0), &());
        for server in servers {
            tables::ROOM_SERVER.delete(batch, (room, &server));
            tables::SERVER_ROOM.delete(batch, (&server, room));
        }
        tables::ROOM.delete(batch, room);
        tables::EXTREMITY.delete_prefix(batch, (room,));
        tables::CURRENT_STATE.delete_prefix(batch, (room,));
        tables::STATE_DELTA.delete_prefix(batch, (room,));
    });
    Ok(())
}

/// Writes that take no place in the stream.
fn commit_of(writes: Vec<Write>) -> Commit {
    Commit {
        positions: 0,
        durable: true,
        fill: Box::new(move |batch, first| {
            writes.into_iter().for_each(|write| write(batch, first));
        }),
        changes: Vec::new(),
    }
}
