//! The views of the client, compiled by Slint. A crate of its own, because they are most of what the compiler has to
//! read and most changes do not touch them.

slint::include_modules!();
