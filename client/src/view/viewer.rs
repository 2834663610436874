//! One picture over everything, and saving files.

use std::{cell::RefCell, rc::Rc};

use chrono::Local;
use slint::ComponentHandle;

use super::{
    PictureData, TimelineAdapter, ViewerAdapter, animations::Animations, context::Context,
    shapes::Shape, timeline::Timeline,
};
use crate::{
    bridge::{
        command::{Command, MediaCommand},
        trouble::Trouble,
        update::PictureSize,
    },
    render::{time, words},
    rows::{Body, MediaKey},
};

/// The picture that is open.
pub(super) struct Viewer {
    context: Rc<Context>,
    timeline: Rc<Timeline>,
    animations: Rc<Animations>,
    open: RefCell<Option<(String, MediaKey)>>,
}

impl Viewer {
    pub(super) fn new(
        context: &Rc<Context>,
        timeline: &Rc<Timeline>,
        animations: &Rc<Animations>,
    ) -> Rc<Self> {
        let viewer = Rc::new(Self {
            context: context.clone(),
            timeline: timeline.clone(),
            animations: animations.clone(),
            open: RefCell::default(),
        });
        viewer.bind();
        viewer
    }

    fn bind(self: &Rc<Self>) {
        self.context.with_window(|window| {
            let timeline = window.global::<TimelineAdapter>();
            let viewer = self.clone();
            timeline.on_picture_opened(move |row| viewer.open(&row));
            let viewer = self.clone();
            timeline.on_file_saved(move |row| viewer.save(&row));
            let viewer = self.clone();
            timeline.on_sound_played(move |row| viewer.play(&row));
            let adapter = window.global::<ViewerAdapter>();
            let viewer = self.clone();
            adapter.on_close(move || viewer.close());
            let viewer = self.clone();
            adapter.on_save(move || {
                let row = viewer.row();
                viewer.save(&row);
            });
            let viewer = self.clone();
            adapter.on_step(move |step| {
                if let Some(row) = viewer.timeline.neighbouring_picture(&viewer.row(), step) {
                    viewer.open(row.as_str());
                }
            });
        });
    }

    /// Shows the picture of the viewer when it has arrived.
    pub(super) fn refresh_picture(&self, media: &MediaKey) {
        let is_open = self
            .open
            .borrow()
            .as_ref()
            .is_some_and(|(_, open)| open == media);
        if is_open {
            self.show_picture(media);
        } else {
            // It has come too late, or it was a small one and there is nothing to let go of.
            self.context.pictures.drop_full(media);
        }
    }

    /// Says why the picture of the viewer does not come.
    pub(super) fn picture_failed(&self, media: &MediaKey, trouble: &Trouble) {
        let open = self.open.borrow();
        if open.as_ref().is_some_and(|(_, open)| open == media) {
            let sentence = words::trouble(self.context.language(), trouble);
            self.say(&sentence);
        }
    }

    fn say(&self, error: &str) {
        self.context
            .with_window(|window| window.global::<ViewerAdapter>().set_error(error.into()));
    }

    fn open(&self, row: &str) {
        let Some(message) = self.timeline.message(row) else {
            return;
        };
        match &message.body {
            Body::Picture(picture) => {
                self.leave();
                *self.open.borrow_mut() = Some((row.to_owned(), picture.media.clone()));
                let neighbour = |step| self.timeline.neighbouring_picture(row, step).is_some();
                let (previous, next) = (neighbour(-1), neighbour(1));
                let language = self.context.language();
                let facts = format!(
                    "{} · {}",
                    message.sender_name,
                    time::full(language, message.sent_at, &Local)
                );
                self.context.with_window(|window| {
                    let adapter = window.global::<ViewerAdapter>();
                    adapter.set_name(picture.name.as_str().into());
                    adapter.set_facts(facts.as_str().into());
                    adapter.set_has_previous(previous);
                    adapter.set_has_next(next);
                    adapter.set_open(true);
                });
                if self.context.pictures.forgive_one(&picture.media) {
                    self.timeline.refresh_picture(&picture.media);
                }
                self.show_picture(&picture.media);
                let moving = picture.may_move.then(|| picture.media.clone());
                self.animations.view(moving);
            }
            // Videos are played by the system's own player, once they are saved.
            Body::Video(_) => self.save(row),
            _ => {}
        }
    }

    fn close(&self) {
        self.leave();
        self.animations.view(None);
        self.context.with_window(|window| {
            let adapter = window.global::<ViewerAdapter>();
            adapter.set_open(false);
            adapter.set_picture(PictureData::default());
        });
    }

    /// Lets go of the picture that was looked at: in its full size it takes as much memory as twenty small ones.
    fn leave(&self) {
        if let Some((_, media)) = self.open.take() {
            self.context.pictures.drop_full(&media);
        }
    }

    fn show_picture(&self, media: &MediaKey) {
        self.say("");
        let picture = self
            .context
            .pictures
            .get(media, PictureSize::Full, Shape::Whole);
        self.context
            .with_window(|window| window.global::<ViewerAdapter>().set_picture(picture));
    }

    fn row(&self) -> String {
        let open = self.open.borrow();
        open.as_ref()
            .map(|(row, _)| row.clone())
            .unwrap_or_default()
    }

    /// Hands a sound to the system's player.
    fn play(&self, row: &str) {
        if let Some(Body::Audio(sound)) = self.timeline.message(row).map(|message| message.body) {
            self.context.send(Command::Media(MediaCommand::Play {
                media: sound.media,
                mime_type: sound.mime_type,
            }));
        }
    }

    /// Asks where to put a file, and puts it there.
    fn save(&self, row: &str) {
        let Some(message) = self.timeline.message(row) else {
            return;
        };
        let (media, name) = match message.body {
            Body::Picture(media) | Body::Video(media) => (media.media, media.name),
            Body::File(file) | Body::Audio(file) => (file.media, file.name),
            _ => return,
        };
        let context = self.context.clone();
        let choose = async move {
            let dialog = rfd::AsyncFileDialog::new().set_file_name(name);
            if let Some(file) = dialog.save_file().await {
                let path = file.path().to_owned();
                let name = file.file_name();
                let done = context.clone();
                let command = Command::Media(MediaCommand::Save { media, path });
                context.ask(command, move |result| match result {
                    Ok(_) => {
                        let said = done.say("Файл сохранён", "The file is saved");
                        done.show_done(&format!("{said}: {name}"));
                    }
                    Err(trouble) => done.show_failure(&trouble),
                });
            }
        };
        if let Err(error) = slint::spawn_local(choose) {
            tracing::warn!(%error, "no place to save can be chosen");
        }
    }
}
