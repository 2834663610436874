//! Reading what was said in rooms, also where the administrator is no member.

use std::sync::Arc;

use axum::Router;
use http::Method;
use ruma::{
    MilliSecondsSinceUnixEpoch, OwnedEventId,
    api::client::filter::RoomEventFilter,
    events::{AnyStateEvent, AnyTimelineEvent},
    serde::Raw,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    call::{AdminRoutes, Call, parse},
    page::Dir,
    rooms::read,
};
use crate::{
    ApiError, ApiResult, Server,
    ids::RoomNid,
    rooms::{
        Rooms,
        event::RoomEvent,
        rows::Place,
        show::Show,
        state::tree,
        timeline::{self, Direction},
        viewer::Viewer,
    },
    storage::Snapshot,
    sync::{
        filter::takes_event,
        token::{parse_timeline, timeline_token},
    },
};

/// Events of one page at most.
const MAX_LIMIT: usize = 1_000;
/// Rows that are looked at for one page, however few of them are wanted.
const SCAN_LIMIT: usize = 10_000;

pub(super) fn router() -> Router<Server> {
    Router::new()
        .admin(
            Method::GET,
            "/_synapse/admin/v1/rooms/{room_id}/messages",
            messages,
        )
        .admin(
            Method::GET,
            "/_synapse/admin/v1/rooms/{room_id}/context/{event_id}",
            context,
        )
        .admin(
            Method::GET,
            "/_synapse/admin/v1/rooms/{room_id}/timestamp_to_event",
            timestamp_to_event,
        )
        .admin(
            Method::GET,
            "/_synapse/admin/v1/fetch_event/{event_id}",
            fetch_event,
        )
}

/// An administrator who reads a room.
struct Reader<'a> {
    rooms: &'a Rooms,
    snapshot: &'a Snapshot<'a>,
    room: RoomNid,
    viewer: Viewer<'a>,
}

impl Reader<'_> {
    fn show<T>(&self, event: &RoomEvent) -> ApiResult<Raw<T>> {
        let how = Show {
            device: None,
            room_id: true,
            bundle: false,
        };
        self.rooms.show(self.snapshot, event, &self.viewer, how)
    }

    fn show_all<T>(&self, events: &[Arc<RoomEvent>]) -> ApiResult<Vec<Raw<T>>> {
        events.iter().map(|event| self.show(event)).collect()
    }

    fn page(
        &self,
        from: Place,
        to: Place,
        direction: Direction,
        limit: usize,
        filter: &RoomEventFilter,
    ) -> ApiResult<timeline::Page> {
        if from >= to {
            return Ok(timeline::Page {
                events: Vec::new(),
                next: None,
            });
        }
        Ok(self.rooms.page(
            self.snapshot,
            self.room,
            from,
            to,
            direction,
            limit.min(MAX_LIMIT),
            SCAN_LIMIT,
            |_, event| Ok(event.is_accepted() && takes_event(filter, event)),
        )?)
    }

    /// An event in the room's history.
    fn event(&self, id: &OwnedEventId) -> ApiResult<Arc<RoomEvent>> {
        let event = self.rooms.event_by_id(self.snapshot, id)?;
        event
            .filter(|event| event.row.room == self.room && event.row.place != Place::default())
            .ok_or_else(|| ApiError::not_found("There is no such event in this room."))
    }
}

/// Reads the room that the path names as the administrator who asks.
async fn look<T: Send + 'static>(
    call: &Call,
    look: impl FnOnce(&Reader<'_>) -> ApiResult<T> + Send + 'static,
) -> ApiResult<T> {
    let admin = call.session.user_id.clone();
    read(call, move |rooms, snapshot, room| {
        let viewer = Viewer::new(rooms, snapshot, room, &admin)?;
        look(&Reader {
            rooms,
            snapshot,
            room,
            viewer,
        })
    })
    .await
}

fn filter(text: Option<&str>) -> ApiResult<RoomEventFilter> {
    match text {
        None => Ok(RoomEventFilter::default()),
        Some(text) => serde_json::from_str(text)
            .map_err(|error| ApiError::invalid_param(format!("The filter is not valid: {error}."))),
    }
}

async fn messages(call: Call) -> ApiResult<Value> {
    #[derive(Deserialize)]
    struct Query {
        from: Option<String>,
        to: Option<String>,
        #[serde(default = "ten")]
        limit: usize,
        #[serde(default)]
        dir: Dir,
        filter: Option<String>,
    }
    fn ten() -> usize {
        10
    }
    let query: Query = call.query()?;
    let filter = filter(query.filter.as_deref())?;
    let place = |token: &Option<String>, parameter| {
        let place = token
            .as_deref()
            .map(|token| parse_timeline(token, parameter));
        place.transpose()
    };
    let (from, to) = (place(&query.from, "from")?, place(&query.to, "to")?);
    let (direction, start) = match query.dir {
        Dir::Forward => (Direction::Forward, from.unwrap_or(Place::FIRST)),
        Dir::Backward => {
            let end = Rooms::end_at(call.server.storage.position());
            (Direction::Backward, from.unwrap_or(end))
        }
    };
    look(&call, move |reader| {
        let (low, high) = match direction {
            Direction::Forward => (start, to.unwrap_or(Place::END)),
            Direction::Backward => (to.unwrap_or(Place::FIRST), start),
        };
        let page = reader.page(low, high, direction, query.limit, &filter)?;
        let chunk: Vec<Raw<AnyTimelineEvent>> = reader.show_all(&page.events)?;
        let mut answer = json!({ "chunk": chunk, "start": timeline_token(start) });
        if let Some(next) = page.next {
            answer["end"] = timeline_token(next).into();
        }
        Ok(answer)
    })
    .await
}

async fn context(call: Call) -> ApiResult<Value> {
    #[derive(Deserialize)]
    struct Query {
        #[serde(default = "ten")]
        limit: usize,
        filter: Option<String>,
    }
    fn ten() -> usize {
        10
    }
    let query: Query = call.query()?;
    let filter = filter(query.filter.as_deref())?;
    let id: OwnedEventId = call.id(1, "event id")?;
    look(&call, move |reader| {
        let event = reader.event(&id)?;
        let place = event.row.place;
        let limit = query.limit.min(MAX_LIMIT);
        let before = reader.page(Place::FIRST, place, Direction::Backward, limit / 2, &filter)?;
        let after = reader.page(
            place.next(),
            Place::END,
            Direction::Forward,
            limit - limit / 2,
            &filter,
        )?;
        let first = before.events.last().unwrap_or(&event).row.place;
        let last = after.events.last().unwrap_or(&event);
        let nodes = reader.rooms.nodes(reader.snapshot);
        let mut state: Vec<Raw<AnyStateEvent>> = Vec::new();
        for (_, nid) in tree::entries(&nodes, last.row.state_after)? {
            let event = reader.rooms.known_event(reader.snapshot, nid)?;
            state.push(reader.show(&event)?);
        }
        Ok(json!({
            "start": timeline_token(first),
            "end": timeline_token(last.row.place.next()),
            "events_before": reader.show_all::<AnyTimelineEvent>(&before.events)?,
            "event": reader.show::<AnyTimelineEvent>(&event)?,
            "events_after": reader.show_all::<AnyTimelineEvent>(&after.events)?,
            "state": state,
        }))
    })
    .await
}

async fn timestamp_to_event(call: Call) -> ApiResult<Value> {
    #[derive(Deserialize)]
    struct Query {
        ts: MilliSecondsSinceUnixEpoch,
        #[serde(default)]
        dir: Dir,
    }
    let Query { ts, dir } = call.query()?;
    look(&call, move |reader| {
        let mut best: Option<Arc<RoomEvent>> = None;
        let all = timeline::rows(
            reader.snapshot,
            reader.room,
            Place::FIRST,
            Place::END,
            Direction::Forward,
        )?;
        for row in all {
            let event = reader.rooms.known_event(reader.snapshot, row?.1.event)?;
            let time = event.pdu.origin_server_ts();
            let is_better = match (dir, best.as_ref().map(|best| best.pdu.origin_server_ts())) {
                (Dir::Forward, best) => time >= ts && best.is_none_or(|best| time < best),
                (Dir::Backward, best) => time <= ts && best.is_none_or(|best| time > best),
            };
            if is_better && event.is_accepted() {
                best = Some(event);
            }
        }
        let event = best.ok_or_else(|| {
            ApiError::not_found("The room has no event on that side of the time given.")
        })?;
        Ok(json!({
            "event_id": event.id(),
            "origin_server_ts": event.pdu.origin_server_ts(),
        }))
    })
    .await
}

async fn fetch_event(call: Call) -> ApiResult<Value> {
    let id: OwnedEventId = parse(call.text(0), "event id")?;
    let event = event(&call, id).await?;
    let event = event.ok_or_else(|| ApiError::not_found("This server has no such event."))?;
    Ok(json!({ "event": event }))
}

/// An event as an administrator sees it, if the server has it.
pub(super) async fn event(
    call: &Call,
    id: OwnedEventId,
) -> ApiResult<Option<Raw<AnyTimelineEvent>>> {
    let admin = call.session.user_id.clone();
    call.server
        .rooms
        .read(move |rooms, snapshot| {
            let Some(event) = rooms.event_by_id(snapshot, &id)? else {
                return Ok(None);
            };
            let room = event.row.room;
            let viewer = Viewer::new(rooms, snapshot, room, &admin)?;
            let reader = Reader {
                rooms,
                snapshot,
                room,
                viewer,
            };
            reader.show(&event).map(Some)
        })
        .await
}
