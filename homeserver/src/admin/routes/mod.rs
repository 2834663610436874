//! The endpoints of administrators, by what they are about. docs/administration.md lists them.

mod call;
mod destinations;
mod media;
mod media_of;
mod notices;
mod other;
mod page;
mod redaction;
mod reports;
mod room_access;
mod room_children;
mod room_deletion;
mod room_history;
mod rooms;
mod statistics;
mod tokens;
mod user_change;
mod user_devices;
mod user_keys;
mod user_limits;
mod users;
mod work;

use axum::Router;

pub(crate) use self::work::resume;
use crate::Server;

/// The endpoints of administrators.
pub fn router() -> Router<Server> {
    Router::new()
        .merge(users::router())
        .merge(user_change::router())
        .merge(user_devices::router())
        .merge(user_keys::router())
        .merge(user_limits::router())
        .merge(redaction::router())
        .merge(tokens::router())
        .merge(rooms::router())
        .merge(room_access::router())
        .merge(room_children::router())
        .merge(room_deletion::router())
        .merge(room_history::router())
        .merge(media::router())
        .merge(media_of::router())
        .merge(reports::router())
        .merge(statistics::router())
        .merge(destinations::router())
        .merge(notices::router())
        .merge(other::router())
}
