//! The endpoints of rooms.

mod aliases;
pub(crate) mod amended;
mod create;
mod directory;
mod discover;
mod history;
mod members;
mod membership;
mod receipts;
mod relations;
mod send;
mod state;
mod thread_subscriptions;
mod typing;
mod upgrade;

use axum::Router;
use ruma::MilliSecondsSinceUnixEpoch;

use super::look::Reader;
use crate::{Server, users::Session};

/// The endpoints of rooms.
pub fn router() -> Router<Server> {
    Router::new()
        .merge(aliases::router())
        .merge(create::router())
        .merge(directory::router())
        .merge(discover::router())
        .merge(history::router())
        .merge(members::router())
        .merge(membership::router())
        .merge(receipts::router())
        .merge(relations::router())
        .merge(send::router())
        .merge(state::router())
        .merge(thread_subscriptions::router())
        .merge(typing::router())
        .merge(upgrade::router())
}

/// The time that an application service gives to an event; others have no say in it.
/// [spec](https://spec.matrix.org/v1.19/application-service-api/#timestamp-massaging)
fn timestamp(
    session: &Session,
    given: Option<MilliSecondsSinceUnixEpoch>,
) -> Option<MilliSecondsSinceUnixEpoch> {
    given.filter(|_| session.appservice.is_some())
}

/// The device behind a session, as one that reads.
fn reader(session: &Session) -> Reader {
    Reader {
        user: session.user_id.clone(),
        device: session.device_id.clone(),
    }
}
