//! Files on their way into the room: chosen, pasted, or let go over the window.

use std::{cell::RefCell, path::Path, rc::Rc, sync::Arc};

use matrix_sdk::ruma::OwnedRoomId;
use slint::{ComponentHandle, Image};

use super::{
    AttachAdapter, ComposerAdapter, PictureData, clipboard, composer::Composer, context::Context,
    timeline::Timeline,
};
use crate::{
    bridge::command::{Command, FileSource, TimelineCommand},
    render::size,
};

/// What one pastes has no name of its own.
const PASTED: &str = "picture.png";
const PASTED_TEXT: &str = "text.txt";
/// Bytes of text that fit into one message, encrypted too. What is longer is pasted as a file.
const LONGEST_TEXT: usize = 40_000;
/// Larger pictures are sent without showing them first.
const PREVIEW_LIMIT: u64 = 32 << 20;

/// The dialog before sending, and the files it is about.
pub(super) struct Attach {
    context: Rc<Context>,
    timeline: Rc<Timeline>,
    composer: Rc<Composer>,
    files: RefCell<Vec<FileSource>>,
    /// Where they go.
    room: RefCell<Option<OwnedRoomId>>,
}

impl Attach {
    pub(super) fn new(
        context: &Rc<Context>,
        timeline: &Rc<Timeline>,
        composer: &Rc<Composer>,
    ) -> Rc<Self> {
        let attach = Rc::new(Self {
            context: context.clone(),
            timeline: timeline.clone(),
            composer: composer.clone(),
            files: RefCell::default(),
            room: RefCell::default(),
        });
        attach.bind();
        attach
    }

    fn bind(self: &Rc<Self>) {
        self.context.with_window(|window| {
            let adapter = window.global::<ComposerAdapter>();
            let attach = self.clone();
            adapter.on_attach(move || attach.choose());
            let attach = self.clone();
            adapter.on_paste_files(move || attach.paste());
            let adapter = window.global::<AttachAdapter>();
            let attach = self.clone();
            adapter.on_send(move || attach.send());
            let attach = self.clone();
            adapter.on_closed(move || attach.close());
        });
    }

    /// Asks before these files are sent.
    pub(super) fn offer(&self, files: Vec<FileSource>) {
        let room = self.timeline.room();
        if room.is_none() || !self.may_send() || files.is_empty() {
            return;
        }
        self.room.replace(room);
        let mut all = self.files.borrow_mut();
        all.extend(files);
        let Some(first) = all.first() else { return };
        let (name, facts, picture) = self.describe(first);
        let more = i32::try_from(all.len() - 1).unwrap_or(i32::MAX);
        self.context.with_window(|window| {
            let adapter = window.global::<AttachAdapter>();
            if !adapter.get_open() {
                adapter.set_caption("".into());
            }
            adapter.set_name(name.as_str().into());
            adapter.set_facts(facts.as_str().into());
            adapter.set_picture(picture);
            adapter.set_more(more);
            adapter.set_open(true);
        });
    }

    fn may_send(&self) -> bool {
        let mut may = false;
        self.context
            .with_window(|window| may = window.global::<ComposerAdapter>().get_can_send());
        may
    }

    fn choose(self: &Rc<Self>) {
        let (attach, room) = (self.clone(), self.timeline.room());
        let choose = async move {
            let files = rfd::AsyncFileDialog::new().pick_files().await;
            // They were chosen for a room that has been left since.
            if attach.timeline.room() != room {
                return;
            }
            let files = files.unwrap_or_default().into_iter();
            attach.offer(
                files
                    .map(|file| FileSource::Path(file.path().to_owned()))
                    .collect(),
            );
        };
        if let Err(error) = slint::spawn_local(choose) {
            tracing::warn!(%error, "no file can be chosen");
        }
    }

    /// Tells whether there is something to send in the clipboard: files, a picture, or a text too long for a message.
    fn paste(&self) -> bool {
        let files = clipboard::files();
        if !files.is_empty() {
            self.offer(files.into_iter().map(FileSource::Path).collect());
            return true;
        }
        if let Some(text) = clipboard::text().filter(|text| text.len() > LONGEST_TEXT) {
            self.offer(vec![FileSource::Bytes {
                name: PASTED_TEXT.to_owned(),
                bytes: Arc::from(text.into_bytes()),
            }]);
            return true;
        }
        let png = match clipboard::picture() {
            Ok(Some(png)) => png,
            Ok(None) => return false,
            Err(trouble) => {
                self.context.show_failure(&trouble);
                return true;
            }
        };
        self.offer(vec![FileSource::Bytes {
            name: PASTED.to_owned(),
            bytes: Arc::from(png),
        }]);
        true
    }

    /// The first file carries the caption and the answer.
    fn send(&self) {
        let mut caption = String::new();
        self.context.with_window(|window| {
            caption = window.global::<AttachAdapter>().get_caption().into();
        });
        let Some(room) = self.room.take() else { return };
        let mut reply_to = self.composer.take_reply();
        for file in self.files.take() {
            let command = TimelineCommand::SendFile {
                file,
                caption: std::mem::take(&mut caption),
                reply_to: reply_to.take(),
            };
            self.context.send(Command::Timeline(room.clone(), command));
        }
        self.close();
        self.timeline.jump_to_end();
    }

    fn close(&self) {
        self.files.borrow_mut().clear();
        self.room.replace(None);
        self.context.with_window(|window| {
            let adapter = window.global::<AttachAdapter>();
            adapter.set_open(false);
            adapter.set_picture(PictureData::default());
        });
        self.composer.focus();
    }

    fn describe(&self, file: &FileSource) -> (String, String, PictureData) {
        let language = self.context.language();
        let (name, bytes, picture) = match file {
            FileSource::Path(path) => {
                let bytes = std::fs::metadata(path).map(|found| found.len()).ok();
                (file_name(path), bytes, preview_of(path, bytes))
            }
            FileSource::Bytes { name, bytes } => {
                let picture = image::load_from_memory(bytes).ok().map(shown);
                (name.clone(), Some(bytes.len() as u64), picture)
            }
        };
        let facts = size::file_facts(language, &name, bytes);
        let picture = picture.map(|image| PictureData { ready: true, image });
        (name, facts, picture.unwrap_or_default())
    }
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

fn preview_of(path: &Path, bytes: Option<u64>) -> Option<Image> {
    let is_picture = mime_guess::from_path(path)
        .first()
        .is_some_and(|kind| kind.type_() == mime_guess::mime::IMAGE);
    if !is_picture || bytes.is_none_or(|bytes| bytes > PREVIEW_LIMIT) {
        return None;
    }
    image::load_from_memory(&std::fs::read(path).ok()?)
        .ok()
        .map(shown)
}

/// Small enough for the dialog, so that a photo does not take a hundred megabytes.
fn shown(picture: image::DynamicImage) -> Image {
    let picture = picture.thumbnail(840, 560).into_rgba8();
    let buffer = slint::SharedPixelBuffer::clone_from_slice(
        picture.as_raw(),
        picture.width(),
        picture.height(),
    );
    Image::from_rgba8(buffer)
}
