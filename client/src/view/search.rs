//! Searching messages, in the open room or everywhere.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use slint::{ComponentHandle, ModelRc, Timer, TimerMode, VecModel};

use super::{HitItem, SearchAdapter, context::Context, hits, timeline::Timeline};
use crate::{
    bridge::{
        command::{Command, RoomsCommand, SearchScope},
        trouble::Trouble,
        update::Answer,
    },
    render::words,
    rows::{HitRow, MediaKey},
};

/// After the last key press.
const PAUSE: Duration = Duration::from_millis(350);

/// The search page of the right pane.
pub(super) struct Search {
    context: Rc<Context>,
    timeline: Rc<Timeline>,
    everywhere: Cell<bool>,
    found: RefCell<Vec<HitRow>>,
    /// Counts the searches, so that a late answer does not replace a newer one.
    number: Cell<u64>,
    pause: Timer,
    model: Rc<VecModel<HitItem>>,
}

impl Search {
    pub(super) fn new(context: &Rc<Context>, timeline: &Rc<Timeline>) -> Rc<Self> {
        let search = Rc::new(Self {
            context: context.clone(),
            timeline: timeline.clone(),
            everywhere: Cell::new(false),
            found: RefCell::default(),
            number: Cell::default(),
            pause: Timer::default(),
            model: Rc::default(),
        });
        search.bind();
        search
    }

    fn bind(self: &Rc<Self>) {
        self.context.with_window(|window| {
            let adapter = window.global::<SearchAdapter>();
            adapter.set_rows(ModelRc::from(self.model.clone()));
            let search = self.clone();
            adapter.on_edited(move |term| search.edited(&term));
            let search = self.clone();
            adapter.on_accepted(move |term| search.run(&term));
            let search = self.clone();
            adapter.on_scope_chosen(move |scope| search.set_everywhere(scope == 1));
        });
    }

    /// Prepares the page; without an open room only everywhere can be searched.
    pub(super) fn prepare(self: &Rc<Self>, everywhere: bool, encrypted: bool) {
        let room_open = self.timeline.room().is_some();
        self.context.with_window(|window| {
            let adapter = window.global::<SearchAdapter>();
            adapter.set_room_open(room_open);
            adapter.set_encrypted(encrypted);
            adapter.set_focus_epoch(adapter.get_focus_epoch().wrapping_add(1));
        });
        self.set_everywhere(everywhere || !room_open);
    }

    /// Another room is open: what was found there says nothing here.
    pub(super) fn room_changed(self: &Rc<Self>, encrypted: bool) {
        let everywhere = self.everywhere.get();
        self.context.with_window(|window| {
            window.global::<SearchAdapter>().set_encrypted(encrypted);
        });
        if !everywhere {
            self.rerun();
        }
    }

    /// Draws the rows again that show a picture which has arrived.
    pub(super) fn refresh_picture(&self, media: &MediaKey) {
        let shown = |row: &HitRow| row.sender_avatar.as_ref() == Some(media);
        if self.found.borrow().iter().any(shown) {
            self.draw();
        }
    }

    fn set_everywhere(self: &Rc<Self>, everywhere: bool) {
        self.everywhere.set(everywhere);
        self.context.with_window(|window| {
            window
                .global::<SearchAdapter>()
                .set_scope(i32::from(everywhere));
        });
        self.rerun();
    }

    fn rerun(self: &Rc<Self>) {
        let mut term = String::new();
        self.context
            .with_window(|window| term = window.global::<SearchAdapter>().get_term().into());
        self.run(&term);
    }

    fn edited(self: &Rc<Self>, term: &str) {
        let (search, term) = (self.clone(), term.to_owned());
        self.pause
            .start(TimerMode::SingleShot, PAUSE, move || search.run(&term));
    }

    fn run(self: &Rc<Self>, term: &str) {
        self.pause.stop();
        let number = self.number.get() + 1;
        self.number.set(number);
        let term = term.trim().to_owned();
        let scope = match (self.everywhere.get(), self.timeline.room()) {
            (false, Some(room)) => SearchScope::Room(room),
            _ => SearchScope::Everywhere,
        };
        if term.is_empty() {
            return self.show(Vec::new(), None);
        }
        self.context
            .with_window(|window| window.global::<SearchAdapter>().set_searching(true));
        let search = self.clone();
        let command = Command::Rooms(RoomsCommand::Search { scope, term });
        self.context.ask(command, move |result| {
            if search.number.get() == number {
                match result {
                    Ok(Answer::Hits(hits)) => search.show(hits, None),
                    Ok(_) => {}
                    Err(trouble) => search.show(Vec::new(), Some(&trouble)),
                }
            }
        });
    }

    fn show(&self, hits: Vec<HitRow>, trouble: Option<&Trouble>) {
        *self.found.borrow_mut() = hits;
        let sentence = trouble.map(|trouble| words::trouble(self.context.language(), trouble));
        self.context.with_window(|window| {
            let adapter = window.global::<SearchAdapter>();
            adapter.set_searching(false);
            adapter.set_error(sentence.unwrap_or_default().as_str().into());
        });
        self.draw();
    }

    fn draw(&self) {
        let placed = self.everywhere.get();
        let found = self.found.borrow();
        let items = found
            .iter()
            .map(|row| hits::item(&self.context, row, placed));
        self.model.set_vec(items.collect::<Vec<_>>());
    }
}
