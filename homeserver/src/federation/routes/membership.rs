//! [Joining](https://spec.matrix.org/v1.19/server-server-api/#joining-rooms), leaving, knocking and inviting.

use axum::{Router, extract::State};
use ruma::{
    EventId, OwnedEventId, OwnedUserId, RoomId, RoomVersionId, ServerName, UserId,
    api::federation::membership::{
        RawStrippedState, create_invite, create_join_event, create_knock_event, create_leave_event,
        prepare_join_event, prepare_knock_event, prepare_leave_event,
    },
};
use serde_json::value::{RawValue, to_raw_value};

use super::{membership_v1, shown};
use crate::{
    ApiError, ApiResult, Server,
    events::{
        Pdu,
        verify::{Unverified, VerifyError},
        versions,
    },
    federation::{
        inbound::{acl, verify},
        policy,
    },
    http::{RouterExt, Signed},
    ids::RoomNid,
    rooms::{
        admit::{Admitted, incompatible_version},
        membership::Step,
        outside::{self, Outside},
        rows::Membership,
    },
};

pub(super) fn router() -> Router<Server> {
    Router::new()
        .ruma_route(make_join)
        .ruma_route(send_join)
        .ruma_route(make_leave)
        .ruma_route(send_leave)
        .ruma_route(make_knock)
        .ruma_route(send_knock)
        .ruma_route(invite)
        .ruma_route(membership_v1::invite)
        .ruma_route_at(
            "/_matrix/federation/v1/send_join/{room_id}/{event_id}",
            membership_v1::send_join,
        )
        .ruma_route_at(
            "/_matrix/federation/v1/send_leave/{room_id}/{event_id}",
            membership_v1::send_leave,
        )
}

/// A room that a server may ask about.
pub(super) async fn room_for(
    server: &Server,
    room_id: &RoomId,
    origin: &ServerName,
) -> ApiResult<RoomNid> {
    let room = server.rooms.find(room_id)?;
    acl::require(server, room, origin).await?;
    Ok(room)
}

pub(super) fn require_of(user: &UserId, origin: &ServerName) -> ApiResult<()> {
    if user.server_name() == origin {
        return Ok(());
    }
    Err(ApiError::forbidden("The user is not of your server."))
}

async fn propose(
    server: &Server,
    (room_id, user, origin): (&RoomId, OwnedUserId, &ServerName),
    step: Step,
    versions: Option<&[RoomVersionId]>,
) -> ApiResult<(RoomVersionId, Box<RawValue>)> {
    require_of(&user, origin)?;
    let room = room_for(server, room_id, origin).await?;
    if let Some(versions) = versions {
        let version = server.rooms.version(room).await?;
        if !versions.contains(&version) {
            return Err(incompatible_version(&version));
        }
    }
    let (version, event) = server.rooms.propose(room, user, step).await?;
    Ok((version, to_raw_value(&event).map_err(ApiError::internal)?))
}

/// Proposes the event with which a user would join.
/// [spec](https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1make_joinroomiduserid)
async fn make_join(
    State(server): State<Server>,
    Signed { origin, request }: Signed<prepare_join_event::v1::Request>,
) -> ApiResult<prepare_join_event::v1::Response> {
    let who = (&*request.room_id, request.user_id, &*origin);
    let (version, event) = propose(&server, who, Step::Join, Some(&request.ver)).await?;
    let mut response = prepare_join_event::v1::Response::new(event);
    response.room_version = Some(version);
    Ok(response)
}

/// Proposes the event with which a user would leave.
/// [spec](https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1make_leaveroomiduserid)
async fn make_leave(
    State(server): State<Server>,
    Signed { origin, request }: Signed<prepare_leave_event::v1::Request>,
) -> ApiResult<prepare_leave_event::v1::Response> {
    let who = (&*request.room_id, request.user_id, &*origin);
    let (version, event) = propose(&server, who, Step::Leave, None).await?;
    Ok(prepare_leave_event::v1::Response::new(Some(version), event))
}

/// Proposes the event with which a user would knock.
/// [spec](https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1make_knockroomiduserid)
async fn make_knock(
    State(server): State<Server>,
    Signed { origin, request }: Signed<prepare_knock_event::v1::Request>,
) -> ApiResult<prepare_knock_event::v1::Response> {
    let who = (&*request.room_id, request.user_id, &*origin);
    let (version, event) = propose(&server, who, Step::Knock, Some(&request.ver)).await?;
    Ok(prepare_knock_event::v1::Response::new(version, event))
}

/// An event of a user of another server, about that user.
struct Sent<'a> {
    room_id: &'a RoomId,
    event_id: &'a OwnedEventId,
    pdu: &'a RawValue,
    membership: Membership,
}

/// Checks an event that this server proposed and takes it into its room.
async fn admit(
    server: &Server,
    origin: &ServerName,
    sent: Sent<'_>,
) -> ApiResult<(Pdu, RoomNid, Admitted)> {
    let room = room_for(server, sent.room_id, origin).await?;
    let version = server.rooms.version(room).await?;
    let rules = versions::rules(&version).ok_or_else(|| incompatible_version(&version))?;
    let event = Unverified::parse(sent.pdu.get(), rules).map_err(malformed)?;
    // Nothing is signed, nor shown to anybody, before it is known to be what the origin may send.
    let claimed = event.claimed().map_err(malformed)?;
    require_named(&claimed, sent.event_id, sent.room_id)?;
    require_of(claimed.sender(), origin)?;
    outside::require_member_event(&claimed, Some(claimed.sender()), sent.membership)?;
    let json = match sent.membership {
        Membership::Join => countersigned(server, room, event, claimed).await?,
        _ => sent.pdu.get().to_owned(),
    };
    let pdu = verify::verified_one(server, rules, json).await?;
    let mut asked = policy::ask_about(server, room, vec![pdu.clone()]).await?;
    let pdu = asked.pop().unwrap_or(pdu);
    let tells_state = sent.membership == Membership::Join;
    let admitted = server.rooms.admit(room, pdu.clone(), tells_state).await?;
    Ok((pdu, room, admitted))
}

/// A join with this server's signature where it names a member of it as the one who lets the user in, and they may.
/// [spec](https://spec.matrix.org/v1.19/server-server-api/#restricted-rooms)
async fn countersigned(
    server: &Server,
    room: RoomNid,
    mut join: Unverified<'_>,
    claimed: Pdu,
) -> ApiResult<String> {
    let own = server.rooms.server_name();
    let is_ours = join
        .signing_servers()
        .map_err(malformed)?
        .any(|name| name == own);
    if is_ours {
        server.rooms.check_entry(room, claimed).await?;
        join.sign(server.rooms.signer()).map_err(malformed)?;
    }
    join.to_json().map_err(malformed)
}

fn malformed(error: VerifyError) -> ApiError {
    ApiError::bad_json("The event is malformed.").because(anyhow::Error::new(error))
}

fn require_named(pdu: &Pdu, event_id: &EventId, room_id: &RoomId) -> ApiResult {
    if pdu.event_id() == event_id && pdu.room_id() == room_id {
        return Ok(());
    }
    Err(ApiError::invalid_param(
        "The event is not the one that the path names.",
    ))
}

fn raws(events: Vec<String>) -> ApiResult<Vec<Box<RawValue>>> {
    let raws = events.into_iter().map(RawValue::from_string);
    raws.collect::<Result<_, _>>().map_err(ApiError::internal)
}

/// Takes in a join.
/// [spec](https://spec.matrix.org/v1.19/server-server-api/#put_matrixfederationv2send_joinroomideventid)
pub(super) async fn send_join(
    State(server): State<Server>,
    Signed { origin, request }: Signed<create_join_event::v2::Request>,
) -> ApiResult<create_join_event::v2::Response> {
    let sent = Sent {
        room_id: &request.room_id,
        event_id: &request.event_id,
        pdu: &request.pdu,
        membership: Membership::Join,
    };
    let (pdu, _, admitted) = admit(&server, &origin, sent).await?;
    let mut state = create_join_event::v2::RoomState::new();
    state.state = raws(admitted.state)?;
    state.auth_chain = raws(admitted.auth_chain)?;
    state.event = raws(vec![pdu.json().to_owned()])?.pop();
    state.servers_in_room = Some(admitted.servers);
    Ok(create_join_event::v2::Response::new(state))
}

/// Takes in that somebody leaves.
/// [spec](https://spec.matrix.org/v1.19/server-server-api/#put_matrixfederationv2send_leaveroomideventid)
pub(super) async fn send_leave(
    State(server): State<Server>,
    Signed { origin, request }: Signed<create_leave_event::v2::Request>,
) -> ApiResult<create_leave_event::v2::Response> {
    let sent = Sent {
        room_id: &request.room_id,
        event_id: &request.event_id,
        pdu: &request.pdu,
        membership: Membership::Leave,
    };
    admit(&server, &origin, sent).await?;
    Ok(create_leave_event::v2::Response::new())
}

/// Takes in a knock.
/// [spec](https://spec.matrix.org/v1.19/server-server-api/#put_matrixfederationv1send_knockroomideventid)
async fn send_knock(
    State(server): State<Server>,
    Signed { origin, request }: Signed<create_knock_event::v1::Request>,
) -> ApiResult<create_knock_event::v1::Response> {
    let sent = Sent {
        room_id: &request.room_id,
        event_id: &request.event_id,
        pdu: &request.pdu,
        membership: Membership::Knock,
    };
    let (_, room, _) = admit(&server, &origin, sent).await?;
    let shown = crate::federation::membership::invite::shown_state(&server, room, None).await?;
    Ok(create_knock_event::v1::Response::new(shown))
}

/// Signs the invitation of a user of this server.
/// [spec](https://spec.matrix.org/v1.19/server-server-api/#put_matrixfederationv2inviteroomideventid)
async fn invite(
    State(server): State<Server>,
    Signed { origin, request }: Signed<create_invite::v2::Request>,
) -> ApiResult<create_invite::v2::Response> {
    let rules = versions::rules(&request.room_version)
        .ok_or_else(|| incompatible_version(&request.room_version))?;
    let pdu = verify::verified_one(&server, rules, request.event.get().to_owned()).await?;
    require_named(&pdu, &request.event_id, &request.room_id)?;
    require_of(pdu.sender(), &origin)?;
    outside::require_member_event(&pdu, None, Membership::Invite)?;
    let invited = pdu.state_key().and_then(|key| UserId::parse(key).ok());
    let invited = invited.filter(|user| user.server_name() == server.rooms.server_name());
    let Some(invited) = invited else {
        return Err(ApiError::invalid_param(
            "The invited user is not of this server.",
        ));
    };
    if server.users.account(&invited).await?.is_none() {
        return Err(ApiError::forbidden(
            "This server does not know the invited user.",
        ));
    }
    let room = server.storage.interner().room(&request.room_id)?;
    acl::require(&server, room, &origin).await?;
    server.rooms.check_invitation(&pdu).await?;
    let mut event = Unverified::parse(request.event.get(), rules).map_err(malformed)?;
    event.sign(server.rooms.signer()).map_err(malformed)?;
    let signed = event.to_json().map_err(malformed)?;
    let shown: Vec<RawStrippedState> = request.invite_room_state;
    if rules.authorization.room_create_event_id_as_room_id {
        shown::check(&server, rules, &request.room_id, &shown).await?;
    }
    let outside = Outside {
        user: invited,
        membership: Membership::Invite,
        stripped_state: crate::federation::membership::stripped_with(shown, &pdu),
        event: Some(pdu),
    };
    server.rooms.note_outside(room, outside).await?;
    let signed = RawValue::from_string(signed).map_err(ApiError::internal)?;
    Ok(create_invite::v2::Response::new(signed))
}
