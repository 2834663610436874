//! What a user was notified of.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#listing-notifications)
//!
//! There is no list of it: what notifies by default is read off the running counts of the timelines, what notifies by a
//! user's own rules off their personal rows. All rooms are walked back at once, the newest event first.

use std::{collections::BinaryHeap, iter::Peekable};

use ruma::{
    EventId, UInt,
    api::client::push::get_notifications::v3::{Notification, Response},
    push::Action,
};

use super::{
    Inner, Push,
    conditions::Seen,
    permission::Permission,
    project::display_name,
    rules::{RoomContext, Somebody},
    unread::ReadUpTo,
};
use crate::{
    error::{ApiError, ApiResult},
    events::{Pdu, power, versions},
    ids::{EventNid, RoomNid, StreamPos, UserNid},
    rooms::{
        deletion::history_start,
        event::RoomEvent,
        look::Reader,
        rows::{LIVE, Membership, Place, TimelineRow, UserRoomRow},
        show::Show,
        viewer::Viewer,
    },
    storage::{Result, Scan, Snapshot, tables},
};

/// Notifications on a page unless the client says otherwise.
const DEFAULT_LIMIT: usize = 50;
/// Notifications on the longest page.
const MAX_LIMIT: usize = 100;
/// Events that are looked at for one page, however few of them notify.
const LOOKED_AT: usize = 10_000;

/// Which notifications a client asks for.
#[derive(Clone, Debug)]
pub struct Page {
    /// Where an earlier page ended.
    pub from: Option<String>,
    /// How many there may be.
    pub limit: Option<UInt>,
    /// Only mentions.
    pub only_highlights: bool,
}

/// One user's notifications as of a snapshot.
struct Listing<'a> {
    inner: &'a Inner,
    snapshot: &'a Snapshot<'a>,
    user: UserNid,
    reader: &'a Reader,
    rooms: Vec<Room<'a>>,
}

/// A room with what is left to look at.
struct Room<'a> {
    room: RoomNid,
    row: UserRoomRow,
    read: ReadUpTo,
    feed: Feed<'a>,
}

/// Where the events of a room come from, newest first.
enum Feed<'a> {
    Timeline(Peekable<Scan<'a, (RoomNid, StreamPos, u32), TimelineRow>>),
    /// Positions that are known already.
    Known(Vec<StreamPos>),
}

/// An event that notifies.
struct Found {
    event: EventNid,
    /// The thread it is in, empty outside of threads.
    root: String,
}

impl Push {
    /// A page of what a user was notified of, the newest first.
    pub async fn notifications(
        &self,
        user: UserNid,
        reader: Reader,
        page: Page,
    ) -> ApiResult<Response> {
        let before =
            match &page.from {
                None => StreamPos::MAX,
                Some(token) => StreamPos(token.parse().map_err(|_| {
                    ApiError::invalid_param("\"from\" is not a token of this API.")
                })?),
            };
        let limit = page
            .limit
            .and_then(|limit| usize::try_from(limit).ok())
            .unwrap_or(DEFAULT_LIMIT)
            .clamp(1, MAX_LIMIT);
        let inner = self.inner.clone();
        self.inner
            .storage
            .read(move |snapshot| {
                let mut listing = Listing {
                    inner: &inner,
                    snapshot,
                    user,
                    reader: &reader,
                    rooms: Vec::new(),
                };
                listing.open(before, page.only_highlights.then_some(limit))?;
                listing.page(limit)
            })
            .await
    }
}

impl Listing<'_> {
    /// Opens all rooms. With a number, only that many of the newest mentions of each.
    fn open(&mut self, before: StreamPos, mentions: Option<usize>) -> ApiResult<()> {
        let rooms = &self.inner.rooms;
        for row in tables::USER_ROOM.scan(self.snapshot, (self.user,))? {
            let ((_, room), row) = row?;
            let feed = match (row.membership, mentions) {
                (Membership::Join, None) => {
                    let (from, to) = (Place::live(row.joined_at).next(), (room, before, 0));
                    let from = (room, from.pos, from.sub);
                    let rows = tables::TIMELINE.range_back(self.snapshot, from, to)?;
                    Feed::Timeline(rows.peekable())
                }
                (Membership::Join, Some(limit)) => {
                    Feed::Known(self.mentions(room, (row.joined_at, before), limit)?)
                }
                (Membership::Invite, None) if row.pos < before => Feed::Known(vec![row.pos]),
                _ => continue,
            };
            let read = ReadUpTo::load(rooms, self.snapshot, self.user, room, row.joined_at)?;
            self.rooms.push(Room {
                room,
                row,
                read,
                feed,
            });
        }
        Ok(())
    }

    /// Positions of mentions in a room, the newest last.
    fn mentions(
        &self,
        room: RoomNid,
        (after, before): (StreamPos, StreamPos),
        limit: usize,
    ) -> Result<Vec<StreamPos>> {
        let (from, to) = (after.plus(1), before);
        let mut found = Vec::new();
        let rows = tables::PERSONAL_NOTIFYING.range_back(
            self.snapshot,
            (self.user, room, from),
            (self.user, room, to),
        )?;
        for row in rows {
            let ((_, _, pos), (_, highlight, _)) = row?;
            if highlight != 0 {
                found.push(pos);
            }
            if found.len() > limit {
                break;
            }
        }
        let rows = tables::MENTIONING_ALL.range_back(self.snapshot, (room, from), (room, to))?;
        for row in rows.take(limit + 1) {
            found.push(row?.0.1);
        }
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    fn page(&mut self, limit: usize) -> ApiResult<Response> {
        let only_mentions = self.rooms.iter().any(|room| {
            room.row.membership == Membership::Join && matches!(room.feed, Feed::Known(_))
        });
        let mut heap = BinaryHeap::new();
        for (index, room) in self.rooms.iter_mut().enumerate() {
            heap.extend(room.feed.newest()?.map(|pos| (pos, index)));
        }
        let mut response = Response::new(Vec::new());
        let mut looked_at = 0;
        while let Some((pos, index)) = heap.pop() {
            looked_at += 1;
            if response.notifications.len() >= limit || looked_at > LOOKED_AT {
                response.next_token = Some(pos.plus(1).to_string());
                break;
            }
            let found = self.take(index, pos, only_mentions)?;
            if let Some(found) = found
                && let Some(notification) = self.show(index, pos, &found)?
            {
                response.notifications.push(notification);
            }
            heap.extend(self.rooms[index].feed.newest()?.map(|pos| (pos, index)));
        }
        Ok(response)
    }

    /// Takes the newest event of a room; returns it if it notifies the user.
    fn take(
        &mut self,
        index: usize,
        pos: StreamPos,
        only_mentions: bool,
    ) -> ApiResult<Option<Found>> {
        let Some(row) = self.take_row(index, pos)? else {
            return Ok(None);
        };
        let (row, by_default) = row;
        let (room, user) = (self.rooms[index].room, self.user);
        if row.sender == user {
            return Ok(None);
        }
        let in_thread = tables::THREAD_NOTIFYING.get(self.snapshot, (room, pos))?;
        let mentioning = tables::MENTIONING_ALL.get(self.snapshot, (room, pos))?;
        let personal = tables::PERSONAL_NOTIFYING.get(self.snapshot, (user, room, pos))?;
        let by_default = by_default || in_thread.is_some();
        let (notify, highlight) = match &personal {
            Some((difference, highlight, _)) => {
                (u8::from(by_default) + difference > 1, *highlight != 0)
            }
            None => (by_default, mentioning.is_some()),
        };
        if !notify || only_mentions && !highlight {
            return Ok(None);
        }
        let root = personal.map(|(_, _, root)| root);
        let root = root.or(in_thread.map(|(root, _)| root));
        let root = root
            .or(mentioning.map(|(root, _)| root))
            .unwrap_or_default();
        let event = row.event;
        Ok(Some(Found { event, root }))
    }

    /// The row of the newest event of a room, and whether it notifies by default outside of threads.
    fn take_row(&mut self, index: usize, pos: StreamPos) -> ApiResult<Option<(TimelineRow, bool)>> {
        let snapshot = self.snapshot;
        let room = self.rooms[index].room;
        let place = match &mut self.rooms[index].feed {
            Feed::Timeline(rows) => match rows.next().transpose()? {
                Some(((_, _, sub), row)) if row_is_first(rows) => {
                    // The count before the first row in reach is found like any other.
                    return Ok(Some((row, self.counts(index, (pos, sub), row)?)));
                }
                Some((_, row)) => {
                    let before = match rows.peek() {
                        Some(Ok((_, before))) => before.notifying,
                        _ => 0,
                    };
                    return Ok(Some((row, row.notifying > before)));
                }
                None => return Ok(None),
            },
            Feed::Known(positions) => {
                positions.pop();
                (pos, LIVE)
            }
        };
        match tables::TIMELINE.get(snapshot, (room, place.0, place.1))? {
            Some(row) => Ok(Some((row, self.counts(index, place, row)?))),
            None => Ok(None),
        }
    }

    fn counts(&self, index: usize, place: (StreamPos, u32), row: TimelineRow) -> ApiResult<bool> {
        let room = self.rooms[index].room;
        let first = (room, Place::FIRST.pos, Place::FIRST.sub);
        let mut rows =
            tables::TIMELINE.range_back(self.snapshot, first, (room, place.0, place.1))?;
        let before = rows.next().transpose()?.map_or(0, |(_, row)| row.notifying);
        Ok(row.notifying > before.max(history_start(self.snapshot, room)?.1))
    }

    fn show(&self, index: usize, pos: StreamPos, found: &Found) -> ApiResult<Option<Notification>> {
        let room = &self.rooms[index];
        let rooms = &self.inner.rooms;
        let event = rooms.known_event(self.snapshot, found.event)?;
        let viewer = Viewer::with_row(
            rooms,
            self.snapshot,
            self.user,
            &self.reader.user,
            room.row.clone(),
        );
        let is_invite = room.row.membership == Membership::Invite;
        if event.is_redacted() || !event.is_accepted() || !(is_invite || viewer.may_see(&event)?) {
            return Ok(None);
        }
        let how = Show {
            device: Some(&self.reader.device),
            room_id: false,
            bundle: false,
        };
        let read = pos <= room.read.of_root(&found.root);
        Ok(Some(Notification::new(
            self.actions(room.room, &event, &found.root)?,
            rooms.show(self.snapshot, &event, &viewer, how)?,
            read && !is_invite,
            rooms.room_id(room.room)?,
            event.pdu.origin_server_ts(),
        )))
    }

    /// What the user's rules say of an event today.
    fn actions(&self, room: RoomNid, event: &RoomEvent, root: &str) -> ApiResult<Vec<Action>> {
        let rooms = &self.inner.rooms;
        let state = |kind: &str, key: &str| rooms.state_event(self.snapshot, room, kind, key);
        let Some(summary) = rooms.summary(self.snapshot, room)? else {
            return Ok(vec![Action::Notify]);
        };
        let pdu = |kind: &str| -> Result<Option<Pdu>> {
            Ok(state(kind, "")?.map(|event| event.pdu.clone()))
        };
        let (create, levels) = (pdu("m.room.create")?, pdu("m.room.power_levels")?);
        let rules = summary.version.as_str().try_into().ok();
        let permission = rules
            .and_then(|version| versions::rules(&version))
            .map(|rules| Permission {
                levels: power::power_levels_of(create.as_ref(), levels.as_ref(), rules).into(),
                event: levels.clone(),
            });
        let context = RoomContext {
            room_id: rooms.room_id(room)?,
            members: summary.joined,
            permission,
        };
        let member = state("m.room.member", self.reader.user.as_str())?;
        let name = member
            .map(|member| display_name(&member))
            .unwrap_or_default();
        let rules = self.inner.account_data.rules_of(self.user)?;
        let seen = Seen::of(&event.pdu)?;
        let subscribed = match EventId::parse(root) {
            Ok(root) if !rules.ruleset.postcontent.is_empty() => rooms
                .thread_subscribers(self.snapshot, room, &root)?
                .contains(&self.user),
            _ => false,
        };
        let user = Somebody {
            id: &self.reader.user,
            display_name: &name,
            subscribed,
        };
        let actions = context.actions(&rules.ruleset, &seen, user);
        if actions.iter().any(Action::should_notify) {
            return Ok(actions);
        }
        // The rules have changed since.
        Ok(vec![Action::Notify])
    }
}

/// Whether nothing older is in reach.
fn row_is_first(rows: &mut Peekable<Scan<'_, (RoomNid, StreamPos, u32), TimelineRow>>) -> bool {
    rows.peek().is_none()
}

impl Feed<'_> {
    /// The position of the newest event that is left.
    fn newest(&mut self) -> Result<Option<StreamPos>> {
        match self {
            Self::Known(positions) => Ok(positions.last().copied()),
            Self::Timeline(rows) => match rows.peek() {
                Some(Ok(((_, pos, _), _))) => Ok(Some(*pos)),
                Some(Err(_)) => rows.next().transpose().map(|_| None),
                None => Ok(None),
            },
        }
    }
}
