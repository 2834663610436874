//! Telling of new messages while somebody looks elsewhere.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use eyeball_im::VectorDiff;
use matrix_sdk::ruma::OwnedRoomId;
use slint::{Timer, TimerMode};

use super::context::Context;
use crate::{
    bridge::command::{Command, PeopleCommand},
    model::news::{News, Seen},
    render::words,
    rows::RoomRow,
};

/// The words of a message come so long after its count at most.
const WORDS_LATE: Duration = Duration::from_secs(3);

/// The rooms that are new or different after these changes of the list.
pub(super) fn changed(diffs: &[VectorDiff<Arc<RoomRow>>]) -> Vec<Arc<RoomRow>> {
    let mut rooms = Vec::new();
    for diff in diffs {
        match diff {
            VectorDiff::Append { values } | VectorDiff::Reset { values } => {
                rooms.extend(values.iter().cloned());
            }
            VectorDiff::PushFront { value }
            | VectorDiff::PushBack { value }
            | VectorDiff::Insert { value, .. }
            | VectorDiff::Set { value, .. } => rooms.push(value.clone()),
            _ => {}
        }
    }
    rooms
}

/// What was known of each room when it was last looked at.
pub(super) struct Notices {
    context: Rc<Context>,
    seen: RefCell<HashMap<OwnedRoomId, Seen>>,
    /// The first list after a start is no news.
    ready: Cell<bool>,
    /// Tells what it can of messages whose words have not come.
    late: Timer,
}

impl Notices {
    pub(super) fn new(context: &Rc<Context>) -> Rc<Self> {
        Rc::new(Self {
            context: context.clone(),
            seen: RefCell::default(),
            ready: Cell::new(false),
            late: Timer::default(),
        })
    }

    /// From now on what comes is news.
    pub(super) fn start(&self) {
        self.ready.set(true);
    }

    /// Another account: everything is old again.
    pub(super) fn clear(&self) {
        self.ready.set(false);
        self.late.stop();
        self.seen.borrow_mut().clear();
    }

    /// Looks at rooms that have changed. A room that somebody has before their eyes needs no notice.
    pub(super) fn rooms_changed(
        self: &Rc<Self>,
        rooms: &[Arc<RoomRow>],
        in_sight: Option<&OwnedRoomId>,
    ) {
        let mut seen = self.seen.borrow_mut();
        for room in rooms {
            let is_quiet = !self.ready.get() || in_sight == Some(&room.id) || room.muted;
            let found = match seen.get_mut(&room.id) {
                Some(before) if !is_quiet => before.follow(room),
                before => {
                    let is_new = before.is_none() && !is_quiet;
                    seen.insert(room.id.clone(), Seen::of(room));
                    (is_new && room.invitation.is_some()).then_some(News::Invitation)
                }
            };
            if let Some(news) = found {
                self.tell(room, &news);
            }
            if seen.get(&room.id).is_some_and(Seen::is_owed) {
                let notices = self.clone();
                self.late
                    .start(TimerMode::SingleShot, WORDS_LATE, move || notices.settle());
            }
        }
    }

    /// Tells of messages whose words must have been there before their count.
    fn settle(&self) {
        for seen in self.seen.borrow_mut().values_mut() {
            if let Some(news) = seen.settle() {
                self.tell(seen.room(), &news);
            }
        }
    }

    fn tell(&self, room: &RoomRow, news: &News) {
        let settings = self.context.settings.get();
        if !settings.notifications || settings.do_not_disturb {
            return;
        }
        let language = settings.language;
        let text = match news {
            News::Invitation => self
                .context
                .say("Вас приглашают в чат", "You are invited to a chat")
                .to_owned(),
            News::Message(preview) if settings.notification_text => {
                let sender = words::preview_sender(language, preview);
                sender + words::preview(language, &preview.kind).as_str()
            }
            News::Message(_) => self
                .context
                .say("Новое сообщение", "New message")
                .to_owned(),
        };
        let title = match room.mentions {
            0 => room.name.clone(),
            _ => format!("@ {}", room.name),
        };
        drop(settings);
        let command = Command::People(PeopleCommand::Notify { title, text });
        // A desktop that shows none is no failure: the list of rooms tells the same.
        self.context.ask(command, |_| {});
    }
}
