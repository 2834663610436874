//! Turning facts into what is read: text, times, sizes, rich text. Pure functions; the language is an argument.

pub mod blocks;
pub mod emoji;
pub mod facts;
pub mod games;
pub mod highlight;
pub mod html;
pub mod mentions;
pub mod names;
pub mod plain;
mod previews;
pub mod sas;
pub mod size;
pub mod state;
pub mod styled;
pub mod text;
pub mod time;
mod troubles;
pub mod words;

/// The languages of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    #[default]
    Russian,
    English,
}
