//! The views' side of the bridge: callbacks become commands, updates become models. No logic beyond that.

mod avatars;
mod clipboard;
mod clock;
mod composer;
mod context;
pub mod emoji;
mod flow;
mod generated;
mod members;
mod messages;
mod onboarding;
mod people;
mod pictures;
mod prompts;
mod room;
mod room_list;
mod settings;
mod timeline;
mod ui;
mod viewer;

pub use generated::*;
pub use ui::Ui;
