//! Turning facts into what is read: text, times, sizes, rich text. Pure functions; the language is an argument.

pub mod blocks;
pub mod time;
