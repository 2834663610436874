//! An open room: one task that delivers its rows and carries out what is asked of it, in order.

mod drafts;
mod files;
mod header;
mod members;
mod older;
mod people;
mod senders;
mod sending;
mod shown;

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use eyeball_im::VectorDiff;
use futures_util::{StreamExt, stream::BoxStream};
use matrix_sdk::{Room, ruma::OwnedUserId};
use matrix_sdk_ui::timeline::{RoomExt, Timeline, TimelineItem, TimelineReadReceiptTracking};
use tokio::{
    sync::{broadcast, mpsc, watch},
    task::{AbortHandle, JoinHandle},
    time::Sleep,
};

pub(super) use self::people::over;
use self::{
    older::pagination_of,
    people::{People, send_members},
    senders::Senders,
    shown::ShownRows,
};
use super::{
    outbox::Outbox,
    room_list::{Nudge, names_of},
};
use crate::{
    bridge::{
        command::{RequestId, TimelineCommand},
        trouble::Trouble,
        update::{Answer, Pagination, TimelineUpdate, Update},
    },
    rows::{
        RoomHeader,
        timeline::{RowContext, RowDiff},
    },
};

/// A room with more messages than this does not stay at hand: somebody went far back in it, or much was said since
/// somebody was in it.
const KEPT_MESSAGES: usize = 300;

/// The server's room bot, once it is known.
type Bot = watch::Receiver<Option<OwnedUserId>>;

/// The session's hold on an open room. Without it the room closes, once what was asked of it is done.
pub(super) struct OpenRoom {
    commands: mpsc::UnboundedSender<(RequestId, TimelineCommand)>,
    messages: Arc<AtomicUsize>,
    task: JoinHandle<()>,
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
        let task = tokio::spawn(run(room, receiver, views));
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

    /// Closes the room. What was asked of it is done when the task has ended.
    pub(super) fn close(self) -> JoinHandle<()> {
        self.task
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
        .event_filter(header::is_shown)
        .build()
        .await
}

/// Changes of the SDK's timeline.
type Items = BoxStream<'static, Vec<VectorDiff<Arc<TimelineItem>>>>;

struct Task {
    room: Room,
    timeline: Arc<Timeline>,
    rows: ShownRows,
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
        let (values, items) = timeline.subscribe().await;
        let rows = ShownRows::new(values);
        views.messages.store(rows.len(), Ordering::Relaxed);
        let timeline = Arc::new(timeline);
        let task = Self {
            senders: Senders::new(&room),
            room,
            timeline,
            rows,
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
                    self.messages.store(self.rows.len(), Ordering::Relaxed);
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
        self.rows.show(self.context().await);
        self.send(TimelineUpdate::Header(self.header().await)).await;
        self.send(TimelineUpdate::Draft(drafts::kept(&self.room).await))
            .await;
        if let Some(rows) = self.rows.shown() {
            let values = rows.rows();
            self.send_rows(vec![VectorDiff::Reset { values }]).await;
        }
        self.send(TimelineUpdate::Pagination(pagination)).await;
        self.outbox.answer(request, Ok(Answer::Done)).await;
        self.ask_for_names();
        self.fill(pagination);
    }

    async fn context(&self) -> RowContext {
        header::context(&self.room, self.rows.people()).await
    }

    /// Delivers nothing until the room is opened again.
    async fn hide(&mut self, request: RequestId) {
        self.rows.hide();
        self.with_members = false;
        self.people = None;
        self.people_due = None;
        self.outbox.answer(request, Ok(Answer::Done)).await;
    }

    /// Whether somebody looks at it.
    fn is_shown(&self) -> bool {
        self.rows.shown().is_some()
    }

    /// Whether there is too much in this room for one that nobody looks at. Somebody may have come back meanwhile.
    fn is_to_end(&self, commands: &mpsc::UnboundedReceiver<(RequestId, TimelineCommand)>) -> bool {
        !self.is_shown() && self.rows.len() > KEPT_MESSAGES && commands.is_empty()
    }

    async fn refresh_header(&mut self) {
        if !self.is_shown() {
            return;
        }
        let context = self.context().await;
        let diffs = self.rows.set_context(context);
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
        if !self.is_shown() {
            return;
        }
        self.outbox
            .send(Update::Timeline(self.room.room_id().to_owned(), update))
            .await;
    }
}
