//! Models for the views: they live on the UI thread and hold rows.

pub mod article_search;
pub mod diff_model;
pub mod kept_map;
pub mod news;
pub(crate) mod patch;
pub mod quiz_pack;
pub mod sections;
pub mod window;
