//! Decoded pictures on their way to the screen.

/// Decoded pixels with premultiplied alpha. Sendable and cheap to clone (the buffer is shared); the UI thread makes a `slint::Image`
/// of it with `Image::from_rgba8_premultiplied`.
pub type Pixels = slint::SharedPixelBuffer<slint::Rgba8Pixel>;
