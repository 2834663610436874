//! [Reading history](https://spec.matrix.org/v1.19/client-server-api/#syncing).

use std::sync::Arc;

use axum::{Router, extract::State};
use http::StatusCode;
use ruma::{
    OwnedEventId, RoomId, UInt,
    api::{
        Direction as Wanted,
        client::{
            context::get_context,
            filter::{LazyLoadOptions, RoomEventFilter},
            message::get_message_events,
            room::get_room_event,
        },
    },
    events::AnyTimelineEvent,
};
use serde::Serialize;

use super::{
    amended::{Amend, Amended},
    reader,
};
use crate::{
    ApiResult, Server,
    http::{FilterText, Raw, RouterExt, Ruma, json},
    rooms::{
        event::RoomEvent,
        history::PageQuery,
        look::Look,
        relations::filter::RelationFilter,
        rows::Place,
        timeline::{Direction, Page},
    },
    storage,
    sync::{
        filter::{takes_event, takes_room},
        token::{parse_timeline, timeline_token},
    },
    users::Session,
};

pub(super) fn router() -> Router<Server> {
    Router::new()
        .ruma_route(messages)
        .ruma_route(context)
        .ruma_route(event)
}

/// What is around an event. Ruma leaves empty lists out, without which matrix-bot-sdk cannot read it.
#[derive(Serialize)]
struct Context {
    start: String,
    end: String,
    event: Event,
    events_before: Vec<Event>,
    events_after: Vec<Event>,
    state: Vec<Event>,
}

type Event = ruma::serde::Raw<AnyTimelineEvent>;

/// How often more of the past is fetched for one page.
const MOST_FETCHES: usize = 3;

/// How many events are returned: as many as both the request and its filter allow.
fn limit(asked: UInt, filter: &RoomEventFilter) -> usize {
    let limit = filter.limit.map_or(asked, |limit| limit.min(asked));
    usize::try_from(u64::from(limit)).unwrap_or(usize::MAX)
}

/// What a request wants to see of a room.
struct Filter {
    events: RoomEventFilter,
    relations: RelationFilter,
}

impl Filter {
    fn new(events: RoomEventFilter, FilterText(text): FilterText) -> ApiResult<Self> {
        let relations = match text {
            Some(text) => RelationFilter::parse(&text)?,
            None => RelationFilter::default(),
        };
        Ok(Self { events, relations })
    }

    fn takes(&self, look: &Look<'_>, event: &RoomEvent) -> storage::Result<bool> {
        Ok(takes_room(&self.events, &look.room_id)
            && takes_event(&self.events, event)
            && look.takes_relation(&self.relations, event)?)
    }
}

/// A request for history whose direction may be missing: clients of Synapse rely on its reading forward then.
struct ForwardByDefault;

impl Amend for ForwardByDefault {
    type Request = get_message_events::v3::Request;

    fn amend(_: &mut serde_json::Map<String, serde_json::Value>) {}

    fn amend_query(query: &str) -> Option<String> {
        let has_direction = query
            .split('&')
            .any(|parameter| parameter.split('=').next() == Some("dir"));
        (!has_direction).then(|| format!("dir=f&{query}"))
    }
}

/// A page of a room's history.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidmessages)
async fn messages(
    State(server): State<Server>,
    session: Session,
    text: FilterText,
    Ruma(Amended(request)): Ruma<Amended<ForwardByDefault>>,
) -> ApiResult<get_message_events::v3::Response> {
    // Quaternion names an empty token where it has none yet.
    let place = |token: &Option<String>, parameter| {
        let token = token.as_deref().filter(|token| !token.is_empty());
        let place = token.map(|token| parse_timeline(token, parameter));
        place.transpose()
    };
    let query = PageQuery {
        from: place(&request.from, "from")?,
        to: place(&request.to, "to")?,
        direction: match request.dir {
            Wanted::Forward => Direction::Forward,
            Wanted::Backward => Direction::Backward,
        },
        limit: limit(request.limit, &request.filter),
    };
    let from = request.from.filter(|from| !from.is_empty());
    let wanted = Arc::new((from, Filter::new(request.filter, text)?));
    // What is missing is fetched from other servers, as long as that leads further.
    let (mut fetches, mut ends_at_gap) = (MOST_FETCHES, true);
    loop {
        let wanted = Arc::clone(&wanted);
        let answer = server
            .rooms
            .look(reader(&session), &request.room_id, move |look| {
                let (from, filter) = &*wanted;
                let takes = |event: &RoomEvent| filter.takes(look, event);
                let (start, page, gap) = if ends_at_gap {
                    look.messages_up_to_gap(&query, takes)?
                } else {
                    let (start, page) = look.messages(&query, takes)?;
                    (start, page, None)
                };
                let mut answer = get_message_events::v3::Response::new();
                answer.start = from.clone().unwrap_or_else(|| timeline_token(start));
                answer.end = after(&page, query.direction).map(timeline_token);
                answer.chunk = look.show_all(&page.events)?;
                if lazy(&filter.events) {
                    answer.state = look.show_all(&look.members_of(&page.events)?)?;
                }
                Ok((answer, gap.map(|gap| (look.room, gap))))
            });
        let (answer, gap) = answer.await?;
        let Some((room, gap)) = gap.filter(|_| fetches > 0) else {
            return Ok(answer);
        };
        fetches -= 1;
        ends_at_gap = server.backfill.fill(&server, room, gap).await;
    }
}

/// Where the next page begins: after the last event also where nothing follows, since nheko 0.11 throws away a page
/// without it. Only an empty page may say that there is no more.
fn after(page: &Page, direction: Direction) -> Option<Place> {
    let last = page.events.last().map(|event| event.row.place);
    let beyond = last.map(|place| match direction {
        Direction::Forward => place.next(),
        Direction::Backward => place,
    });
    page.next.or(beyond)
}

/// Whether only those members are wanted who sent something.
fn lazy(filter: &RoomEventFilter) -> bool {
    !matches!(filter.lazy_load_options, LazyLoadOptions::Disabled)
}

/// An event with what came before and after it.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidcontexteventid)
async fn context(
    State(server): State<Server>,
    session: Session,
    text: FilterText,
    Ruma(request): Ruma<get_context::v3::Request>,
) -> ApiResult<Raw> {
    let limit = limit(request.limit, &request.filter);
    let wanted_id = request.event_id;
    let wanted = Arc::new((wanted_id.clone(), Filter::new(request.filter, text)?));
    let mut may_fetch = true;
    loop {
        let wanted = Arc::clone(&wanted);
        let answer = server
            .rooms
            .look(reader(&session), &request.room_id, move |look| {
                let (id, filter) = &*wanted;
                let around = look.surroundings(id, limit, |event| filter.takes(look, event));
                let around = around.map_err(|error| match look.access() {
                    // Who may not look into the room at all is told so.
                    Err(refused) if error.status() == StatusCode::NOT_FOUND => refused,
                    _ => error,
                })?;
                let last = around.after.last().unwrap_or(&around.event);
                let state = if lazy(&filter.events) {
                    let shown = around.before.iter().chain(&around.after);
                    look.state_after_with_senders(last, shown.chain([&around.event]))?
                } else {
                    look.state_after(last)?
                };
                let takes_room = takes_room(&filter.events, &look.room_id);
                let state: Vec<&Arc<RoomEvent>> = state
                    .iter()
                    .filter(|event| takes_room && takes_event(&filter.events, event))
                    .collect();
                let answer = Context {
                    start: timeline_token(around.start),
                    end: timeline_token(around.end),
                    state: look.show_all(state)?,
                    events_before: look.show_all(&around.before)?,
                    events_after: look.show_all(&around.after)?,
                    event: look.show(&around.event)?,
                };
                Ok((answer, around.gap.map(|gap| (look.room, gap))))
            });
        let answer = answer.await;
        if may_fetch
            && is_missing(&answer)
            && fetch(&server, &session, &request.room_id, &wanted_id).await?
        {
            continue;
        }
        let (answer, gap) = answer?;
        match gap.filter(|_| may_fetch) {
            Some((room, gap)) => {
                server.backfill.fill(&server, room, gap).await;
                may_fetch = false;
            }
            None => return json(&answer).map(Raw),
        }
    }
}

/// One event.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomideventeventid)
async fn event(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<get_room_event::v3::Request>,
) -> ApiResult<get_room_event::v3::Response> {
    let (id, room_id) = (request.event_id, request.room_id);
    let look = || {
        let id = id.clone();
        server.rooms.look(reader(&session), &room_id, move |look| {
            look.show(&*look.event_or_state(&id)?)
        })
    };
    let mut event = look().await;
    if is_missing(&event) && fetch(&server, &session, &room_id, &id).await? {
        event = look().await;
    }
    // Whether the room exists is as secret as whether the event does.
    Ok(get_room_event::v3::Response::new(event?))
}

fn is_missing<T>(found: &ApiResult<T>) -> bool {
    let error = found.as_ref().err();
    error.is_some_and(|error| error.status() == StatusCode::NOT_FOUND)
}

/// Has an event fetched from other servers that somebody in the room asks for.
async fn fetch(
    server: &Server,
    session: &Session,
    room_id: &RoomId,
    id: &OwnedEventId,
) -> ApiResult<bool> {
    let Some(room) = server.storage.interner().find_room(room_id)? else {
        return Ok(false);
    };
    match server.rooms.require_joined(&session.user_id, room) {
        Ok(()) => Ok(server.backfill.fetch(server, room, id).await),
        Err(_) => Ok(false),
    }
}
