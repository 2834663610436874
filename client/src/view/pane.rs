//! The pane at the right edge: which page is in it, and the lists of pinned messages and files.

use std::{cell::RefCell, rc::Rc};

use chrono::Local;
use matrix_sdk::ruma::{EventId, OwnedEventId};
use slint::{ComponentHandle, ModelRc, VecModel};

use super::{
    FileItem, FilesAdapter, HitItem, PaneAdapter, PaneKind, PictureData, PinnedAdapter,
    RailAdapter, context::Context, hits, pictures::AVATAR, search::Search, shapes::Shape,
    timeline::Timeline,
};
use crate::{
    bridge::{
        command::{Command, TimelineCommand},
        update::Answer,
    },
    render::{Language, size, time},
    rows::{Body, HitRow, MediaKey, MessageRow, RoomHeader, RowKind, TimelineRow},
};

/// Files shown; the page is no archive.
const FILES: usize = 200;

/// The right pane.
pub(super) struct Pane {
    context: Rc<Context>,
    timeline: Rc<Timeline>,
    pub(super) search: Rc<Search>,
    pinned: RefCell<Vec<HitRow>>,
    pinned_ids: RefCell<Vec<OwnedEventId>>,
    pinned_model: Rc<VecModel<HitItem>>,
    files_model: Rc<VecModel<FileItem>>,
}

impl Pane {
    pub(super) fn new(context: &Rc<Context>, timeline: &Rc<Timeline>) -> Rc<Self> {
        let pane = Rc::new(Self {
            context: context.clone(),
            timeline: timeline.clone(),
            search: Search::new(context, timeline),
            pinned: RefCell::default(),
            pinned_ids: RefCell::default(),
            pinned_model: Rc::default(),
            files_model: Rc::default(),
        });
        pane.bind();
        pane
    }

    fn bind(self: &Rc<Self>) {
        self.context.with_window(|window| {
            let pinned = window.global::<PinnedAdapter>();
            pinned.set_rows(ModelRc::from(self.pinned_model.clone()));
            let pane = self.clone();
            pinned.on_unpin(move |event| pane.set_pinned(&event, false));
            let files = window.global::<FilesAdapter>();
            files.set_rows(ModelRc::from(self.files_model.clone()));
            let pane = self.clone();
            files.on_older(move || pane.timeline.send(TimelineCommand::Paginate));
            let pane = self.clone();
            window
                .global::<super::TimelineAdapter>()
                .on_pin_toggled(move |row| pane.toggle_pinned(&row));
        });
    }

    /// Which page is open.
    pub(super) fn kind(&self) -> PaneKind {
        let mut kind = PaneKind::None;
        self.context
            .with_window(|window| kind = window.global::<PaneAdapter>().get_kind());
        kind
    }

    /// Opens a page.
    pub(super) fn open(self: &Rc<Self>, kind: PaneKind) {
        self.context.with_window(|window| {
            window.global::<PaneAdapter>().set_kind(kind);
            window
                .global::<RailAdapter>()
                .set_help_open(kind == PaneKind::Help);
        });
        match kind {
            PaneKind::People => self.timeline.send(TimelineCommand::LoadMembers),
            PaneKind::Pinned => self.load_pinned(),
            PaneKind::Files => self.draw_files(),
            _ => {}
        }
    }

    /// What the room's header says about pins.
    pub(super) fn header_changed(self: &Rc<Self>, header: &RoomHeader) {
        let changed = *self.pinned_ids.borrow() != header.pinned;
        self.pinned_ids.borrow_mut().clone_from(&header.pinned);
        self.timeline
            .set_pinned(header.can_pin, header.pinned.clone());
        self.context.with_window(|window| {
            let count = i32::try_from(header.pinned.len()).unwrap_or(i32::MAX);
            window.global::<PaneAdapter>().set_pinned_count(count);
            window
                .global::<PinnedAdapter>()
                .set_can_unpin(header.can_pin);
        });
        if changed && self.kind() == PaneKind::Pinned {
            self.load_pinned();
        }
    }

    /// Another room is open, or none: a page about a room needs one.
    pub(super) fn room_changed(self: &Rc<Self>, is_open: bool) {
        self.pinned.borrow_mut().clear();
        self.pinned_ids.borrow_mut().clear();
        self.pinned_model.set_vec(Vec::new());
        self.files_model.set_vec(Vec::new());
        let kind = self.kind();
        let stays = is_open || matches!(kind, PaneKind::None | PaneKind::Help | PaneKind::Search);
        self.open(if stays { kind } else { PaneKind::None });
    }

    /// Rows have come or changed.
    pub(super) fn rows_changed(&self) {
        if self.kind() == PaneKind::Files {
            self.draw_files();
        }
    }

    /// Draws the rows again that show a picture which has arrived.
    pub(super) fn refresh_picture(&self, media: &MediaKey) {
        self.search.refresh_picture(media);
        match self.kind() {
            PaneKind::Files => self.draw_files(),
            PaneKind::Pinned => self.draw_pinned(),
            _ => {}
        }
    }

    fn toggle_pinned(&self, row: &str) {
        let event = self.timeline.message(row).and_then(|row| row.event_id);
        if let Some(event) = event {
            let pinned = !self.pinned_ids.borrow().contains(&event);
            self.set_pinned(event.as_str(), pinned);
        }
    }

    fn set_pinned(&self, event: &str, pinned: bool) {
        if let (Ok(event), Some(room)) = (EventId::parse(event), self.timeline.room()) {
            let command = TimelineCommand::SetPinned { event, pinned };
            self.context.act(Command::Timeline(room, command));
        }
    }

    fn load_pinned(self: &Rc<Self>) {
        let Some(room) = self.timeline.room() else {
            return;
        };
        self.context
            .with_window(|window| window.global::<PinnedAdapter>().set_loading(true));
        let pane = self.clone();
        let command = Command::Timeline(room.clone(), TimelineCommand::LoadPinned);
        self.context.ask(command, move |result| {
            pane.context
                .with_window(|window| window.global::<PinnedAdapter>().set_loading(false));
            if let Ok(Answer::Hits(rows)) = result
                && pane.timeline.room().as_ref() == Some(&room)
            {
                *pane.pinned.borrow_mut() = rows;
                pane.draw_pinned();
            }
        });
    }

    fn draw_pinned(&self) {
        let rows = self.pinned.borrow();
        let items = rows.iter().map(|row| hits::item(&self.context, row, false));
        self.pinned_model.set_vec(items.collect::<Vec<_>>());
    }

    fn draw_files(&self) {
        let items = self.timeline.newest_first(|row| self.file(row), FILES);
        self.files_model.set_vec(items);
        let complete = self.timeline.is_complete();
        self.context
            .with_window(|window| window.global::<FilesAdapter>().set_complete(complete));
    }

    fn file(&self, row: &TimelineRow) -> Option<FileItem> {
        let RowKind::Message(message) = &row.kind else {
            return None;
        };
        let language = self.context.language();
        let (name, bytes, picture) = match &message.body {
            Body::Picture(media) | Body::Video(media) => {
                let picture = match &message.body {
                    Body::Picture(_) => {
                        let key = media.thumbnail.as_ref().unwrap_or(&media.media);
                        Some(self.context.pictures.get(key, AVATAR, Shape::Tile))
                    }
                    _ => None,
                };
                (&media.name, media.bytes, picture)
            }
            Body::File(file) | Body::Audio(file) => (&file.name, file.bytes, None),
            _ => return None,
        };
        Some(FileItem {
            id: row.id.as_str().into(),
            name: name.as_str().into(),
            facts: facts(language, message, name, bytes).as_str().into(),
            pictured: picture.is_some(),
            picture: picture.unwrap_or_else(PictureData::default),
        })
    }
}

fn facts(language: Language, message: &MessageRow, name: &str, bytes: Option<u64>) -> String {
    let file = size::file_facts(language, name, bytes);
    let day = time::day_in_line(language, message.sent_at, super::clock::now(), &Local);
    let parts = [file.as_str(), message.sender_name.as_str(), day.as_str()];
    let shown: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    shown.join(" · ")
}
