//! Looking through rooms.

use std::cmp::Ordering;

use axum::Router;
use http::Method;
use ruma::{OwnedUserId, events::AnyStateEvent, serde::Raw};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    call::{AdminRoutes, Call},
    page::{Dir, Page},
};
use crate::{
    ApiError, ApiResult, Server,
    admin::{
        Admin,
        rooms::{RoomCounts, RoomRow},
    },
    ids::RoomNid,
    rooms::{Rooms, rows::Membership, show::Show, viewer::Viewer},
    storage::{Snapshot, tables},
};

pub(super) fn router() -> Router<Server> {
    Router::new()
        .admin(Method::GET, "/_synapse/admin/v1/rooms", list)
        .admin(Method::GET, "/_synapse/admin/v1/rooms/{room_id}", details)
        .admin(
            Method::GET,
            "/_synapse/admin/v1/rooms/{room_id}/members",
            members,
        )
        .admin(
            Method::GET,
            "/_synapse/admin/v1/rooms/{room_id}/state",
            state,
        )
        .admin(
            Method::GET,
            "/_synapse/admin/v1/rooms/{room_id}/forward_extremities",
            extremities,
        )
}

#[derive(Clone, Debug, Deserialize)]
struct Query {
    from: Option<usize>,
    limit: Option<usize>,
    #[serde(default)]
    dir: Dir,
    #[serde(default)]
    order_by: OrderBy,
    search_term: Option<String>,
    public_rooms: Option<bool>,
    empty_rooms: Option<bool>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum OrderBy {
    #[default]
    #[serde(alias = "alphabetical")]
    Name,
    CanonicalAlias,
    #[serde(alias = "size")]
    JoinedMembers,
    JoinedLocalMembers,
    Version,
    Creator,
    Encryption,
    Federatable,
    Public,
    JoinRules,
    GuestAccess,
    HistoryVisibility,
    StateEvents,
}

type Counted = (RoomRow, RoomCounts);

impl OrderBy {
    fn needs_counts(self) -> bool {
        matches!(self, Self::JoinedLocalMembers | Self::StateEvents)
    }

    /// Numbers come largest first, everything else smallest first.
    fn compare(self, (a, in_a): &Counted, (b, in_b): &Counted) -> Ordering {
        let (one, other) = (&a.summary, &b.summary);
        match self {
            Self::Name => one.name.cmp(&other.name),
            Self::CanonicalAlias => one.alias.cmp(&other.alias),
            Self::JoinedMembers => other.joined.cmp(&one.joined),
            Self::JoinedLocalMembers => in_b.local_members.cmp(&in_a.local_members),
            Self::Version => version(&other.version).cmp(&version(&one.version)),
            Self::Creator => a.creator.cmp(&b.creator),
            Self::Encryption => one.encryption.cmp(&other.encryption),
            Self::Federatable => a.federatable.cmp(&b.federatable),
            Self::Public => a.public.cmp(&b.public),
            Self::JoinRules => one.join_rule.cmp(&other.join_rule),
            Self::GuestAccess => one.guest_access.cmp(&other.guest_access),
            Self::HistoryVisibility => one.history_visibility.cmp(&other.history_visibility),
            Self::StateEvents => in_b.state_events.cmp(&in_a.state_events),
        }
    }
}

fn version(text: &str) -> (u32, &str) {
    (text.parse().unwrap_or(u32::MAX), text)
}

async fn list(call: Call) -> ApiResult<Value> {
    let query: Query = call.query()?;
    let page = Page::new(query.from, query.limit)?;
    if query.search_term.as_deref() == Some("") {
        return Err(ApiError::invalid_param("search_term cannot be empty."));
    }
    let term = query.search_term.as_ref().map(|term| term.to_lowercase());
    call.server
        .rooms
        .read(move |rooms, snapshot| {
            let found = Admin::rooms(rooms, snapshot, |room| {
                term.as_ref().is_none_or(|term| room.mentions(term))
                    && query
                        .public_rooms
                        .is_none_or(|public| room.public == public)
                    && query
                        .empty_rooms
                        .is_none_or(|empty| (room.summary.joined == 0) == empty)
            })?;
            let total = found.len();
            let shown = sorted_page(snapshot, found, &query, page)?;
            let mut answer = json!({
                "rooms": shown,
                "offset": page.from,
                "total_rooms": total,
            });
            if let Some(next) = page.next(total) {
                answer["next_batch"] = next.into();
            }
            if page.from > 0 {
                answer["prev_batch"] = page.from.saturating_sub(page.limit).into();
            }
            Ok(answer)
        })
        .await
}

fn sorted_page(
    snapshot: &Snapshot<'_>,
    found: Vec<RoomRow>,
    query: &Query,
    page: Page,
) -> ApiResult<Vec<Value>> {
    let (order_by, dir) = (query.order_by, query.dir);
    let mut rows = Vec::with_capacity(found.len());
    for room in found {
        let counts = match order_by.needs_counts() {
            true => room.count(snapshot)?,
            false => RoomCounts::default(),
        };
        rows.push((room, counts));
    }
    rows.sort_by(|a, b| {
        dir.turn(order_by.compare(a, b))
            .then_with(|| a.0.room_id.cmp(&b.0.room_id))
    });
    let mut shown = Vec::new();
    for (room, _) in page.of(rows) {
        shown.push(room.show(room.count(snapshot)?));
    }
    Ok(shown)
}

async fn details(call: Call) -> ApiResult<Value> {
    read(&call, |rooms, snapshot, room| {
        Ok(Admin::room(rooms, snapshot, room)?.show_whole(snapshot)?)
    })
    .await
}

async fn members(call: Call) -> ApiResult<Value> {
    read(&call, |rooms, snapshot, room| {
        let mut members: Vec<OwnedUserId> = Vec::new();
        for row in tables::MEMBER.scan(snapshot, (room, Membership::Join))? {
            let ((_, _, user), _) = row?;
            members.push(rooms.storage().interner().user_id(user)?);
        }
        Ok(json!({ "total": members.len(), "members": members }))
    })
    .await
}

async fn state(call: Call) -> ApiResult<Value> {
    #[derive(Deserialize)]
    struct Query {
        /// Of which type; of all if absent.
        #[serde(rename = "type")]
        event_type: Option<String>,
    }
    let Query { event_type } = call.query()?;
    let admin = call.session.user_id.clone();
    read(&call, move |rooms, snapshot, room| {
        let viewer = Viewer::new(rooms, snapshot, room, &admin)?;
        let how = Show {
            device: None,
            room_id: true,
            bundle: false,
        };
        let mut state: Vec<Raw<AnyStateEvent>> = Vec::new();
        for row in tables::CURRENT_STATE.scan(snapshot, (room,))? {
            let event = rooms.known_event(snapshot, row?.1)?;
            let found = event.pdu.event_type().to_string();
            if event_type.as_ref().is_some_and(|wanted| *wanted != found) {
                continue;
            }
            state.push(rooms.show(snapshot, &event, &viewer, how)?);
        }
        Ok(json!({ "state": state }))
    })
    .await
}

async fn extremities(call: Call) -> ApiResult<Value> {
    read(&call, |rooms, snapshot, room| {
        let mut results = Vec::new();
        for row in tables::EXTREMITY.scan(snapshot, (room,))? {
            let ((_, event), ()) = row?;
            let event = rooms.known_event(snapshot, event)?;
            results.push(json!({
                "event_id": event.id(),
                "depth": event.pdu.depth(),
                "received_ts": event.pdu.origin_server_ts(),
                "state_group": null,
            }));
        }
        Ok(json!({ "count": results.len(), "results": results }))
    })
    .await
}

/// Reads something about the room that the path names first.
pub(super) async fn read<T: Send + 'static>(
    call: &Call,
    read: impl FnOnce(&Rooms, &Snapshot<'_>, RoomNid) -> ApiResult<T> + Send + 'static,
) -> ApiResult<T> {
    let room_id = call.room_id(0)?;
    call.server
        .rooms
        .read(move |rooms, snapshot| {
            let room = rooms.find(&room_id)?;
            // A room that somebody was only invited to has a number and nothing else.
            if rooms.summary(snapshot, room)?.is_none() {
                return Err(ApiError::not_found("This server does not know the room."));
            }
            read(rooms, snapshot, room)
        })
        .await
}
