//! Decoded pictures on the UI thread.

use std::{
    cell::{Cell, RefCell},
    collections::{HashMap, HashSet},
};

use slint::{Image, SharedPixelBuffer};

use super::{
    PictureData,
    shapes::{self, CARD, Shape},
};
use crate::{
    bridge::{
        command::{Command, Commands, MediaCommand, RequestId},
        pixels::Pixels,
        update::PictureSize,
    },
    rows::MediaKey,
};

/// So many pictures of messages are kept, or what takes as many bytes; those not asked for the longest go first.
const KEPT: usize = 20;

/// Avatars are drawn at 56 pixels at most, at a zoom of up to 150 %.
pub(super) const AVATAR: PictureSize = PictureSize::Thumbnail {
    max_width: 96,
    max_height: 96,
};

/// How fine pictures are made, in pixels of the screen for each pixel of the design. A few sizes only: the session keeps
/// what the server has made of each.
const FINENESS: [f32; 3] = [1.0, 1.5, 2.0];

type Key = (MediaKey, PictureSize, Shape);

/// Keeps pictures and asks the session for those that are missing, once.
pub(super) struct Pictures {
    commands: Commands,
    /// How fine pictures in messages are.
    fineness: Cell<f32>,
    /// With the time it was asked for last.
    kept: RefCell<HashMap<Key, (u64, Image)>>,
    clock: Cell<u64>,
    bytes: Cell<usize>,
    asked: RefCell<HashSet<Key>>,
    requests: RefCell<HashMap<RequestId, (MediaKey, PictureSize)>>,
    /// Could not be had.
    failed: RefCell<HashSet<MediaKey>>,
}

/// The place of a picture that is not there: a dot nobody sees. Slint (1.18) takes no empty picture for equal to another,
/// and lays out anew what is not equal to what it was.
pub(super) fn nothing() -> PictureData {
    thread_local! {
        static DOT: Image = Image::from_rgba8(SharedPixelBuffer::new(1, 1));
    }
    PictureData {
        ready: false,
        image: DOT.with(Image::clone),
    }
}

impl Pictures {
    pub(super) fn new(commands: Commands) -> Self {
        Self {
            commands,
            fineness: Cell::new(FINENESS[0]),
            kept: RefCell::default(),
            clock: Cell::default(),
            bytes: Cell::default(),
            asked: RefCell::default(),
            requests: RefCell::default(),
            failed: RefCell::default(),
        }
    }

    /// The screen, with the zoom, has so many pixels for each pixel of the design. Tells whether pictures in messages are
    /// others now.
    pub(super) fn set_scale(&self, scale: f32) -> bool {
        let fine_enough = |fineness: &f32| *fineness + 0.01 >= scale;
        let finest = FINENESS[FINENESS.len() - 1];
        let fineness = FINENESS.into_iter().find(fine_enough).unwrap_or(finest);
        self.fineness.replace(fineness) != fineness
    }

    /// The size of pictures in messages: as large as they are drawn.
    pub(super) fn thumbnail(&self) -> PictureSize {
        let pixels = |side: f32| (side * self.fineness.get()).ceil() as u32;
        PictureSize::Thumbnail {
            max_width: pixels(CARD.0),
            max_height: pixels(CARD.1),
        }
    }

    /// The picture in this outline, or an empty place until it has arrived.
    pub(super) fn get(&self, media: &MediaKey, size: PictureSize, shape: Shape) -> PictureData {
        let key = (media.clone(), size, shape);
        if let Some((used, image)) = self.kept.borrow_mut().get_mut(&key) {
            *used = self.tick();
            return PictureData {
                ready: true,
                image: image.clone(),
            };
        }
        if self.asked.borrow_mut().insert(key) {
            let request = self
                .commands
                .send(Command::Media(command(media.clone(), size)));
            let wanted = (media.clone(), size);
            self.requests.borrow_mut().insert(request, wanted);
        }
        nothing()
    }

    /// Keeps a picture that has arrived, in every outline it was asked for.
    pub(super) fn put(&self, media: &MediaKey, size: PictureSize, pixels: &Pixels) {
        let wanted: Vec<Key> = self
            .asked
            .borrow()
            .iter()
            .filter(|(other, other_size, _)| other == media && *other_size == size)
            .cloned()
            .collect();
        for key in wanted {
            self.asked.borrow_mut().remove(&key);
            let image = shapes::image(pixels.clone(), key.2);
            self.bytes.set(self.bytes.get() + weight(&image));
            let old = self.kept.borrow_mut().insert(key, (self.tick(), image));
            self.forget(old);
        }
        self.evict();
    }

    /// Lets go of a picture in its full size, which nobody looks at any more.
    pub(super) fn drop_full(&self, media: &MediaKey) {
        let key = (media.clone(), PictureSize::Full, Shape::Whole);
        let old = self.kept.borrow_mut().remove(&key);
        self.forget(old);
    }

    /// The picture that a request was for, if it was for one. To be asked once for each answer.
    pub(super) fn take_own(&self, request: RequestId) -> Option<(MediaKey, PictureSize)> {
        self.requests.borrow_mut().remove(&request)
    }

    /// A picture could not be had: its place stays empty until [`forgive`](Self::forgive) or
    /// [`forgive_one`](Self::forgive_one). In its full size it is asked for again as soon as somebody wants to see it.
    pub(super) fn fail(&self, media: &MediaKey, size: PictureSize) {
        self.failed.borrow_mut().insert(media.clone());
        if size == PictureSize::Full {
            let mut asked = self.asked.borrow_mut();
            asked.retain(|(other, other_size, _)| other != media || *other_size != size);
        }
    }

    /// Pictures that could not be had may be asked for again. Names them: they have to be drawn anew.
    pub(super) fn forgive(&self) -> HashSet<MediaKey> {
        let failed = self.failed.take();
        let mut asked = self.asked.borrow_mut();
        asked.retain(|(media, ..)| !failed.contains(media));
        failed
    }

    /// The same for one of them. Tells whether it could not be had.
    pub(super) fn forgive_one(&self, media: &MediaKey) -> bool {
        let failed = self.failed.borrow_mut().remove(media);
        if failed {
            let mut asked = self.asked.borrow_mut();
            asked.retain(|(other, ..)| other != media);
        }
        failed
    }

    /// Forgets everything, and that some pictures could not be had.
    pub(super) fn clear(&self) {
        self.kept.borrow_mut().clear();
        self.asked.borrow_mut().clear();
        self.requests.borrow_mut().clear();
        self.failed.borrow_mut().clear();
        self.bytes.set(0);
    }

    fn tick(&self) -> u64 {
        self.clock.set(self.clock.get() + 1);
        self.clock.get()
    }

    fn forget(&self, old: Option<(u64, Image)>) {
        if let Some((_, image)) = old {
            self.bytes.set(self.bytes.get() - weight(&image));
        }
    }

    /// A few hundred at most, avatars included: looking at all of them is nothing beside decoding one.
    fn evict(&self) {
        let limit = self.capacity();
        let mut kept = self.kept.borrow_mut();
        while self.bytes.get() > limit && kept.len() > 1 {
            let used = kept.iter().min_by_key(|(_, (used, _))| *used);
            let oldest = used.map(|(key, _)| key.clone());
            self.forget(oldest.and_then(|key| kept.remove(&key)));
        }
    }

    fn capacity(&self) -> usize {
        let pixels = CARD.0 * CARD.1 * self.fineness.get().powi(2);
        KEPT * pixels as usize * 4
    }
}

fn command(media: MediaKey, size: PictureSize) -> MediaCommand {
    match size {
        PictureSize::Thumbnail {
            max_width,
            max_height,
        } => MediaCommand::Thumbnail {
            media,
            max_width,
            max_height,
        },
        PictureSize::Full => MediaCommand::Full { media },
    }
}

fn weight(image: &Image) -> usize {
    let size = image.size();
    size.width as usize * size.height as usize * 4
}

#[cfg(test)]
mod tests {
    use super::{AVATAR, PictureSize, Pictures, Shape, nothing};
    use crate::{bridge::command::Commands, rows::MediaKey};

    #[test]
    fn lines_without_a_picture_are_not_drawn_anew() {
        assert!(nothing() == nothing());
    }

    #[test]
    fn a_picture_that_could_not_be_had_is_asked_for_again() {
        let (commands, mut asked) = Commands::channel();
        let pictures = Pictures::new(commands);
        let media = MediaKey::new("mxc://campus.example/a");
        let mut show = |size| {
            assert!(!pictures.get(&media, size, Shape::Whole).ready);
            let request = asked.try_recv().ok()?.request;
            assert_eq!(pictures.take_own(request), Some((media.clone(), size)));
            pictures.fail(&media, size);
            Some(request)
        };
        assert!(show(AVATAR).is_some());
        assert_eq!(show(AVATAR), None, "not each time it is drawn");
        assert!(pictures.forgive().contains(&media));
        assert!(show(AVATAR).is_some(), "after an absence of the server");
        assert!(pictures.forgive_one(&media) && !pictures.forgive_one(&media));
        assert!(show(AVATAR).is_some(), "when somebody asks to see it");
        assert!(show(PictureSize::Full).is_some() && show(PictureSize::Full).is_some());
    }
}
