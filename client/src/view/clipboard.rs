//! The system's clipboard.

use std::{cell::RefCell, path::PathBuf};

use arboard::{Clipboard, ImageData};

use crate::bridge::trouble::Trouble;

thread_local! {
    // Kept open: on X11 what was copied is gone with the program that offers it.
    static CLIPBOARD: RefCell<Option<Clipboard>> = const { RefCell::new(None) };
}

/// Puts text into the clipboard.
pub(super) fn copy(text: &str) {
    with(|clipboard| clipboard.set_text(text));
}

/// The files that were copied in a file manager.
pub(super) fn files() -> Vec<PathBuf> {
    let files = with(|clipboard| clipboard.get().file_list());
    files.unwrap_or_default()
}

/// The text in the clipboard, if there is one.
pub(super) fn text() -> Option<String> {
    with(|clipboard| clipboard.get_text())
}

/// The picture in the clipboard as PNG, if there is one.
///
/// # Errors
/// When there is one that cannot be read, for it is too large.
pub(super) fn picture() -> Result<Option<Vec<u8>>, Trouble> {
    let picture = with(|clipboard| match clipboard.get_image() {
        Err(arboard::Error::ContentNotAvailable) => Ok(Ok(None)),
        Err(arboard::Error::ConversionFailure) => Ok(Err(Trouble::TooLarge(None))),
        other => other.map(|picture| Ok(Some(picture))),
    });
    match picture {
        Some(Ok(Some(picture))) => Ok(Some(png(picture).ok_or(Trouble::TooLarge(None))?)),
        Some(Err(trouble)) => Err(trouble),
        Some(Ok(None)) | None => Ok(None),
    }
}

fn png(picture: ImageData<'_>) -> Option<Vec<u8>> {
    let (width, height) = (
        u32::try_from(picture.width).ok()?,
        u32::try_from(picture.height).ok()?,
    );
    let pixels = image::RgbaImage::from_raw(width, height, picture.bytes.into_owned())?;
    let mut png = std::io::Cursor::new(Vec::new());
    pixels.write_to(&mut png, image::ImageFormat::Png).ok()?;
    Some(png.into_inner())
}

fn with<T>(act: impl FnOnce(&mut Clipboard) -> Result<T, arboard::Error>) -> Option<T> {
    CLIPBOARD.with_borrow_mut(|kept| {
        if kept.is_none() {
            *kept = Clipboard::new()
                .inspect_err(|error| tracing::warn!(%error, "there is no clipboard"))
                .ok();
        }
        act(kept.as_mut()?)
            .inspect_err(|error| tracing::debug!(%error, "the clipboard was not used"))
            .ok()
    })
}
