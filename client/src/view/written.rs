//! Emoji in the text that is being written. The font of a text field has one colour, so their pictures are laid over
//! its signs.

use std::rc::Rc;

use i_slint_core::{
    items::{TextCursorAffinity, TextInput},
    window::WindowInner,
};
use slint::{ComponentHandle, ModelRc, VecModel};

use super::{
    AppWindow, ComposerAdapter, EmojiMark,
    context::Context,
    emoji::{self, Piece},
};

/// Of an emoji in the font.
const WIDTH: f32 = 17.0;

/// Lays the pictures anew whenever the text or its lines change.
pub(super) fn bind(context: &Context) {
    context.with_window(|window| {
        let weak = window.as_weak();
        window.global::<ComposerAdapter>().on_laid_out(move || {
            if let Some(window) = weak.upgrade() {
                let marks = marks(&window).unwrap_or_default();
                window
                    .global::<ComposerAdapter>()
                    .set_marks(ModelRc::from(Rc::new(VecModel::from(marks))));
            }
        });
    });
}

/// Where each emoji stands in the field. `None` where somebody writes elsewhere: the field cannot be asked then.
fn marks(window: &AppWindow) -> Option<Vec<EmojiMark>> {
    let text = window.global::<ComposerAdapter>().get_text();
    if !emoji::any(&text) {
        return None;
    }
    let inner = WindowInner::from_pub(window.window());
    let item = inner.focus_item.borrow().upgrade()?;
    let input = item.downcast::<TextInput>()?;
    let input = input.as_pin_ref();
    if input.text() != text {
        return None;
    }
    let adapter = inner.window_adapter();
    let place = |offset| {
        let affinity = TextCursorAffinity::NextCharacter;
        let renderer = adapter.renderer();
        renderer
            .text_input_cursor_rect_for_byte_offset(input, &item, offset, affinity)
            .origin
    };
    let mut marks = Vec::new();
    let mut offset = 0;
    for piece in emoji::split(&text) {
        let (Piece::Text(part) | Piece::Emoji(part, _)) = piece;
        if let Piece::Emoji(_, name) = &piece
            && let Some(image) = emoji::picture(name)
        {
            let (from, to) = (place(offset), place(offset + part.len()));
            // At the end of a line the next place is on another one.
            let width = if to.y > from.y { WIDTH } else { to.x - from.x };
            marks.push(EmojiMark {
                image,
                x: from.x,
                y: from.y,
                width,
            });
        }
        offset += part.len();
    }
    Some(marks)
}
