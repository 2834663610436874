//! What Slint makes of the files in `ui/`.
#![expect(
    unused_qualifications,
    unreachable_pub,
    clippy::all,
    clippy::allow_attributes,
    clippy::semicolon_if_nothing_returned,
    clippy::unwrap_used,
    reason = "generated code"
)]

slint::include_modules!();
