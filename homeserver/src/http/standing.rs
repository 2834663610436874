//! What locked and suspended users may still do.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#account-moderation)

use http::Method;

use super::{limits::Class, ruma::Route};
use crate::{
    error::{ApiError, ApiResult},
    users::Session,
};

/// What a locked user may call: these, and nothing else.
const FOR_LOCKED: [&str; 2] = ["/_matrix/client/v3/logout", "/_matrix/client/v3/logout/all"];

/// What a suspended user may not call: whatever others would notice. They may read, sign in and out, verify their devices,
/// back up their keys, leave, redact what they sent, report, and close their account.
const NOT_FOR_SUSPENDED: [(Method, &str); 28] = [
    (Method::POST, "/_matrix/client/v3/createRoom"),
    (Method::POST, "/_matrix/client/v3/join/{room_id_or_alias}"),
    (Method::POST, "/_matrix/client/v3/knock/{room_id_or_alias}"),
    (Method::POST, "/_matrix/client/v3/rooms/{room_id}/join"),
    (Method::POST, "/_matrix/client/v3/rooms/{room_id}/invite"),
    (Method::POST, "/_matrix/client/v3/rooms/{room_id}/kick"),
    (Method::POST, "/_matrix/client/v3/rooms/{room_id}/ban"),
    (Method::POST, "/_matrix/client/v3/rooms/{room_id}/unban"),
    (Method::POST, "/_matrix/client/v3/rooms/{room_id}/upgrade"),
    (
        Method::PUT,
        "/_matrix/client/v3/rooms/{room_id}/send/{event_type}/{txn_id}",
    ),
    (
        Method::POST,
        "/_matrix/client/v3/rooms/{room_id}/send/{event_type}",
    ),
    (
        Method::PUT,
        "/_matrix/client/v3/rooms/{room_id}/delayed_event/{event_type}/{txn_id}",
    ),
    (
        Method::PUT,
        "/_matrix/client/unstable/org.matrix.msc4140/rooms/{room_id}/delayed_event/{event_type}/{txn_id}",
    ),
    (
        Method::PUT,
        "/_matrix/client/v3/rooms/{room_id}/state/{event_type}",
    ),
    (
        Method::PUT,
        "/_matrix/client/v3/rooms/{room_id}/state/{event_type}/",
    ),
    (
        Method::PUT,
        "/_matrix/client/v3/rooms/{room_id}/state/{event_type}/{state_key}",
    ),
    (
        Method::PUT,
        "/_matrix/client/v3/rooms/{room_id}/typing/{user_id}",
    ),
    (Method::PUT, "/_matrix/client/v3/profile/{user_id}/{field}"),
    (
        Method::DELETE,
        "/_matrix/client/v3/profile/{user_id}/{field}",
    ),
    (
        Method::PUT,
        "/_matrix/client/v3/profile/{user_id}/displayname",
    ),
    (
        Method::PUT,
        "/_matrix/client/v3/profile/{user_id}/avatar_url",
    ),
    (
        Method::PUT,
        "/_matrix/client/v3/directory/room/{room_alias}",
    ),
    (
        Method::DELETE,
        "/_matrix/client/v3/directory/room/{room_alias}",
    ),
    (
        Method::PUT,
        "/_matrix/client/v3/directory/list/room/{room_id}",
    ),
    (Method::PUT, "/_matrix/client/v3/presence/{user_id}/status"),
    (Method::POST, "/_matrix/media/v1/create"),
    (Method::POST, "/_matrix/media/v3/upload"),
    (
        Method::PUT,
        "/_matrix/media/v3/upload/{server_name}/{media_id}",
    ),
];

/// Whether an endpoint is there for locked users too.
pub(super) fn is_for_locked(path: &str) -> bool {
    FOR_LOCKED.contains(&path)
}

/// Refuses suspended users what they may not do, judged by the endpoint; at r0 as at v3.
pub(super) fn check(session: &Session, method: &Method, path: &str) -> ApiResult {
    if !session.is_suspended {
        return Ok(());
    }
    let path = path.replacen("/_matrix/client/r0/", "/_matrix/client/v3/", 1);
    let refused = |(of, at): &(Method, &str)| of == method && *at == path;
    if NOT_FOR_SUSPENDED.iter().any(refused) {
        return Err(ApiError::suspended());
    }
    Ok(())
}

/// Whether a request shows that its sender sits before the device: they write, type or read.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#last-active-ago)
pub(super) fn shows_presence(method: &Method, route: &Route) -> bool {
    route.class == Class::Send
        || (*method != Method::GET
            && (route.path.contains("/typing/")
                || route.path.contains("/receipt/")
                || route.path.ends_with("/read_markers")))
}
