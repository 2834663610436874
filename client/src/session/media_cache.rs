//! Decoded pictures, the least recently used of them thrown away first.

use std::collections::HashMap;

use crate::{
    bridge::{pixels::Pixels, update::PictureSize},
    rows::MediaKey,
};

/// Which picture, and how large.
pub(super) type PictureKey = (MediaKey, PictureSize);

/// Decoded pictures of at most so many bytes altogether.
pub(super) struct MediaCache {
    limit: usize,
    bytes: usize,
    clock: u64,
    pictures: HashMap<PictureKey, (u64, Pixels)>,
}

impl MediaCache {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            bytes: 0,
            clock: 0,
            pictures: HashMap::new(),
        }
    }

    pub(super) fn get(&mut self, key: &PictureKey) -> Option<Pixels> {
        self.clock += 1;
        let (used, pixels) = self.pictures.get_mut(key)?;
        *used = self.clock;
        Some(pixels.clone())
    }

    pub(super) fn insert(&mut self, key: PictureKey, pixels: Pixels) {
        self.clock += 1;
        self.bytes += size_of(&pixels);
        if let Some((_, old)) = self.pictures.insert(key, (self.clock, pixels)) {
            self.bytes -= size_of(&old);
        }
        while self.bytes > self.limit {
            self.remove_oldest();
        }
    }

    /// A few hundred pictures at most: looking at all of them is nothing beside decoding one.
    fn remove_oldest(&mut self) {
        let oldest = self
            .pictures
            .iter()
            .min_by_key(|(_, (used, _))| *used)
            .map(|(key, _)| key.clone());
        match oldest.and_then(|key| self.pictures.remove(&key)) {
            Some((_, pixels)) => self.bytes -= size_of(&pixels),
            None => self.bytes = 0,
        }
    }
}

fn size_of(pixels: &Pixels) -> usize {
    pixels.as_bytes().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> PictureKey {
        (MediaKey::new(name), PictureSize::Full)
    }

    #[test]
    fn the_least_recently_used_picture_goes_first() {
        let mut cache = MediaCache::new(3 * 400);
        for name in ["a", "b", "c"] {
            cache.insert(key(name), Pixels::new(10, 10));
        }
        assert!(cache.get(&key("a")).is_some());
        cache.insert(key("d"), Pixels::new(10, 10));
        let kept: Vec<_> = ["a", "b", "c", "d"]
            .into_iter()
            .filter(|name| cache.get(&key(name)).is_some())
            .collect();
        assert_eq!(kept, ["a", "c", "d"]);
    }

    #[test]
    fn the_limit_holds_for_any_sizes() {
        let mut cache = MediaCache::new(1000);
        for side in 1..40 {
            cache.insert(key(&side.to_string()), Pixels::new(side, side));
            assert!(cache.bytes <= 1000);
        }
        cache.insert(key("1"), Pixels::new(2, 2));
        cache.insert(key("1"), Pixels::new(3, 3));
        assert_eq!(
            cache.bytes,
            cache
                .pictures
                .values()
                .map(|(_, pixels)| size_of(pixels))
                .sum::<usize>()
        );
    }
}
