//! Which sizes thumbnails come in.
//!
//! Only a few: whatever size clients ask for, a picture is stored a handful of times at most.

/// How a thumbnail fits the size asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fit {
    /// The whole picture, no side longer than asked for.
    Scale,
    /// The middle of the picture, exactly of that size.
    Crop,
}

/// A thumbnail somebody asks for.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#thumbnails)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThumbnailRequest {
    /// The width it should have at least.
    pub width: u32,
    /// The height it should have at least.
    pub height: u32,
    /// How it fits.
    pub fit: Fit,
    /// Whether it may move if the picture does.
    pub animated: bool,
}

/// A size that thumbnails are made in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Rung {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) fit: Fit,
}

const fn rung(width: u32, height: u32, fit: Fit) -> Rung {
    Rung { width, height, fit }
}

/// The sizes that the specification names, and some for screens with many pixels. The largest comes last.
static LADDER: [Rung; 8] = [
    rung(32, 32, Fit::Crop),
    rung(96, 96, Fit::Crop),
    rung(256, 256, Fit::Crop),
    rung(512, 512, Fit::Crop),
    rung(320, 240, Fit::Scale),
    rung(640, 480, Fit::Scale),
    rung(800, 600, Fit::Scale),
    rung(1600, 1200, Fit::Scale),
];

impl Rung {
    /// The smallest size that is not smaller than asked for; none when only the picture itself is large enough.
    pub(super) fn for_request(request: ThumbnailRequest) -> Option<Self> {
        let covers = |rung: &&Self| rung.width >= request.width && rung.height >= request.height;
        let with = |fit| {
            LADDER
                .iter()
                .filter(move |rung| rung.fit == fit)
                .find(covers)
                .copied()
        };
        with(request.fit).or_else(|| with(Fit::Scale))
    }

    /// The middle of the picture in a shape that is no square, which is made anew for whoever asks: squares are what
    /// avatars want, and all that is kept.
    pub(super) fn odd_crop(request: ThumbnailRequest) -> Option<Self> {
        let ThumbnailRequest { width, height, .. } = request;
        let largest = LADDER.last()?;
        let is_odd = request.fit == Fit::Crop && width != height && width > 0 && height > 0;
        (is_odd && width <= largest.width && height <= largest.width)
            .then(|| rung(width, height, Fit::Crop))
    }

    /// Whether thumbnails of this size show all of the picture.
    pub(super) fn is_whole(self) -> bool {
        self.fit == Fit::Scale
    }

    /// The same size for a picture that lies on its side.
    pub(super) fn turned(self) -> Self {
        rung(self.height, self.width, self.fit)
    }

    /// The rungs made together with this one. What takes long is decoding, so all usual sizes are made at once.
    pub(super) fn batch(self) -> &'static [Self] {
        let (usual, large) = LADDER.split_at(LADDER.len() - 1);
        if large.contains(&self) { large } else { usual }
    }

    /// The part of the name of a file.
    pub(super) fn name(self) -> String {
        let fit = match self.fit {
            Fit::Scale => "scale",
            Fit::Crop => "crop",
        };
        format!("{}x{}-{fit}", self.width, self.height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(width: u32, height: u32, fit: Fit) -> Option<(u32, u32, Fit)> {
        let rung = Rung::for_request(ThumbnailRequest {
            width,
            height,
            fit,
            animated: false,
        })?;
        Some((rung.width, rung.height, rung.fit))
    }

    #[test]
    fn thumbnail_is_never_smaller_than_asked_for() {
        assert_eq!(size(32, 32, Fit::Crop), Some((32, 32, Fit::Crop)));
        assert_eq!(size(33, 33, Fit::Crop), Some((96, 96, Fit::Crop)));
        assert_eq!(size(320, 240, Fit::Scale), Some((320, 240, Fit::Scale)));
        assert_eq!(size(320, 241, Fit::Scale), Some((640, 480, Fit::Scale)));
        assert_eq!(size(0, 0, Fit::Scale), Some((320, 240, Fit::Scale)));
    }

    #[test]
    fn larger_than_the_largest_is_the_picture_itself() {
        assert_eq!(size(1601, 10, Fit::Scale), None);
        assert_eq!(size(u32::MAX, u32::MAX, Fit::Crop), None);
    }

    #[test]
    fn odd_shapes_are_cropped_within_bounds() {
        let crop = |width, height| {
            Rung::odd_crop(ThumbnailRequest {
                width,
                height,
                fit: Fit::Crop,
                animated: false,
            })
        };
        assert_eq!(crop(300, 200), Some(rung(300, 200, Fit::Crop)));
        assert_eq!(crop(600, 600), None);
        assert_eq!(crop(0, 5), None);
        assert_eq!(crop(1601, 5), None);
    }
}
