//! Pictures to upload, and a look at the pictures that come back.

use crate::{http::Reply, must::text, user::User};

/// A picture of 320 by 240 pixels in each format that servers make thumbnails of.
pub const PICTURES: [(&str, &[u8]); 4] = [
    ("image/png", include_bytes!("../fixtures/picture.png")),
    ("image/jpeg", include_bytes!("../fixtures/picture.jpg")),
    ("image/gif", include_bytes!("../fixtures/picture.gif")),
    ("image/webp", include_bytes!("../fixtures/picture.webp")),
];

impl User {
    /// Uploads a file and returns `server/media id`, ready for a path.
    #[track_caller]
    pub fn upload(&self, content_type: &str, name: &str, bytes: &[u8]) -> String {
        let reply = self.try_upload(content_type, name, bytes);
        let uri = text(&reply.ok()["content_uri"]);
        let media = uri.strip_prefix("mxc://");
        media
            .unwrap_or_else(|| panic!("not an mxc address: {uri}"))
            .to_owned()
    }

    /// The answer to an upload.
    #[track_caller]
    pub fn try_upload(&self, content_type: &str, name: &str, bytes: &[u8]) -> Reply {
        let path = format!(
            "/_matrix/media/v3/upload?filename={}",
            crate::http::encode(name)
        );
        self.request("POST", &path)
            .bytes(content_type, bytes)
            .send()
    }
}

/// Width and height of a PNG, JPEG, GIF or lossy WebP picture.
pub fn size(picture: &[u8]) -> Option<(u32, u32)> {
    if picture.starts_with(b"\x89PNG") {
        let number = |at: usize| {
            Some(u32::from_be_bytes(
                picture.get(at..at + 4)?.try_into().ok()?,
            ))
        };
        return Some((number(16)?, number(20)?));
    }
    let little = |at: usize| {
        Some(u32::from(u16::from_le_bytes(
            picture.get(at..at + 2)?.try_into().ok()?,
        )))
    };
    if picture.starts_with(b"GIF8") {
        return Some((little(6)?, little(8)?));
    }
    if picture.get(8..16) == Some(b"WEBPVP8 ") {
        return Some((little(26)? & 0x3fff, little(28)? & 0x3fff));
    }
    if picture.get(8..16) == Some(b"WEBPVP8L") {
        let bits = u32::from_le_bytes(picture.get(21..25)?.try_into().ok()?);
        return Some(((bits & 0x3fff) + 1, ((bits >> 14) & 0x3fff) + 1));
    }
    picture
        .starts_with(&[0xff, 0xd8])
        .then(|| jpeg_size(picture))
        .flatten()
}

/// Walks the segments of a JPEG file up to the start of a frame.
fn jpeg_size(picture: &[u8]) -> Option<(u32, u32)> {
    let number = |at: usize| {
        Some(u32::from(u16::from_be_bytes(
            picture.get(at..at + 2)?.try_into().ok()?,
        )))
    };
    let mut at = 2;
    loop {
        let marker = *picture.get(at + 1)?;
        if matches!(marker, 0xc0..=0xc2) {
            return Some((number(at + 7)?, number(at + 5)?));
        }
        at += 2 + usize::try_from(number(at + 2)?).ok()?;
    }
}

#[cfg(test)]
mod tests {
    use super::{PICTURES, size};

    #[test]
    fn the_size_of_every_fixture_is_read() {
        for (kind, picture) in PICTURES {
            assert_eq!(size(picture), Some((320, 240)), "{kind}");
        }
    }
}
