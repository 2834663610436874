//! The only crossing point between the UI thread and the session.
//!
//! Down: a view sends a [`Command`](command::Command) through [`Commands`](command::Commands) and gets a
//! [`RequestId`](command::RequestId) back at once. Up: the session sends [`Update`](update::Update)s through one
//! bounded channel, which a single task on the UI thread drains and hands to the views. Every command is answered by
//! exactly one [`Update::Answered`](update::Update::Answered) with the same request id; everything that changes over
//! time (rooms, timelines, connection) comes as updates of its own.
//!
//! The views' side is one type, `view::Ui`: `Ui::new(Commands, Settings)` builds the window and binds every callback
//! to a command, `Ui::apply(&self, Update)` puts an update into the models, `Ui::run(&self)` runs the event loop until
//! the window is closed.

pub mod command;
pub mod dispatch;
pub mod pixels;
pub mod runtime;
pub mod secret;
pub mod trouble;
pub mod update;
