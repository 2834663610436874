//! Decoded pictures on the UI thread.

use std::{
    cell::{Cell, RefCell},
    collections::{HashMap, HashSet, VecDeque},
};

use slint::Image;

use super::{
    PictureData,
    shapes::{self, Shape},
};
use crate::{
    bridge::{
        command::{Command, Commands, MediaCommand, RequestId},
        pixels::Pixels,
        update::PictureSize,
    },
    rows::MediaKey,
};

/// Bytes of pixels kept; the oldest pictures go first.
const CAPACITY: usize = 40 << 20;

/// Avatars are drawn at 56 pixels at most, at a zoom of up to 150 %.
pub(super) const AVATAR: PictureSize = PictureSize::Thumbnail {
    max_width: 96,
    max_height: 96,
};

/// Pictures in the timeline: 360×280, twice as fine for zoomed windows.
pub(super) const THUMBNAIL: PictureSize = PictureSize::Thumbnail {
    max_width: 720,
    max_height: 560,
};

type Key = (MediaKey, PictureSize, Shape);

/// Keeps pictures and asks the session for those that are missing, once.
pub(super) struct Pictures {
    commands: Commands,
    kept: RefCell<HashMap<Key, Image>>,
    order: RefCell<VecDeque<Key>>,
    bytes: Cell<usize>,
    asked: RefCell<HashSet<Key>>,
    requests: RefCell<HashSet<RequestId>>,
}

impl Pictures {
    pub(super) fn new(commands: Commands) -> Self {
        Self {
            commands,
            kept: RefCell::default(),
            order: RefCell::default(),
            bytes: Cell::default(),
            asked: RefCell::default(),
            requests: RefCell::default(),
        }
    }

    /// The picture in this outline, or an empty place until it has arrived.
    pub(super) fn get(&self, media: &MediaKey, size: PictureSize, shape: Shape) -> PictureData {
        let key = (media.clone(), size, shape);
        if let Some(image) = self.kept.borrow().get(&key) {
            return PictureData {
                ready: true,
                image: image.clone(),
            };
        }
        if self.asked.borrow_mut().insert(key) {
            let request = self
                .commands
                .send(Command::Media(command(media.clone(), size)));
            self.requests.borrow_mut().insert(request);
        }
        PictureData::default()
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
            if let Some(old) = self.kept.borrow_mut().insert(key.clone(), image) {
                self.bytes.set(self.bytes.get() - weight(&old));
            } else {
                self.order.borrow_mut().push_back(key);
            }
        }
        self.evict();
    }

    /// Whether a request was for a picture: its failure shows as an empty place.
    pub(super) fn is_own(&self, request: RequestId) -> bool {
        self.requests.borrow_mut().remove(&request)
    }

    /// Forgets everything, and that some pictures could not be had.
    pub(super) fn clear(&self) {
        self.kept.borrow_mut().clear();
        self.order.borrow_mut().clear();
        self.asked.borrow_mut().clear();
        self.requests.borrow_mut().clear();
        self.bytes.set(0);
    }

    fn evict(&self) {
        while self.bytes.get() > CAPACITY && self.order.borrow().len() > 1 {
            let Some(oldest) = self.order.borrow_mut().pop_front() else {
                return;
            };
            if let Some(image) = self.kept.borrow_mut().remove(&oldest) {
                self.bytes.set(self.bytes.get() - weight(&image));
            }
        }
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
