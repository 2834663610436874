//! What Slint makes of the files in `ui/`.
#![expect(
    unused_qualifications,
    unreachable_pub,
    clippy::todo,
    clippy::unwrap_used,
    reason = "generated code"
)]

slint::include_modules!();
