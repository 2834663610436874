//! [Relations](https://spec.matrix.org/v1.19/client-server-api/#relationships-api) and
//! [threads](https://spec.matrix.org/v1.19/client-server-api/#threading).

use axum::{Router, extract::State};
use http::StatusCode;
use ruma::{
    OwnedEventId, OwnedRoomId, UInt,
    api::{
        Direction as Wanted,
        client::{
            relations::{
                get_relating_events, get_relating_events_with_rel_type,
                get_relating_events_with_rel_type_and_event_type,
            },
            threads::get_threads,
        },
    },
};
use serde::Deserialize;

use super::reader;
use crate::{
    ApiError, ApiResult, Server,
    http::{Nothing, Own, RouterExt, Ruma},
    ids::EventNid,
    rooms::{
        relations::{RelationsQuery, recursion_depth, threads::ThreadsQuery},
        timeline::Direction,
    },
    sync::token::{parse_timeline, timeline_token},
    users::Session,
};

pub(super) fn router() -> Router<Server> {
    Router::new()
        .ruma_route(relations)
        .ruma_route(relations_of_type)
        .ruma_route(relations_of_types)
        .ruma_route(threads)
}

/// What all three endpoints take beside the path.
#[derive(Deserialize)]
struct Page {
    from: Option<String>,
    to: Option<String>,
    limit: Option<UInt>,
    dir: Option<Wanted>,
    recurse: Option<bool>,
}

/// A request to one of them.
type Of<R, P> = Own<R, P, Nothing, Page>;
type WithType = (OwnedRoomId, OwnedEventId, String);
type WithTypes = (OwnedRoomId, OwnedEventId, String, String);

/// The children of an event.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1roomsroomidrelationseventid)
async fn relations(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<Of<get_relating_events::v1::Request, (OwnedRoomId, OwnedEventId)>>,
) -> ApiResult<get_relating_events::v1::Response> {
    let (room_id, event_id) = request.path;
    let kinds = (None, None);
    page(&server, &session, (room_id, event_id), kinds, request.query).await
}

/// The children of an event by one kind of relation.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1roomsroomidrelationseventidreltype)
async fn relations_of_type(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<Of<get_relating_events_with_rel_type::v1::Request, WithType>>,
) -> ApiResult<get_relating_events::v1::Response> {
    let (room_id, event_id, rel_type) = request.path;
    let kinds = (Some(rel_type), None);
    page(&server, &session, (room_id, event_id), kinds, request.query).await
}

/// The children of an event by one kind of relation that are events of one type.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1roomsroomidrelationseventidreltypeeventtype)
async fn relations_of_types(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<
        Of<get_relating_events_with_rel_type_and_event_type::v1::Request, WithTypes>,
    >,
) -> ApiResult<get_relating_events::v1::Response> {
    let (room_id, event_id, rel_type, event_type) = request.path;
    let kinds = (Some(rel_type), Some(event_type));
    page(&server, &session, (room_id, event_id), kinds, request.query).await
}

async fn page(
    server: &Server,
    session: &Session,
    (room_id, event_id): (OwnedRoomId, OwnedEventId),
    (rel_type, event_type): (Option<String>, Option<String>),
    page: Page,
) -> ApiResult<get_relating_events::v1::Response> {
    let place = |token: &Option<String>, parameter| {
        let place = token
            .as_deref()
            .map(|token| parse_timeline(token, parameter));
        place.transpose()
    };
    let query = RelationsQuery {
        rel_type,
        event_type,
        recurse: page.recurse == Some(true),
        from: place(&page.from, "from")?,
        to: place(&page.to, "to")?,
        direction: match page.dir {
            Some(Wanted::Forward) => Direction::Forward,
            Some(Wanted::Backward) | None => Direction::Backward,
        },
        limit: limit(page.limit),
    };
    let answer = server.rooms.look(reader(session), &room_id, move |look| {
        let found = look.relations(&event_id, &query)?;
        let chunk = look.show_all(&found.events)?;
        let mut answer = get_relating_events::v1::Response::new(chunk);
        answer.next_batch = found.next.map(timeline_token);
        answer.prev_batch = page.from;
        answer.recursion_depth = page.recurse.map(recursion_depth);
        Ok(answer)
    });
    // Whether the room exists is as secret as whether the event does.
    answer.await.map_err(|error| match error.status() {
        StatusCode::FORBIDDEN => {
            ApiError::not_found("There is no such event in this room, or you may not see it.")
        }
        _ => error,
    })
}

fn limit(asked: Option<UInt>) -> Option<usize> {
    asked.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX))
}

/// What the list of threads takes beside the path.
#[derive(Deserialize)]
struct ThreadsPage {
    include: Option<String>,
    from: Option<String>,
    limit: Option<UInt>,
}

/// The threads of a room.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1roomsroomidthreads)
async fn threads(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<Own<get_threads::v1::Request, (OwnedRoomId,), Nothing, ThreadsPage>>,
) -> ApiResult<get_threads::v1::Response> {
    let ((room_id,), page) = (request.path, request.query);
    if page.limit == Some(UInt::MIN) {
        return Err(ApiError::invalid_param(
            "limit has to be greater than zero.",
        ));
    }
    let query = ThreadsQuery {
        participated: match page.include.as_deref() {
            None | Some("all") => false,
            Some("participated") => true,
            Some(_) => {
                return Err(ApiError::invalid_param(
                    "include is \"all\" or \"participated\".",
                ));
            }
        },
        after: page.from.as_deref().map(parse_threads_token).transpose()?,
        limit: limit(page.limit),
    };
    let answer = server.rooms.look(reader(&session), &room_id, move |look| {
        let page = look.threads(query)?;
        let mut answer = get_threads::v1::Response::new(page.roots);
        answer.next_batch = page.next.map(|last| format!("h{last}"));
        Ok(answer)
    });
    answer.await
}

fn parse_threads_token(text: &str) -> ApiResult<EventNid> {
    let number = text.strip_prefix('h').and_then(|text| text.parse().ok());
    number.map(EventNid).ok_or_else(|| {
        ApiError::invalid_param("The parameter from is not a token that this server gave out.")
    })
}
