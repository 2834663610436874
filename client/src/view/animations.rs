//! Moving pictures that somebody sees: those on the screen, a few at a time, and the one in the viewer.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use slint::{ComponentHandle, Image};

use super::{
    AnimationAdapter, PictureData, ViewerAdapter,
    context::Context,
    shapes::{self, Shape},
};
use crate::{
    bridge::{
        command::{Command, MediaCommand},
        pixels::Pixels,
    },
    rows::MediaKey,
};

/// How many move at once; the others wait until they are alone. The view has as many places.
const AT_ONCE: usize = 3;
/// In a message: its place, not finer.
const SMALL: (u32, u32) = (360, 280);
const LARGE: (u32, u32) = (1280, 960);

/// Which pictures move.
pub(super) struct Animations {
    context: Rc<Context>,
    /// On the screen, in the order they came.
    seen: RefCell<Vec<MediaKey>>,
    playing: RefCell<[Option<MediaKey>; AT_ONCE]>,
    viewed: RefCell<Option<MediaKey>>,
    /// Nobody looks at the window.
    away: Cell<bool>,
}

impl Animations {
    pub(super) fn new(context: &Rc<Context>) -> Rc<Self> {
        let animations = Rc::new(Self {
            context: context.clone(),
            seen: RefCell::default(),
            playing: RefCell::default(),
            viewed: RefCell::default(),
            away: Cell::default(),
        });
        context.with_window(|window| {
            let this = animations.clone();
            window
                .global::<AnimationAdapter>()
                .on_seen(move |id, on| this.saw(&id, on));
        });
        animations
    }

    /// Whether nobody looks at the window: then nothing moves.
    pub(super) fn set_away(&self, away: bool) {
        if self.away.replace(away) != away {
            self.settle();
            if let Some(media) = self.viewed.borrow().clone() {
                match away {
                    true => self.stop(media),
                    false => self.start(media, LARGE),
                }
            }
        }
    }

    /// Moves one picture in the viewer, and none elsewhere.
    pub(super) fn view(&self, media: Option<MediaKey>) {
        if let Some(before) = self.viewed.replace(None) {
            self.stop(before);
        }
        self.viewed.replace(media.clone());
        self.settle();
        if let Some(media) = media.filter(|_| !self.away.get()) {
            self.start(media, LARGE);
        }
    }

    /// Forgets what is not among the messages any more: what is taken off the screen says nothing of it.
    pub(super) fn retain(&self, is_there: impl Fn(&MediaKey) -> bool) {
        let before = self.seen.borrow().len();
        self.seen.borrow_mut().retain(is_there);
        if self.seen.borrow().len() < before {
            self.settle();
        }
    }

    /// Nobody is signed in any more.
    pub(super) fn clear(&self) {
        self.seen.borrow_mut().clear();
        self.view(None);
    }

    /// Shows the next frame of a picture.
    pub(super) fn show(&self, media: &MediaKey, pixels: &Pixels) {
        if self.viewed.borrow().as_ref() == Some(media) {
            let image = shapes::image(pixels.clone(), Shape::Whole);
            return self.context.with_window(|window| {
                let picture = PictureData { ready: true, image };
                window.global::<ViewerAdapter>().set_picture(picture);
            });
        }
        let place = self
            .playing
            .borrow()
            .iter()
            .position(|playing| playing.as_ref() == Some(media));
        if let Some(place) = place {
            let image = shapes::image(pixels.clone(), Shape::Card);
            self.put(place, media.as_str(), image);
        }
    }

    fn saw(&self, id: &str, on: bool) {
        if id.is_empty() {
            return;
        }
        let media = MediaKey::new(id);
        let mut seen = self.seen.borrow_mut();
        seen.retain(|other| *other != media);
        if on {
            seen.push(media);
        }
        drop(seen);
        self.settle();
    }

    /// Stops what should not move any more and starts what should.
    fn settle(&self) {
        let still = self.away.get()
            || self.viewed.borrow().is_some()
            || self.context.settings.get().reduced_motion;
        let wanted: Vec<MediaKey> = match still {
            true => Vec::new(),
            false => self
                .seen
                .borrow()
                .iter()
                .rev()
                .take(AT_ONCE)
                .cloned()
                .collect(),
        };
        let before = self.playing.borrow().clone();
        for (place, media) in before.into_iter().enumerate() {
            if let Some(media) = media.filter(|media| !wanted.contains(media)) {
                self.playing.borrow_mut()[place] = None;
                self.put(place, "", Image::default());
                self.stop(media);
            }
        }
        for media in wanted {
            let free = {
                let mut playing = self.playing.borrow_mut();
                if playing.contains(&Some(media.clone())) {
                    continue;
                }
                let free = playing.iter_mut().find(|place| place.is_none());
                free.map(|place| *place = Some(media.clone()))
            };
            if free.is_some() {
                self.start(media, SMALL);
            }
        }
    }

    fn put(&self, place: usize, id: &str, frame: Image) {
        self.context.with_window(|window| {
            let adapter = window.global::<AnimationAdapter>();
            match place {
                0 => {
                    adapter.set_first_frame(frame);
                    adapter.set_first(id.into());
                }
                1 => {
                    adapter.set_second_frame(frame);
                    adapter.set_second(id.into());
                }
                _ => {
                    adapter.set_third_frame(frame);
                    adapter.set_third(id.into());
                }
            }
        });
    }

    fn start(&self, media: MediaKey, (max_width, max_height): (u32, u32)) {
        let command = MediaCommand::Animate {
            media,
            max_width,
            max_height,
        };
        // A picture that does not move stands there all the same.
        self.context.ask(Command::Media(command), |_| {});
    }

    fn stop(&self, media: MediaKey) {
        self.context
            .ask(Command::Media(MediaCommand::Still { media }), |_| {});
    }
}
