//! The rooms everybody may join.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use slint::{ComponentHandle, ModelRc, Timer, TimerMode, VecModel};

use super::{
    DirectoryAdapter, DirectoryItem, EmptyAdapter, RoomListAdapter, avatars::avatar,
    context::Context, room::Room,
};
use crate::{
    bridge::{
        command::{Command, RoomsCommand},
        trouble::Trouble,
        update::Answer,
    },
    render::words,
    rows::{DirectoryRow, MediaKey},
};

/// After the last key press.
const PAUSE: Duration = Duration::from_millis(300);

/// The directory's dialog.
pub(super) struct Directory {
    context: Rc<Context>,
    room: Rc<Room>,
    found: RefCell<Vec<DirectoryRow>>,
    number: Cell<u64>,
    pause: Timer,
    model: Rc<VecModel<DirectoryItem>>,
}

impl Directory {
    pub(super) fn new(context: &Rc<Context>, room: &Rc<Room>) -> Rc<Self> {
        let directory = Rc::new(Self {
            context: context.clone(),
            room: room.clone(),
            found: RefCell::default(),
            number: Cell::default(),
            pause: Timer::default(),
            model: Rc::default(),
        });
        context.with_window(|window| {
            let adapter = window.global::<DirectoryAdapter>();
            adapter.set_rows(ModelRc::from(directory.model.clone()));
            let dialog = directory.clone();
            adapter.on_edited(move |term| dialog.edited(&term));
            let dialog = directory.clone();
            adapter.on_join(move |room| dialog.join(&room));
            let dialog = directory.clone();
            adapter.on_closed(move || dialog.close());
            let dialog = directory.clone();
            window
                .global::<RoomListAdapter>()
                .on_directory(move || dialog.open());
            let dialog = directory.clone();
            window
                .global::<EmptyAdapter>()
                .on_join(move || dialog.open());
        });
        directory
    }

    /// Draws the rows again that show a picture which has arrived.
    pub(super) fn refresh_picture(&self, media: &MediaKey) {
        let shown = |row: &DirectoryRow| row.avatar.as_ref() == Some(media);
        if self.found.borrow().iter().any(shown) {
            self.draw();
        }
    }

    pub(super) fn close(&self) {
        self.context
            .with_window(|window| window.global::<DirectoryAdapter>().set_open(false));
    }

    fn open(self: &Rc<Self>) {
        self.context.with_window(|window| {
            let adapter = window.global::<DirectoryAdapter>();
            adapter.set_term("".into());
            adapter.set_busy_room("".into());
            adapter.set_open(true);
        });
        self.search("");
    }

    fn edited(self: &Rc<Self>, term: &str) {
        let (dialog, term) = (self.clone(), term.to_owned());
        self.pause
            .start(TimerMode::SingleShot, PAUSE, move || dialog.search(&term));
    }

    fn search(self: &Rc<Self>, term: &str) {
        let number = self.number.get() + 1;
        self.number.set(number);
        self.context
            .with_window(|window| window.global::<DirectoryAdapter>().set_searching(true));
        let dialog = self.clone();
        let command = Command::Rooms(RoomsCommand::Directory {
            term: term.to_owned(),
        });
        self.context.ask(command, move |result| {
            if dialog.number.get() == number {
                match result {
                    Ok(Answer::Directory(rows)) => dialog.show(rows, None),
                    Ok(_) => {}
                    Err(trouble) => dialog.show(Vec::new(), Some(&trouble)),
                }
            }
        });
    }

    fn show(&self, rows: Vec<DirectoryRow>, trouble: Option<&Trouble>) {
        *self.found.borrow_mut() = rows;
        let sentence = trouble.map(|trouble| words::trouble(self.context.language(), trouble));
        self.context.with_window(|window| {
            let adapter = window.global::<DirectoryAdapter>();
            adapter.set_searching(false);
            adapter.set_error(sentence.unwrap_or_default().as_str().into());
        });
        self.draw();
    }

    fn join(self: &Rc<Self>, id: &str) {
        let row = self
            .found
            .borrow()
            .iter()
            .find(|row| row.room == id)
            .cloned();
        let Some(row) = row else { return };
        if row.joined {
            self.close();
            return self.room.open(Some(row.room));
        }
        self.set_busy(id);
        let (dialog, place) = (self.clone(), self.room.place());
        let address = row
            .alias
            .map_or_else(|| row.room.to_string(), |alias| alias.to_string());
        let command = Command::Rooms(RoomsCommand::Join { address });
        self.context.ask(command, move |result| {
            dialog.set_busy("");
            match result {
                Ok(Answer::Room(room)) => {
                    dialog.close();
                    dialog.room.open_from(&place, room);
                }
                Ok(_) => {}
                Err(trouble) => {
                    dialog.close();
                    dialog.context.show_failure(&trouble);
                }
            }
        });
    }

    fn set_busy(&self, room: &str) {
        self.context.with_window(|window| {
            window
                .global::<DirectoryAdapter>()
                .set_busy_room(room.into());
        });
    }

    fn draw(&self) {
        let language = self.context.language();
        let found = self.found.borrow();
        let items = found.iter().map(|row| DirectoryItem {
            id: row.room.as_str().into(),
            name: row.name.as_str().into(),
            detail: words::members(language, row.members).as_str().into(),
            topic: row.topic.as_str().into(),
            avatar: avatar(
                &self.context,
                row.room.as_str(),
                &row.name,
                row.avatar.as_ref(),
            ),
            joined: row.joined,
        });
        self.model.set_vec(items.collect::<Vec<_>>());
    }
}
