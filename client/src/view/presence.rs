//! Who is online, among the people on the screen.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    rc::Rc,
    time::Duration,
};

use matrix_sdk::ruma::OwnedUserId;
use slint::{Timer, TimerMode};

use super::{Presence as Dot, context::Context, room::Room, room_list::RoomList};
use crate::{
    bridge::{
        command::{Command, PeopleCommand},
        update::Answer,
    },
    rows::PresenceRow,
};

/// How old what is shown may be.
const EVERY: Duration = Duration::from_secs(60);
/// After a change of what is on the screen, others follow at once.
const PAUSE: Duration = Duration::from_millis(400);
/// More people than this are not asked about: a class is, a large room or a long list is not.
pub(super) const PEOPLE: usize = 40;

/// What is known of people.
#[derive(Default)]
pub(super) struct Known {
    people: RefCell<HashMap<String, PresenceRow>>,
}

impl Known {
    /// What is known of somebody.
    pub(super) fn of(&self, user: &str) -> Option<PresenceRow> {
        self.people.borrow().get(user).cloned()
    }

    /// The dot beside somebody.
    pub(super) fn dot(&self, user: &str) -> Dot {
        match self.of(user) {
            Some(row) if row.online => Dot::Online,
            Some(_) => Dot::Away,
            None => Dot::Unknown,
        }
    }

    /// How many of these are online; `None` where nothing is known of any.
    pub(super) fn online<'a>(&self, users: impl Iterator<Item = &'a str>) -> Option<u64> {
        let people = self.people.borrow();
        let known: Vec<_> = users.filter_map(|user| people.get(user)).collect();
        let online = known.iter().filter(|row| row.online).count() as u64;
        (!known.is_empty()).then_some(online)
    }

    /// Tells whether that is new.
    fn set(&self, asked: &[OwnedUserId], found: Vec<PresenceRow>) -> bool {
        let mut people = self.people.borrow_mut();
        let before = people.clone();
        people.retain(|user, _| !asked.iter().any(|asked| asked == user));
        people.extend(found.into_iter().map(|row| (row.user.to_string(), row)));
        *people != before
    }

    fn clear(&self) -> bool {
        !std::mem::take(&mut *self.people.borrow_mut()).is_empty()
    }
}

/// Names the people to ask for, and draws again what has changed.
pub(super) struct Watched {
    pub(super) people: Box<dyn Fn() -> Vec<OwnedUserId>>,
    pub(super) redraw: Box<dyn Fn()>,
}

/// Asks while somebody looks at the window.
pub(super) struct Presence {
    context: Rc<Context>,
    watched: Watched,
    every: Timer,
    soon: Timer,
    silent: Cell<bool>,
}

impl Presence {
    pub(super) fn new(context: &Rc<Context>, watched: Watched) -> Rc<Self> {
        Rc::new(Self {
            context: context.clone(),
            watched,
            every: Timer::default(),
            soon: Timer::default(),
            silent: Cell::new(true),
        })
    }

    /// Other people are on the screen.
    pub(super) fn people_changed(self: &Rc<Self>) {
        if !self.silent.get() {
            let presence = self.clone();
            self.soon
                .start(TimerMode::SingleShot, PAUSE, move || presence.ask());
        }
    }

    /// Begins or stops asking: nobody looks, nobody is signed in, or the server is out of reach.
    pub(super) fn set_silent(self: &Rc<Self>, silent: bool) {
        if self.silent.replace(silent) == silent {
            return;
        }
        if silent {
            self.every.stop();
            self.soon.stop();
            return;
        }
        let presence = self.clone();
        self.every
            .start(TimerMode::Repeated, EVERY, move || presence.ask());
        self.people_changed();
    }

    /// What is known is no longer true.
    pub(super) fn forget(&self) {
        if self.context.presence.clear() {
            (self.watched.redraw)();
        }
    }

    fn ask(self: &Rc<Self>) {
        let mut users = (self.watched.people)();
        users.sort();
        users.dedup();
        if users.is_empty() {
            return;
        }
        let (presence, asked) = (self.clone(), users.clone());
        let command = Command::People(PeopleCommand::Presence { users });
        self.context.ask(command, move |result| {
            // A server that keeps it to itself is no trouble.
            if let Ok(Answer::Presence(found)) = result
                && presence.context.presence.set(&asked, found)
            {
                (presence.watched.redraw)();
            }
        });
    }
}

/// Who is online concerns the list, the header and the people of the open room.
pub(super) fn of(context: &Rc<Context>, list: &Rc<RoomList>, room: &Rc<Room>) -> Rc<Presence> {
    let (shown, others) = (list.clone(), room.clone());
    let people = move || {
        let mut people = shown.people(PEOPLE);
        people.extend(others.people());
        people
    };
    let (list, room) = (list.clone(), room.clone());
    let redraw = move || {
        list.refresh_presence();
        room.refresh_presence();
    };
    Presence::new(
        context,
        Watched {
            people: Box::new(people),
            redraw: Box::new(redraw),
        },
    )
}
