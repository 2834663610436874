//! Subscriptions to threads: [MSC4306](https://github.com/matrix-org/matrix-spec-proposals/pull/4306) and
//! [MSC4308](https://github.com/matrix-org/matrix-spec-proposals/pull/4308).

use axum::{Router, extract::State};
use ruma::{
    UInt,
    api::client::threads::{
        get_thread_subscription, get_thread_subscriptions_changes, subscribe_thread,
        unsubscribe_thread,
    },
};
use serde::Deserialize;

use super::reader;
use crate::{
    ApiError, ApiResult, Server,
    http::{Nothing, Own, RouterExt, Ruma},
    ids::StreamPos,
    rooms::thread_subscriptions::Thread,
    sync::token::{SyncToken, subscriptions_since},
    users::Session,
};

/// Changes that one answer tells at most.
const MOST_CHANGES: usize = 500;
/// Changes that one answer tells unless it is asked for another number.
const USUAL_CHANGES: usize = 100;

pub(super) fn router() -> Router<Server> {
    Router::new()
        .ruma_route(subscription)
        .ruma_route(subscribe)
        .ruma_route(unsubscribe)
        .ruma_route(changes)
}

/// Whether the user is subscribed to a thread.
async fn subscription(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<get_thread_subscription::unstable::Request>,
) -> ApiResult<get_thread_subscription::unstable::Response> {
    let thread = Thread {
        room_id: request.room_id,
        root: request.thread_root,
    };
    let found = server
        .rooms
        .thread_subscription(session.user, reader(&session), thread)
        .await
        .map_err(as_secret)?;
    let not_found = || ApiError::not_found("You are not subscribed to this thread.");
    let automatic = found.ok_or_else(not_found)?;
    Ok(get_thread_subscription::unstable::Response::new(automatic))
}

/// Subscribes the user to a thread. Their rules for notifications learn of threads with the first one.
async fn subscribe(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<subscribe_thread::unstable::Request>,
) -> ApiResult<subscribe_thread::unstable::Response> {
    let thread = Thread {
        room_id: request.room_id,
        root: request.thread_root,
    };
    server
        .rooms
        .subscribe_to_thread(session.user, reader(&session), thread, request.automatic)
        .await
        .map_err(as_secret)?;
    server.account_data.add_thread_rules(session.user).await?;
    Ok(subscribe_thread::unstable::Response::new())
}

/// Ends the user's subscription to a thread.
async fn unsubscribe(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<unsubscribe_thread::unstable::Request>,
) -> ApiResult<unsubscribe_thread::unstable::Response> {
    let thread = Thread {
        room_id: request.room_id,
        root: request.thread_root,
    };
    server
        .rooms
        .unsubscribe_from_thread(session.user, reader(&session), thread)
        .await
        .map_err(as_secret)?;
    Ok(unsubscribe_thread::unstable::Response::new())
}

/// Whether the room exists is as secret as whether the thread does.
fn as_secret(error: ApiError) -> ApiError {
    match error.status() {
        http::StatusCode::FORBIDDEN => {
            ApiError::not_found("There is no such thread, or you may not see it.")
        }
        _ => error,
    }
}

/// Which changes a client asks for.
#[derive(Deserialize)]
struct ChangesQuery {
    dir: String,
    from: Option<String>,
    to: Option<String>,
    limit: Option<UInt>,
}

type ChangesRequest =
    Own<get_thread_subscriptions_changes::unstable::Request, Nothing, Nothing, ChangesQuery>;

/// The changes that an answer of sliding sync had no room for, newest first.
async fn changes(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<ChangesRequest>,
) -> ApiResult<get_thread_subscriptions_changes::unstable::Response> {
    let ChangesQuery {
        dir,
        from,
        to,
        limit,
    } = request.query;
    if dir != "b" {
        return Err(ApiError::invalid_param("The direction is \"b\"."));
    }
    let limit = limit.map_or(Ok(USUAL_CHANGES), usize::try_from);
    let limit = limit.unwrap_or(MOST_CHANGES).min(MOST_CHANGES);
    if limit == 0 {
        return Err(ApiError::invalid_param("The limit is above zero."));
    }
    let epoch = server.storage.epoch();
    let position = server.storage.position();
    let place = |token: Option<&str>, parameter| {
        let place = token.map(|token| subscriptions_since(token, epoch, parameter));
        place.transpose().map(Option::flatten)
    };
    let upto = place(from.as_deref(), "from")?.unwrap_or(position);
    let since = place(to.as_deref(), "to")?.unwrap_or(StreamPos::ZERO);
    let user = session.user;
    server
        .rooms
        .read(move |rooms, snapshot| {
            let between = (since, upto.min(position));
            let (mut answer, left) = rooms.subscription_changes(snapshot, user, between, limit)?;
            answer.end = left.map(|pos| SyncToken::at(epoch, pos).to_string());
            Ok(answer)
        })
        .await
}
