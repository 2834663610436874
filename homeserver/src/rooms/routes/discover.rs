//! Learning of rooms: [spaces](https://spec.matrix.org/v1.19/client-server-api/#spaces),
//! [summaries](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1room_summaryroomidoralias) and
//! [mutual rooms](https://spec.matrix.org/v1.19/client-server-api/#mutual-rooms).

use axum::{Router, extract::State};
use http::StatusCode;
use ruma::{
    OwnedRoomId, OwnedRoomOrAliasId, OwnedUserId, UInt,
    api::client::{
        membership::mutual_rooms,
        room::{get_event_by_timestamp, get_summary},
        space::get_hierarchy,
    },
};
use serde::Deserialize;
use serde_json::json;

use super::reader;
use crate::{
    ApiError, ApiResult, Server,
    federation::{queries::spaces, single_events::Sought},
    http::{Nothing, Own, Raw, RouterExt, Ruma, json},
    ids::RoomNid,
    rooms::{spaces::HierarchyQuery, timeline::Direction},
    users::Session,
};

pub(super) fn router() -> Router<Server> {
    Router::new()
        .ruma_route(hierarchy)
        .ruma_route(summary)
        .ruma_route_at(
            "/_matrix/client/unstable/im.nheko.summary/summary/{room_id_or_alias}",
            summary,
        )
        .ruma_route_at("/_matrix/client/v1/mutual_rooms", mutual)
        .ruma_route(mutual)
        .ruma_route(timestamp_to_event)
}

/// Part of a space.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1roomsroomidhierarchy)
async fn hierarchy(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<get_hierarchy::v1::Request>,
) -> ApiResult<Raw> {
    if request.limit == Some(UInt::MIN) {
        return Err(ApiError::invalid_param(
            "limit has to be greater than zero.",
        ));
    }
    let walk = (request.max_depth, request.suggested_only);
    let query = HierarchyQuery {
        suggested_only: request.suggested_only,
        max_depth: request.max_depth.map(u64::from),
        limit: request
            .limit
            .map(|limit| usize::try_from(limit).unwrap_or(usize::MAX)),
        skip: match &request.from {
            Some(token) => parse_hierarchy_token(token, walk)?,
            None => 0,
        },
    };
    let page = spaces::hierarchy(&server, session.user, &request.room_id, query).await?;
    let mut answer = json!({ "rooms": page.rooms });
    if let Some(next) = page.next {
        answer["next_batch"] = hierarchy_token(next, walk).into();
    }
    json(&answer).map(Raw)
}

/// What may not change from page to page.
type Walk = (Option<UInt>, bool);

fn hierarchy_token(passed: usize, (max_depth, suggested_only): Walk) -> String {
    let depth = max_depth.map_or_else(|| "x".to_owned(), |depth| depth.to_string());
    format!("w{passed}_{depth}_{}", u8::from(suggested_only))
}

fn parse_hierarchy_token(token: &str, walk: Walk) -> ApiResult<usize> {
    let unknown =
        || ApiError::invalid_param("The parameter from is not a token that this server gave out.");
    let passed = token
        .strip_prefix('w')
        .and_then(|rest| rest.split('_').next());
    let passed = passed
        .and_then(|passed| passed.parse().ok())
        .ok_or_else(unknown)?;
    if token.split('_').count() != 3 {
        return Err(unknown());
    }
    if token != hierarchy_token(passed, walk) {
        return Err(ApiError::invalid_param(
            "max_depth and suggested_only have to stay the same from page to page.",
        ));
    }
    Ok(passed)
}

/// A room and the servers that may know it.
type SummaryRequest =
    Own<get_summary::v1::Request, (OwnedRoomOrAliasId,), Nothing, Vec<(String, String)>>;

/// A room in a few words, also for those who have not signed in.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1room_summaryroomidoralias)
async fn summary(
    State(server): State<Server>,
    session: Option<Session>,
    Ruma(request): Ruma<SummaryRequest>,
) -> ApiResult<Raw> {
    let (name,) = request.path;
    let user = session.map(|session| session.user);
    let room = match server.rooms.find_by_id_or_alias(&name).await {
        Ok(room) => Some(room),
        Err(error) if error.status() == StatusCode::NOT_FOUND => None,
        Err(error) => return Err(error),
    };
    let mut preview = None;
    if let Some(room) = room {
        let read = server.rooms.read(move |rooms, snapshot| {
            let is_resident = rooms.is_resident(snapshot, room)?;
            Ok((rooms.preview(snapshot, room, user)?, is_resident))
        });
        match read.await? {
            (Some(preview), true) => return json(&preview).map(Raw),
            (None, true) => return Err(unknown_room()),
            (old, false) => preview = old,
        }
    }
    // Strangers do not make this server ask others.
    if let Some(user) = user {
        let via = request.query.into_iter();
        let via = via.filter(|(name, _)| matches!(name.as_str(), "via" | "server_name"));
        let via = via.filter_map(|(_, name)| name.try_into().ok()).collect();
        preview = spaces::summary(&server, user, &name, via)
            .await?
            .or(preview);
    }
    json(&preview.ok_or_else(unknown_room)?).map(Raw)
}

fn unknown_room() -> ApiError {
    ApiError::not_found("There is no such room, or you may not know of it before you join it.")
}

/// What the list of mutual rooms takes.
#[derive(Deserialize)]
struct Mutual {
    user_id: OwnedUserId,
    from: Option<String>,
    /// The same before it was specified.
    batch_token: Option<String>,
}

/// The rooms that the user shares with another one.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1mutual_rooms)
async fn mutual(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<Own<mutual_rooms::unstable::Request, Nothing, Nothing, Mutual>>,
) -> ApiResult<Raw> {
    let Mutual {
        user_id,
        from,
        batch_token,
    } = request.query;
    if user_id == session.user_id {
        return Err(ApiError::invalid_param(
            "user_id has to be another user: you share every room with yourself.",
        ));
    }
    if user_id.validate_strict().is_err() {
        return Err(ApiError::invalid_param(
            "user_id has characters that no user id has any more.",
        ));
    }
    let after = from
        .or(batch_token)
        .map(|token| parse_mutual_token(&token))
        .transpose()?;
    let page = server
        .rooms
        .mutual_rooms(session.user, user_id, after)
        .await?;
    let mut answer = json!({ "joined": page.joined, "count": page.count });
    if let Some(last) = page.next {
        answer["next_batch"] = format!("m{last}").into();
        answer["next_batch_token"] = format!("m{last}").into();
    }
    json(&answer).map(Raw)
}

fn parse_mutual_token(text: &str) -> ApiResult<RoomNid> {
    let number = text.strip_prefix('m').and_then(|text| text.parse().ok());
    number.map(RoomNid).ok_or_else(|| {
        ApiError::invalid_param("The parameter from is not a token that this server gave out.")
    })
}

/// The event nearest to a time.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1roomsroomidtimestamp_to_event)
async fn timestamp_to_event(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<get_event_by_timestamp::v1::Request>,
) -> ApiResult<get_event_by_timestamp::v1::Response> {
    let direction = match request.dir {
        ruma::api::Direction::Forward => Direction::Forward,
        ruma::api::Direction::Backward => Direction::Backward,
    };
    let room_id: OwnedRoomId = request.room_id;
    let (time, reader) = (request.ts, reader(&session));
    let look = || {
        server.rooms.look(reader.clone(), &room_id, move |look| {
            Ok((look.room, look.event_at(time, direction)?))
        })
    };
    let (room, mut nearest) = look().await?;
    if let Some(gap) = nearest.gap {
        let sought = Sought {
            time,
            direction,
            known: nearest
                .event
                .as_ref()
                .map(|event| event.pdu.origin_server_ts()),
        };
        if server.backfill.find(&server, (room, gap), &sought).await {
            nearest = look().await?.1;
        }
    }
    let event = nearest.found(time, direction)?;
    let (id, time) = (event.id().to_owned(), event.pdu.origin_server_ts());
    Ok(get_event_by_timestamp::v1::Response::new(id, time))
}
