//! Memberships of this server's users in rooms of other servers: another server proposes the event, this one completes
//! and signs it, and the other one takes it into the room.
//! [spec](https://spec.matrix.org/v1.19/server-server-api/#joining-rooms)

pub mod invite;
pub mod join;
pub mod leave;
pub mod third_party;

use ruma::{
    OwnedEventId, OwnedRoomId, OwnedServerName, OwnedUserId, RoomId, RoomVersionId, UserId,
    api::{error::ErrorKind, federation::membership::RawStrippedState},
    events::TimelineEventType,
    room_version_rules::RoomVersionRules,
    serde::JsonObject,
};
use serde::Deserialize;
use serde_json::{
    Map, Value,
    value::{RawValue, to_raw_value},
};

use crate::{
    Server,
    error::{ApiError, ApiResult},
    events::{Draft, Pdu, RoomContext, build, client_format::StrippedState, versions},
    federation::RequestError,
    rooms::{membership::add, rows::Membership, servers, state_events::AUTHORISED_BY},
    users::profile_of,
};

/// Servers that are tried one after the other.
const MOST_SERVERS: usize = 8;

/// The event that another server proposes.
#[derive(Deserialize)]
struct Template {
    #[serde(default)]
    content: Map<String, Value>,
    #[serde(default)]
    prev_events: Vec<OwnedEventId>,
    #[serde(default)]
    auth_events: Vec<OwnedEventId>,
    #[serde(default)]
    depth: u64,
}

/// Whose membership is to become what.
struct Wish<'a> {
    room_id: &'a RoomId,
    user: &'a UserId,
    membership: Membership,
    reason: Option<&'a str>,
    more: &'a JsonObject,
}

/// Completes a proposed event in the name of a user of this server. Only what the proposal has to decide is taken from
/// it: where the event stands, and who lets the user in.
fn complete(
    server: &Server,
    template: &RawValue,
    rules: &RoomVersionRules,
    wish: &Wish<'_>,
) -> ApiResult<Pdu> {
    let template: Template = serde_json::from_str(template.get()).map_err(ApiError::internal)?;
    let mut content = Map::new();
    content.insert("membership".to_owned(), wish.membership.as_str().into());
    if let Some(member) = template.content.get(AUTHORISED_BY) {
        require_of_others(server, member)?;
        content.insert(AUTHORISED_BY.to_owned(), member.clone());
    }
    add(&mut content, wish.more);
    if let Some(reason) = wish.reason {
        content.insert("reason".to_owned(), reason.into());
    }
    if wish.membership != Membership::Leave
        && let Some(user) = server.storage.interner().find_user(wish.user)?
    {
        let profile = profile_of(&server.storage.snapshot(), user)?;
        if let Some(name) = profile.display_name() {
            content.insert("displayname".to_owned(), name.into());
        }
        if let Some(url) = profile.avatar_url() {
            content.insert("avatar_url".to_owned(), url.as_str().into());
        }
    }
    let draft = Draft {
        sender: wish.user.to_owned(),
        event_type: TimelineEventType::RoomMember,
        state_key: Some(wish.user.to_string()),
        content: to_raw_value(&content).map_err(ApiError::internal)?,
        redacts: None,
        origin_server_ts: server.clock.now(),
    };
    let context = RoomContext {
        rules,
        room_id: Some(wish.room_id),
        prev_events: &template.prev_events,
        auth_events: &template.auth_events,
        depth: template.depth,
    };
    Ok(build::build(&draft, context, server.rooms.signer())?)
}

/// Refuses a proposal in which a user of this server lets somebody in: another server does that in the name of its own.
/// [spec](https://spec.matrix.org/v1.19/server-server-api/#restricted-rooms)
fn require_of_others(server: &Server, member: &Value) -> ApiResult {
    let member = member
        .as_str()
        .and_then(|member| UserId::parse(member).ok());
    if member.is_some_and(|member| member.server_name() != server.rooms.server_name()) {
        return Ok(());
    }
    Err(ApiError::forbidden(
        "The other server does not let anybody in in the name of one of its users.",
    ))
}

fn raw(pdu: &Pdu) -> ApiResult<Box<RawValue>> {
    RawValue::from_string(pdu.json().to_owned()).map_err(ApiError::internal)
}

/// The rules of a version that this server knows.
fn rules_of(version: &RoomVersionId) -> ApiResult<&'static RoomVersionRules> {
    versions::rules(version).ok_or_else(|| {
        ApiError::bad_request(
            ErrorKind::UnsupportedRoomVersion,
            "This server does not take part in rooms of that version.",
        )
    })
}

/// The servers to ask about a room, in the order in which they are asked.
async fn candidates(
    server: &Server,
    room_id: &RoomId,
    user: &UserId,
    via: Vec<OwnedServerName>,
) -> ApiResult<Vec<OwnedServerName>> {
    let names_servers = !via.is_empty();
    let mut candidates = via;
    if let Some(room) = server.storage.interner().find_room(room_id)? {
        let user: OwnedUserId = user.to_owned();
        let named = candidates;
        let read = server.rooms.read(move |rooms, snapshot| {
            let mut all = named;
            if rooms.is_resident(snapshot, room)? {
                // Nobody but those who are in it can let anybody into a room that this server knows.
                let inside = servers::servers_in(snapshot, room)?;
                all.retain(|name| inside.contains(name));
                all.extend(inside);
                return Ok(all);
            }
            all.extend(rooms.inviters(snapshot, room, &user)?);
            // What is known of a room that this server has left is old: it is for those who name nobody.
            if !names_servers {
                all.extend(servers::servers_in(snapshot, room)?);
            }
            Ok(all)
        });
        candidates = read.await?;
    }
    // The server that made the room need not be in it any more: it is a guess for those who know no better.
    let maker = room_id.server_name().filter(|_| !names_servers);
    candidates.extend(maker.map(ToOwned::to_owned));
    let mut seen = std::collections::HashSet::new();
    candidates.retain(|name| server.federation.allows(name) && seen.insert(name.clone()));
    candidates.truncate(MOST_SERVERS);
    if candidates.is_empty() {
        return Err(ApiError::not_found(
            "This server is not in the room and knows no server that is: name one with the parameter via.",
        ));
    }
    Ok(candidates)
}

/// What a client is told when a server did not do what it was asked.
fn refused(error: RequestError) -> ApiError {
    let message = error.to_string();
    match error {
        RequestError::Refused { error, .. } => {
            let status = error.status_code;
            let kind = error.error_kind().cloned().unwrap_or(ErrorKind::Unknown);
            match status.as_u16() {
                400..=499 => ApiError::new(status, kind, message),
                _ => unreachable(message),
            }
        }
        _ => unreachable(message),
    }
}

fn unreachable(message: String) -> ApiError {
    ApiError::new(http::StatusCode::BAD_GATEWAY, ErrorKind::Unknown, message)
}

/// What another server tells of a room to somebody outside, as clients are shown it.
fn stripped(state: Vec<RawStrippedState>) -> Vec<String> {
    #[derive(Deserialize)]
    struct Stripped {
        #[serde(rename = "type")]
        kind: String,
        state_key: String,
        sender: OwnedUserId,
        content: Map<String, Value>,
        #[serde(default)]
        origin_server_ts: Value,
    }
    let shown = state.into_iter().filter_map(|event| {
        let json = match event {
            RawStrippedState::Pdu(json) => json,
            #[expect(deprecated, reason = "older servers send stripped events")]
            RawStrippedState::Stripped(event) => event.into_json(),
            _ => return None,
        };
        let event: Stripped = serde_json::from_str(json.get()).ok()?;
        let Stripped {
            kind,
            state_key,
            sender,
            content,
            origin_server_ts,
        } = event;
        let mut shown = serde_json::json!({ "type": kind, "state_key": state_key, "sender": sender, "content": content });
        if kind == "m.room.create" && origin_server_ts.is_u64() {
            shown["origin_server_ts"] = origin_server_ts;
        }
        Some(shown.to_string())
    });
    shown.take(MOST_STRIPPED).collect()
}

/// The same with the user's own invitation or knock, which comes last.
pub fn stripped_with(state: Vec<RawStrippedState>, own: &Pdu) -> Vec<String> {
    let mut shown = stripped(state);
    let own = StrippedState(own).to_raw::<Value>();
    shown.extend(own.map(|own| own.json().get().to_owned()));
    shown
}

/// State events that somebody outside is shown at most.
const MOST_STRIPPED: usize = 32;

/// The number of a room, whether or not this server has heard of it.
fn room_nid(server: &Server, room_id: &OwnedRoomId) -> ApiResult<crate::ids::RoomNid> {
    Ok(server.storage.interner().room(room_id)?)
}
