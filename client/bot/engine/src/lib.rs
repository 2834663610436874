//! Games, quizzes and answers as a pure function.
//!
//! [`World::apply`] takes an event and returns outputs; time and chance are part of the event. Nothing here knows a
//! network, a file or a clock, so every game can be replayed, and tested over thousands of plays.

mod commands;
mod event;
mod games;
mod helper;
mod lang;
mod moves;
mod output;
mod people;
mod quiz;
mod ratings;
mod start;
mod step;
mod table;
mod talk;
pub mod text;
mod ticks;
mod words;
mod world;

pub use event::{Event, File, Message, Millis, Place, Reaction, Sender, Slot, What};
pub use lang::Lang;
pub use output::{Output, Target, To};
pub use ratings::{Question, Standing, Standings};
pub use world::{BadRow, Row, Settings, World};
