//! The font for emoji where there are no pictures of them: in fields that are written in, and in names.
//!
//! The fonts of the system are in colour, which Slint's software renderer does not draw, or there are none.

use std::sync::Arc;

use i_slint_core::{
    textlayout::sharedparley::fontique::{Blob, GenericFamily},
    window::WindowInner,
};
use slint::ComponentHandle;

use super::AppWindow;

const FAMILY: &str = "Noto Emoji";
/// The family of all other text.
const WORDS: &str = "Inter";

/// It, in one colour.
static EMOJI: &[u8] = include_bytes!("../../ui/assets/fonts/NotoEmoji-Regular.ttf");

/// Draws emoji with the font of the program from now on.
pub(super) fn register(window: &AppWindow) {
    let inner = WindowInner::from_pub(window.window());
    let fonts = inner.context().font_context().borrow();
    // Its clones are the same collection.
    let mut collection = fonts.collection.clone();
    let known = collection.family_id(FAMILY);
    let emoji = known.or_else(|| {
        let registered = collection.register_fonts(Blob::new(Arc::new(EMOJI)), None);
        registered.first().map(|(family, _)| *family)
    });
    let Some(emoji) = emoji else {
        tracing::warn!("there is no font for emoji");
        return;
    };
    // What text has no letters of its own for is looked for here first. The system's families follow by themselves, and
    // may begin with one in colour.
    let words = collection.family_id(WORDS);
    collection.set_generic_families(GenericFamily::SansSerif, words.into_iter().chain([emoji]));
    collection.set_generic_families(GenericFamily::Emoji, [emoji].into_iter());
}
