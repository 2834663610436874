//! What a room does, from making it to forgetting it.

mod creation;
mod history;
mod membership;
mod receiving;
mod sending;
