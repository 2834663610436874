//! An open room: one task that delivers its rows and carries out what is asked of it, in order.

mod header;
mod members;
mod people;
mod senders;
mod sending;

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use eyeball_im::VectorDiff;
use futures_util::{Stream, StreamExt, stream::BoxStream};
use matrix_sdk::{Room, event_cache::PaginationStatus, ruma::OwnedUserId};
use matrix_sdk_ui::timeline::{
    RoomExt, Timeline, TimelineItem, TimelineReadReceiptTracking, default_event_filter,
};
use tokio::{
    sync::{broadcast, mpsc, watch},
    task::AbortHandle,
    time::Sleep,
};

use self::{
    people::{People, over, send_members},
    senders::Senders,
};
use super::{
    outbox::Outbox,
    room_list::{Nudge, names_of},
    room_row::draft_of,
};
use crate::{
    bridge::{
        command::{RequestId, TimelineCommand},
        trouble::Trouble,
        update::{Answer, Pagination, TimelineUpdate, Update},
    },
    rows::{
        RoomHeader,
        timeline::{RowDiff, TimelineRows},
    },
};

/// Messages asked for at once when paging back.
const PAGE: u16 = 50;
/// With fewer messages than this, a page is fetched unasked.
const ENOUGH: usize = 20;

/// Pages fetched unasked: where thousands have come and nobody says anything, the past has no end.
const UNASKED: u8 = 20;

/// A room with more messages than this does not stay at hand: somebody went far back in it, or much was said since
/// somebody was in it.
const KEPT_MESSAGES: usize = 300;

/// The server's room bot, once it is known.
type Bot = watch::Receiver<Option<OwnedUserId>>;

/// The session's hold on an open room; dropping it closes the room.
pub(super) struct OpenRoom {
    commands: mpsc::UnboundedSender<(RequestId, TimelineCommand)>,
    messages: Arc<AtomicUsize>,
    task: AbortHandle,
}

impl OpenRoom {
    /// Opens a room; the first command decides what is delivered.
    pub(super) fn open(
        room: Room,
        outbox: Outbox,
        nudges: mpsc::UnboundedSender<Nudge>,
        bot: Bot,
    ) -> Self {
        let (commands, receiver) = mpsc::unbounded_channel();
        let messages = Arc::default();
        let views = Views {
            outbox,
            nudges,
            bot,
            messages: Arc::clone(&messages),
        };
        let task = tokio::spawn(run(room, receiver, views)).abort_handle();
        Self {
            commands,
            messages,
            task,
        }
    }

    /// How many messages it holds.
    pub(super) fn messages(&self) -> usize {
        match self.is_closed() {
            true => 0,
            false => self.messages.load(Ordering::Relaxed),
        }
    }

    /// Whether its task has ended, which it does only when the room could not be opened.
    pub(super) fn is_closed(&self) -> bool {
        self.commands.is_closed()
    }

    /// Hands a command to the room. Returns it when the room has ended.
    pub(super) fn send(
        &self,
        request: RequestId,
        command: TimelineCommand,
    ) -> Result<(), TimelineCommand> {
        self.commands
            .send((request, command))
            .map_err(|error| error.0.1)
    }
}

impl Drop for OpenRoom {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What a room tells others, and hears from them.
struct Views {
    outbox: Outbox,
    nudges: mpsc::UnboundedSender<Nudge>,
    bot: Bot,
    messages: Arc<AtomicUsize>,
}

async fn run(
    room: Room,
    mut commands: mpsc::UnboundedReceiver<(RequestId, TimelineCommand)>,
    views: Views,
) {
    match build(&room).await {
        Ok(timeline) => {
            let (task, items) = Task::start(room, timeline, views).await;
            task.follow(items, commands).await;
        }
        Err(error) => {
            tracing::error!(%error, "a room cannot be opened");
            commands.close();
            while let Some((request, _)) = commands.recv().await {
                views
                    .outbox
                    .answer(request, Err(Trouble::Other(error.to_string())))
                    .await;
            }
        }
    }
}

async fn build(room: &Room) -> Result<Timeline, matrix_sdk_ui::timeline::Error> {
    room.timeline_builder()
        .track_read_marker_and_receipts(TimelineReadReceiptTracking::MessageLikeEvents)
        .event_filter(|event, rules| {
            default_event_filter(event, rules) && !header::is_silent(event)
        })
        .build()
        .await
}

/// Changes of the SDK's timeline.
type Items = BoxStream<'static, Vec<VectorDiff<Arc<TimelineItem>>>>;

struct Task {
    room: Room,
    timeline: Arc<Timeline>,
    rows: TimelineRows,
    /// Whether somebody looks at it.
    shown: bool,
    with_members: bool,
    people: Option<People>,
    /// When the people of a large room are asked for again.
    people_due: Option<Pin<Box<Sleep>>>,
    senders: Senders,
    filling: Option<AbortHandle>,
    /// Pages fetched unasked in a row.
    filled: u8,
    outbox: Outbox,
    nudges: mpsc::UnboundedSender<Nudge>,
    bot: Bot,
    /// How many messages there are.
    messages: Arc<AtomicUsize>,
}

impl Task {
    async fn start(room: Room, timeline: Timeline, views: Views) -> (Self, Items) {
        let mut rows = TimelineRows::new(header::context(&room, Arc::default()).await);
        let (values, items) = timeline.subscribe().await;
        rows.apply_all([VectorDiff::Reset { values }]);
        views.messages.store(rows.messages(), Ordering::Relaxed);
        let timeline = Arc::new(timeline);
        let task = Self {
            senders: Senders::new(&room),
            room,
            timeline,
            rows,
            shown: false,
            with_members: false,
            people: None,
            people_due: None,
            filling: None,
            filled: 0,
            outbox: views.outbox,
            nudges: views.nudges,
            bot: views.bot,
            messages: views.messages,
        };
        (task, items.boxed())
    }

    async fn follow(
        mut self,
        mut items: Items,
        mut commands: mpsc::UnboundedReceiver<(RequestId, TimelineCommand)>,
    ) {
        let mut room_changes = self.room.subscribe_info();
        let (_typing_guard, mut typing) = self.room.subscribe_to_typing_notifications();
        let (first, pages) = pagination_of(&self.timeline).await;
        let mut pages = pages;
        let mut pagination = first;
        let mut bot = self.bot.clone();
        let mut members = self.room.room_member_updates_sender.subscribe();
        loop {
            tokio::select! {
                command = commands.recv() => match command {
                    Some((request, TimelineCommand::Open)) => self.deliver(request, pagination).await,
                    Some((request, TimelineCommand::Close)) => {
                        self.hide(request).await;
                        if self.is_to_end(&commands) {
                            return;
                        }
                    }
                    Some((request, command)) => self.carry_out(request, command).await,
                    None => return,
                },
                Some(diffs) = items.next() => {
                    let diffs = self.rows.apply_all(diffs);
                    self.messages.store(self.rows.messages(), Ordering::Relaxed);
                    self.send_rows(diffs).await;
                    self.ask_for_names();
                    self.fill(pagination);
                    if self.is_to_end(&commands) {
                        return;
                    }
                }
                found = self.senders.found() => {
                    let diffs = self.rows.introduce(found);
                    self.send_rows(diffs).await;
                }
                Some(page) = pages.next() => {
                    pagination = page;
                    self.send(TimelineUpdate::Pagination(page)).await;
                }
                Some(_) = room_changes.next() => self.refresh_header().await,
                Ok(()) = bot.changed() => self.refresh_header().await,
                // Having missed some is a change too; closed only with the client.
                changed = members.recv() => match changed {
                    Err(broadcast::error::RecvError::Closed) => return,
                    _ => self.members_changed(),
                },
                () = over(&mut self.people_due) => {
                    self.people_due = None;
                    tokio::spawn(send_members(self.room.clone(), false, self.outbox.clone()));
                }
                people = typing.recv() => match people {
                    Ok(people) => {
                        let names = names_of(&self.room, &people).await;
                        self.send(TimelineUpdate::Typing(names)).await;
                    }
                    // Missed some: the next one says all. Closed only with the client.
                    Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => return,
                },
            }
        }
    }

    /// Delivers everything a view needs to show the room.
    async fn deliver(&mut self, request: RequestId, pagination: Pagination) {
        self.shown = true;
        // All of them follow.
        self.refresh_rows().await;
        self.send(TimelineUpdate::Header(self.header().await)).await;
        self.send(TimelineUpdate::Draft(
            draft_of(&self.room).await.unwrap_or_default(),
        ))
        .await;
        self.send_rows(vec![VectorDiff::Reset {
            values: self.rows.rows(),
        }])
        .await;
        self.send(TimelineUpdate::Pagination(pagination)).await;
        self.outbox.answer(request, Ok(Answer::Done)).await;
        self.ask_for_names();
        self.fill(pagination);
    }

    async fn refresh_rows(&mut self) -> Vec<RowDiff> {
        let context = header::context(&self.room, self.rows.people()).await;
        self.rows.set_context(context)
    }

    /// Delivers nothing until the room is opened again.
    async fn hide(&mut self, request: RequestId) {
        self.shown = false;
        self.with_members = false;
        self.people = None;
        self.people_due = None;
        self.outbox.answer(request, Ok(Answer::Done)).await;
    }

    /// Whether there is too much in this room for one that nobody looks at. Somebody may have come back meanwhile.
    fn is_to_end(&self, commands: &mpsc::UnboundedReceiver<(RequestId, TimelineCommand)>) -> bool {
        !self.shown && self.rows.messages() > KEPT_MESSAGES && commands.is_empty()
    }

    /// Fetches a page when there is next to nothing to read: in a room just joined, and after a gap (the server has
    /// forgotten how far this session was), when the SDK shows only what is certain to be whole.
    fn fill(&mut self, pagination: Pagination) {
        let is_filling = self
            .filling
            .as_ref()
            .is_some_and(|task| !task.is_finished());
        if self.rows.messages() >= ENOUGH {
            self.filled = 0;
            return;
        }
        if !self.shown || pagination != Pagination::Idle || is_filling || self.filled >= UNASKED {
            return;
        }
        self.filled += 1;
        let timeline = self.timeline.clone();
        let task = tokio::spawn(async move {
            if let Err(error) = timeline.paginate_backwards(PAGE).await {
                tracing::info!(%error, "the first page of older messages did not come");
            }
        });
        self.filling = Some(task.abort_handle());
    }

    async fn refresh_header(&mut self) {
        if !self.shown {
            return;
        }
        let diffs = self.refresh_rows().await;
        self.send_rows(diffs).await;
        self.send(TimelineUpdate::Header(self.header().await)).await;
        self.refresh_members().await;
    }

    async fn header(&self) -> RoomHeader {
        let bot = self.bot.borrow().clone();
        header::header(&self.room, bot.as_deref()).await
    }

    async fn send_rows(&self, diffs: Vec<RowDiff>) {
        if !diffs.is_empty() {
            self.send(TimelineUpdate::Rows(diffs)).await;
        }
    }

    async fn send(&self, update: TimelineUpdate) {
        if !self.shown {
            return;
        }
        self.outbox
            .send(Update::Timeline(self.room.room_id().to_owned(), update))
            .await;
    }
}

async fn pagination_of(
    timeline: &Timeline,
) -> (Pagination, impl Stream<Item = Pagination> + Unpin + use<>) {
    match timeline.live_back_pagination_status().await {
        Some((first, stream)) => (shown(&first), stream.map(|status| shown(&status)).boxed()),
        // Only timelines that are not live have none.
        None => (Pagination::AtStart, futures_util::stream::pending().boxed()),
    }
}

fn shown(status: &PaginationStatus) -> Pagination {
    match status {
        PaginationStatus::Paginating => Pagination::Loading,
        PaginationStatus::Idle {
            hit_timeline_start: true,
        } => Pagination::AtStart,
        PaginationStatus::Idle {
            hit_timeline_start: false,
        } => Pagination::Idle,
    }
}
