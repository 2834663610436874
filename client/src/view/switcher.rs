//! Ctrl+K: jump to a chat or a person.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use slint::{ComponentHandle, ModelRc, Timer, TimerMode, VecModel};

use super::{
    AppAdapter, JumpItem, SwitcherAdapter, avatars::avatar, context::Context, room::Room,
    room_list::RoomList,
};
use crate::{
    bridge::{
        command::{Command, PeopleCommand, RoomsCommand},
        update::Answer,
    },
    render::words,
    rows::{MediaKey, PersonRow, RoomRow, Section},
};

/// Rooms offered; who wants others types a letter more.
const SHOWN: usize = 30;
/// Before the server is asked for people.
const PAUSE: Duration = Duration::from_millis(300);

#[derive(Clone)]
enum Target {
    Room(std::sync::Arc<RoomRow>),
    Person(PersonRow),
}

/// The switcher and what it offers.
pub(super) struct Switcher {
    context: Rc<Context>,
    list: Rc<RoomList>,
    room: Rc<Room>,
    targets: RefCell<Vec<Target>>,
    people: RefCell<Vec<PersonRow>>,
    selected: Cell<usize>,
    number: Cell<u64>,
    pause: Timer,
    model: Rc<VecModel<JumpItem>>,
}

impl Switcher {
    pub(super) fn new(context: &Rc<Context>, list: &Rc<RoomList>, room: &Rc<Room>) -> Rc<Self> {
        let switcher = Rc::new(Self {
            context: context.clone(),
            list: list.clone(),
            room: room.clone(),
            targets: RefCell::default(),
            people: RefCell::default(),
            selected: Cell::default(),
            number: Cell::default(),
            pause: Timer::default(),
            model: Rc::default(),
        });
        switcher.bind();
        switcher
    }

    fn bind(self: &Rc<Self>) {
        self.context.with_window(|window| {
            let adapter = window.global::<SwitcherAdapter>();
            adapter.set_rows(ModelRc::from(self.model.clone()));
            let switcher = self.clone();
            adapter.on_edited(move |term| switcher.edited(&term));
            let switcher = self.clone();
            adapter.on_moved(move |step| switcher.step(step));
            let switcher = self.clone();
            adapter.on_accepted(move || switcher.choose(switcher.selected.get()));
            let switcher = self.clone();
            adapter.on_chosen(move |index| {
                if let Ok(index) = usize::try_from(index) {
                    switcher.choose(index);
                }
            });
            let switcher = self.clone();
            adapter.on_closed(move || switcher.close());
            let switcher = self.clone();
            window
                .global::<AppAdapter>()
                .on_switch(move || switcher.open());
        });
    }

    fn open(&self) {
        self.people.borrow_mut().clear();
        self.find("");
        self.context.with_window(|window| {
            let adapter = window.global::<SwitcherAdapter>();
            adapter.set_term("".into());
            adapter.set_searching(false);
            adapter.set_open(true);
        });
    }

    fn close(&self) {
        self.pause.stop();
        self.context
            .with_window(|window| window.global::<SwitcherAdapter>().set_open(false));
        self.room.composer.focus();
    }

    /// Draws the rows again that show a picture which has arrived.
    pub(super) fn refresh_picture(&self, media: &MediaKey) {
        let shows = |target: &Target| match target {
            Target::Room(room) => room.avatar.as_ref() == Some(media),
            Target::Person(person) => person.avatar.as_ref() == Some(media),
        };
        if self.targets.borrow().iter().any(shows) {
            self.draw();
        }
    }

    fn edited(self: &Rc<Self>, term: &str) {
        self.find(term);
        let number = self.number.get() + 1;
        self.number.set(number);
        let term = term.trim().to_owned();
        if term.chars().count() < 2 {
            self.pause.stop();
            self.people.borrow_mut().clear();
            return;
        }
        let switcher = self.clone();
        self.pause.start(TimerMode::SingleShot, PAUSE, move || {
            switcher.ask(&term, number);
        });
    }

    fn ask(self: &Rc<Self>, term: &str, number: u64) {
        self.set_searching(true);
        let (switcher, asked) = (self.clone(), term.to_owned());
        let command = Command::People(PeopleCommand::Search {
            term: term.to_owned(),
        });
        self.context.ask(command, move |result| {
            if switcher.number.get() == number {
                switcher.set_searching(false);
                if let Ok(Answer::People(people)) = result {
                    *switcher.people.borrow_mut() = people;
                    switcher.find(&asked);
                }
            }
        });
    }

    fn set_searching(&self, searching: bool) {
        self.context
            .with_window(|window| window.global::<SwitcherAdapter>().set_searching(searching));
    }

    /// Rooms whose name has a word that begins with what was typed come first; then people without a chat yet.
    fn find(&self, term: &str) {
        let term = term.trim().to_lowercase();
        let rooms = self.list.all();
        let mut found: Vec<(u8, usize, Target)> = rooms
            .into_iter()
            .enumerate()
            .filter_map(|(place, room)| {
                let rank = rank(&room.name, &term)?;
                Some((rank, place, Target::Room(room)))
            })
            .collect();
        found.sort_by_key(|(rank, place, _)| (*rank, *place));
        let mut targets: Vec<_> = found
            .into_iter()
            .take(SHOWN)
            .map(|(_, _, target)| target)
            .collect();
        let strangers = self.people.borrow();
        let strangers = strangers.iter().filter(|person| {
            !targets.iter().any(|target| {
                matches!(target, Target::Room(room) if room.direct_with.as_ref() == Some(&person.user_id))
            })
        });
        let strangers: Vec<_> = strangers.cloned().map(Target::Person).collect();
        targets.extend(strangers);
        *self.targets.borrow_mut() = targets;
        self.select(0);
        self.draw();
    }

    fn step(&self, step: i32) {
        let count = self.targets.borrow().len();
        if count > 0 {
            let selected = self.selected.get().saturating_add_signed(step as isize);
            self.select(selected.min(count - 1));
        }
    }

    fn select(&self, index: usize) {
        self.selected.set(index);
        self.context.with_window(|window| {
            window
                .global::<SwitcherAdapter>()
                .set_selected(i32::try_from(index).unwrap_or(0));
        });
    }

    fn choose(self: &Rc<Self>, index: usize) {
        let target = self.targets.borrow().get(index).cloned();
        match target {
            Some(Target::Room(room)) => {
                self.close();
                self.room.open(Some(room.id.clone()));
            }
            Some(Target::Person(person)) => {
                self.close();
                self.room.ask_for(RoomsCommand::StartDirect {
                    user: person.user_id,
                });
            }
            None => {}
        }
    }

    fn draw(&self) {
        let language = self.context.language();
        let targets = self.targets.borrow();
        let items = targets.iter().map(|target| match target {
            Target::Room(room) => {
                let id = room
                    .direct_with
                    .as_ref()
                    .map_or(room.id.as_str(), |user| user.as_str());
                JumpItem {
                    id: room.id.as_str().into(),
                    title: room.name.as_str().into(),
                    detail: match &room.direct_with {
                        Some(user) => user.as_str(),
                        None if self.context.is_class(room.id.as_str()) => {
                            words::kind_of_chat(language, Section::Classes)
                        }
                        None => words::kind_of_chat(language, room.section),
                    }
                    .into(),
                    avatar: avatar(&self.context, id, &room.name, room.avatar.as_ref()),
                    square: room.direct_with.is_none(),
                    unread: i32::try_from(room.unread).unwrap_or(i32::MAX),
                    muted: room.muted,
                    person: false,
                }
            }
            Target::Person(person) => JumpItem {
                id: person.user_id.as_str().into(),
                title: person.name.as_str().into(),
                detail: person.user_id.as_str().into(),
                avatar: avatar(
                    &self.context,
                    person.user_id.as_str(),
                    &person.name,
                    person.avatar.as_ref(),
                ),
                square: false,
                unread: 0,
                muted: false,
                person: true,
            },
        });
        self.model.set_vec(items.collect::<Vec<_>>());
    }
}

fn rank(name: &str, term: &str) -> Option<u8> {
    let name = name.to_lowercase();
    if term.is_empty() || name.starts_with(term) {
        return Some(0);
    }
    let mut words = name.split(|letter: char| !letter.is_alphanumeric());
    if words.any(|word| word.starts_with(term)) {
        return Some(1);
    }
    name.contains(term).then_some(2)
}
