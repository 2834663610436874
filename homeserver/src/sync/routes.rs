//! The endpoints of sync.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::{FromRequestParts, Query, State},
};
use http::request::Parts;
use ruma::{
    api::client::{
        filter::FilterDefinition,
        sync::sync_events::{v3, v5},
    },
    presence::PresenceState,
};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    legacy_routes, presence,
    sliding::{
        self,
        extensions::to_device_since,
        request::{MoreFilters, check},
    },
    token::SyncToken,
    v3::{
        Ask,
        shape::{self, Shape},
    },
    wait::Poll,
};
use crate::{
    ApiError, ApiResult, Server,
    account_data::filters::{check_filter, parse_filter},
    http::{Also, FilterText, Raw, RouterExt, Ruma, json},
    ids::StreamPos,
    presence::{PresentPoll, routes::parse_state},
    rooms::relations::filter::RelationFilter,
    users::Session,
};

/// The endpoints of sync.
pub fn router() -> Router<Server> {
    Router::new()
        .ruma_route(sync)
        .ruma_route(sliding_sync)
        .merge(legacy_routes::router())
}

/// Tells what is new since the last answer, waiting for it if there is nothing.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3sync)
async fn sync(
    State(server): State<Server>,
    session: Session,
    unstable: UnstableStateAfter,
    text: FilterText,
    Ruma(request): Ruma<v3::Request>,
) -> ApiResult<Raw> {
    let epoch = server.storage.epoch();
    let token = request
        .since
        .as_deref()
        .map(|token| SyncToken::parse(token, epoch))
        .transpose()?
        .flatten();
    let (filter, relations) = filter(&server, &session, request.filter, text).await?;
    let ask = Ask {
        user: session.user,
        user_id: session.user_id.clone(),
        device: session.device_id.clone(),
        since: token.map(|token| token.pos),
        had_to_device: token.map_or(StreamPos::ZERO, |token| token.to_device()),
        full_state: request.full_state,
        state_after: request.use_state_after || unstable.0,
        filter,
        relations,
    };
    let shape = Shape {
        event_fields: ask.filter.event_fields.as_deref(),
        unstable_state_after: unstable.0 && !request.use_state_after,
    };
    let _present = present(&server, &session, &request.set_presence).await?;
    if token.is_some() {
        // A client that comes with a token has everything up to there.
        server
            .e2ee
            .delete_to_device(session.user, &session.device_id, ask.had_to_device)
            .await?;
    }
    let name = session.device_id.to_string();
    let mut poll = Poll::begin(&server, session.user, name, request.timeout)?
        .with_presence(presence::is_wanted(&server, &ask.filter.presence));
    // Nobody waits for messages that are here already.
    let has_all = token.is_some_and(|token| token.to_device.is_none());
    let mut seen = ask.since.filter(|_| has_all && !request.full_state);
    loop {
        let (upto, may_have_news) = match seen {
            Some(seen) => {
                // What comes while this waits is for the next poll: this session may be sending again.
                let (upto, may_have_news) = poll.next(seen).await;
                if may_have_news {
                    poll.let_answer_pass().await;
                }
                // Meanwhile the user may have signed out, or been shut out.
                server.users.check_again(&session).await?;
                (upto, may_have_news)
            }
            None => (server.storage.position(), true),
        };
        if !may_have_news {
            let answer = ask.nothing_new(&server, upto)?;
            return Ok(Raw(shape::into_http(answer, shape)?.map(Body::from)));
        }
        let (asked, all) = (ask.clone(), server.clone());
        let answer = server
            .storage
            .read(move |snapshot| asked.answer(&all, snapshot, upto))
            .await?;
        if seen.is_none() || has_news(&answer) || poll.is_over() {
            return Ok(Raw(shape::into_http(answer, shape)?.map(Body::from)));
        }
        seen = Some(upto);
    }
}

/// Whether a client asks for the state after the timeline by the name this had before it was in the specification.
/// [MSC4222](https://github.com/matrix-org/matrix-spec-proposals/pull/4222)
struct UnstableStateAfter(bool);

impl FromRequestParts<Server> for UnstableStateAfter {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Server) -> ApiResult<Self> {
        #[derive(Deserialize)]
        struct Wanted {
            #[serde(rename = "org.matrix.msc4222.use_state_after", default)]
            use_state_after: bool,
        }
        let wanted = Query::<Wanted>::try_from_uri(&parts.uri).map_err(|error| {
            ApiError::invalid_param("org.matrix.msc4222.use_state_after is true or false.")
                .because(error)
        })?;
        Ok(Self(wanted.use_state_after))
    }
}

/// Shows the user to be there for as long as the poll goes on, unless the client does not want that.
async fn present(
    server: &Server,
    session: &Session,
    wish: &PresenceState,
) -> ApiResult<PresentPoll> {
    let state = parse_state(wish.as_str())?;
    server
        .presence
        .begin_poll(session.user, &session.device_id, state)
        .await
}

/// Whether an answer has anything a waiting client should be told.
fn has_news(answer: &v3::Response) -> bool {
    !(answer.rooms.is_empty()
        && answer.rooms.knock.is_empty()
        && answer.account_data.is_empty()
        && answer.to_device.is_empty()
        && answer.device_lists.is_empty()
        && answer.presence.is_empty())
}

async fn filter(
    server: &Server,
    session: &Session,
    asked: Option<v3::Filter>,
    FilterText(text): FilterText,
) -> ApiResult<(FilterDefinition, RelationFilter)> {
    match asked {
        None => Ok(Default::default()),
        Some(v3::Filter::FilterDefinition(filter)) => {
            check_filter(&filter)?;
            Ok((filter, relations(text.as_deref().unwrap_or("{}"))?))
        }
        Some(v3::Filter::FilterId(id)) => {
            let filter = server.account_data.filter(session.user, &id).await?;
            let filter = filter
                .ok_or_else(|| ApiError::invalid_param("There is no filter with this id."))?;
            Ok((parse_filter(filter.get())?, relations(filter.get())?))
        }
        Some(_) => Err(ApiError::invalid_param(
            "filter is the id of a filter, or a filter as JSON.",
        )),
    }
}

/// What a filter says of relations in timelines.
fn relations(filter: &str) -> ApiResult<RelationFilter> {
    #[derive(Default, Deserialize)]
    struct Filter<'a> {
        #[serde(borrow, default)]
        room: Option<Room<'a>>,
    }
    #[derive(Default, Deserialize)]
    struct Room<'a> {
        #[serde(borrow, default)]
        timeline: Option<&'a RawValue>,
    }
    let filter: Filter<'_> = serde_json::from_str(filter)
        .map_err(|error| ApiError::bad_json(format!("This is not a filter: {error}.")))?;
    match filter.room.and_then(|room| room.timeline) {
        Some(timeline) => RelationFilter::parse(timeline.get()),
        None => Ok(RelationFilter::default()),
    }
}

/// Simplified sliding sync: tells what is new of the rooms a client looks at.
/// [MSC4186](https://github.com/matrix-org/matrix-spec-proposals/pull/4186)
async fn sliding_sync(
    State(server): State<Server>,
    session: Session,
    Also(request, more_filters): Also<v5::Request, MoreFilters>,
) -> ApiResult<Raw> {
    check(&request)?;
    let to_device = &request.extensions.to_device;
    if to_device.enabled == Some(true)
        && let Some(had) = to_device_since(to_device.since.as_deref(), server.storage.epoch())?
    {
        server
            .e2ee
            .delete_to_device(session.user, &session.device_id, had)
            .await?;
    }
    let name = request.conn_id.clone().unwrap_or_default();
    let mut connection = server
        .connections
        .take(session.user, &session.device_id, &name)
        .await;
    connection.resume(request.pos.as_deref())?;
    let _present = present(&server, &session, &request.set_presence).await?;
    let name = format!("{} {name}", session.device_id);
    let mut poll = Poll::begin(&server, session.user, name, request.timeout)?;
    let ask = sliding::Ask {
        user: session.user,
        user_id: session.user_id.clone(),
        device: session.device_id.clone(),
        request,
        more_filters,
    };
    let ask = Arc::new(ask);
    let since = connection.upto();
    let mut seen = None;
    loop {
        let upto = match seen {
            Some(seen) => {
                let next = poll.next(seen).await.0;
                server.users.check_again(&session).await?;
                next
            }
            None => server.storage.position(),
        };
        let (asked, all) = (Arc::clone(&ask), server.clone());
        let (answer, held) = server
            .storage
            .read(move |snapshot| {
                asked
                    .answer(&all, snapshot, &connection, upto)
                    .map(|answer| (answer, connection))
            })
            .await?;
        connection = held;
        if answer.has_news || since.is_none() || poll.is_over() {
            let mut response = answer.response;
            response.pos = connection.send(upto, answer.telling);
            return json(&response).map(Raw);
        }
        seen = Some(upto);
    }
}
