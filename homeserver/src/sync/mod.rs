//! Telling clients what changed.

pub mod token;
