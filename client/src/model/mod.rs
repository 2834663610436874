//! Models for the views: they live on the UI thread and hold rows.

pub mod diff_model;
mod patch;
pub mod sections;
pub mod window;
