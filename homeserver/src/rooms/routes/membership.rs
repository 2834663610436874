//! [Room membership](https://spec.matrix.org/v1.19/client-server-api/#room-membership).

use std::time::Duration;

use axum::{Router, extract::State};
use ruma::{
    OwnedRoomId, OwnedServerName, RoomId, RoomOrAliasId, UserId,
    api::{
        client::{
            knock::knock_room,
            membership::{
                ThirdPartySigned, ban_user, forget_room, invite_user, join_room_by_id,
                join_room_by_id_or_alias, joined_rooms, kick_user, leave_room, unban_user,
            },
        },
        error::ErrorKind,
    },
    serde::JsonObject,
};

use super::{
    amended::{Amended, MayBeEmpty},
    upgrade,
};
use crate::{
    ApiError, ApiResult, Server,
    federation::{
        self,
        membership::{
            invite::Invitation,
            join::Entry,
            third_party::{self, Claim},
        },
    },
    http::{Also, RouterExt, Ruma},
    ids::RoomNid,
    rooms::{
        membership::{MembershipChange, Step},
        restricted,
        rows::Membership,
    },
    users::Session,
};

pub(super) fn router() -> Router<Server> {
    Router::new()
        .ruma_route(ban)
        .ruma_route(forget)
        .ruma_route(invite)
        .ruma_route(join)
        .ruma_route(join_by_id_or_alias)
        .ruma_route(joined_rooms)
        .ruma_route(kick)
        .ruma_route(knock)
        .ruma_route(leave)
        .ruma_route(unban)
}

/// What somebody who changes their membership says about it.
#[derive(Clone, Default)]
struct Said {
    reason: Option<String>,
    /// What their client adds to the event.
    more: JsonObject,
}

impl From<Option<String>> for Said {
    fn from(reason: Option<String>) -> Self {
        let more = JsonObject::new();
        Self { reason, more }
    }
}

/// Changes the membership of the user who asks.
async fn change_own(
    server: &Server,
    session: &Session,
    room: RoomNid,
    step: Step,
    said: Said,
) -> ApiResult<()> {
    let mut change = MembershipChange::own(&session.user_id, step, said.reason);
    change.more = said.more;
    server.rooms.change_membership(room, change).await
}

/// The room that a user names, and the servers that are said to be in it.
async fn resolve(
    server: &Server,
    name: &RoomOrAliasId,
    via: Vec<OwnedServerName>,
) -> ApiResult<(OwnedRoomId, Vec<OwnedServerName>)> {
    match OwnedRoomId::try_from(name.to_owned()) {
        Ok(room_id) => Ok((room_id, via)),
        Err(alias) if alias.server_name() == server.rooms.server_name() => {
            server.appservices.provide_alias(&alias).await?;
            Ok((server.rooms.resolve_alias(alias).await?, via))
        }
        Err(alias) => {
            let (room_id, known) = server.federation.find_alias(alias).await?;
            Ok((room_id, via.into_iter().chain(known).collect()))
        }
    }
}

/// Brings a user into a room or before its door: here if this server is in the room, or else through one that is.
async fn enter(
    server: &Server,
    session: &Session,
    (room_id, via): (&OwnedRoomId, Vec<OwnedServerName>),
    step: Step,
    said: Said,
) -> ApiResult<()> {
    let known = server.storage.interner().find_room(room_id)?;
    let resident = match known {
        Some(room) => server.rooms.is_resident(&server.storage.snapshot(), room)?,
        None => false,
    };
    let entry = Entry {
        room_id: room_id.clone(),
        user: session.user_id.clone(),
        via,
        reason: said.reason.clone(),
        more: said.more.clone(),
    };
    if let Some(room) = known.filter(|_| resident) {
        return match change_own(server, session, room, step, said).await {
            Err(error) if restricted::is_for_others(&error) => {
                let is_entitled = error.kind() == Some(&ErrorKind::UnableToGrantJoin);
                let pauses = if is_entitled { &PAUSES[..] } else { &[] };
                join_with_help(server, session, (room, entry), pauses).await
            }
            done => done,
        };
    }
    match step {
        Step::Knock => federation::membership::join::knock(server, entry).await,
        _ => federation::membership::join::join(server, entry).await,
    }
}

/// Pauses after which a restricted room is tried again for somebody who is in a room that lets them in: if they have just
/// entered it, other servers may not know that yet.
const PAUSES: [Duration; 3] = [
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
];

/// Enters a restricted room that this server is in, but nobody of it may let others in, through another server.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#restricted-rooms)
async fn join_with_help(
    server: &Server,
    session: &Session,
    (room, entry): (RoomNid, Entry),
    pauses: &[Duration],
) -> ApiResult<()> {
    let mut pauses = pauses.iter();
    loop {
        let Err(other) = federation::membership::join::join(server, entry.clone()).await else {
            return Ok(());
        };
        tracing::debug!(%other, "nobody lets a user into a restricted room");
        let Some(pause) = pauses.next() else {
            return Err(ApiError::forbidden(
                "To join this room you have to be in one of the rooms that it is open to, and somebody has to be there to let you in.",
            ));
        };
        tokio::time::sleep(*pause).await;
        let said = Said {
            reason: entry.reason.clone(),
            more: entry.more.clone(),
        };
        match change_own(server, session, room, Step::Join, said).await {
            Err(error) if restricted::is_for_others(&error) => {}
            done => return done,
        }
    }
}

/// Declines an invitation to a room that this server is not in, or takes back a knock.
async fn leave_from_outside(
    server: &Server,
    session: &Session,
    room_id: &OwnedRoomId,
    reason: Option<String>,
) -> ApiResult<()> {
    let room = server.rooms.find(room_id)?;
    let row = server.rooms.user_room(&session.user_id, room)?;
    match row.map(|row| row.membership) {
        // The last one has left: nobody elsewhere has to be told.
        Some(Membership::Invite | Membership::Knock) if server.rooms.is_empty(room)? => {
            change_own(server, session, room, Step::Leave, reason.into()).await
        }
        Some(Membership::Invite | Membership::Knock) => {
            federation::membership::leave::leave(server, room_id, &session.user_id, reason).await
        }
        Some(Membership::Leave) => Ok(()),
        Some(Membership::Ban) => Err(ApiError::forbidden("You are banned from this room.")),
        _ => Err(ApiError::forbidden("You are not in this room.")),
    }
}

/// Changes the membership of another user.
async fn change_other(
    server: &Server,
    session: &Session,
    (room_id, user): (&RoomId, &UserId),
    step: Step,
    reason: Option<String>,
) -> ApiResult<()> {
    let room = server.rooms.find(room_id)?;
    let change = MembershipChange::of(&session.user_id, user, step, reason);
    server.rooms.change_membership(room, change).await
}

/// Turns an invitation that was sent to the user's e-mail address or telephone number into one of the user.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#third-party-invites)
async fn redeem(
    server: &Server,
    session: &Session,
    room_id: &OwnedRoomId,
    signed: Option<ThirdPartySigned>,
) -> ApiResult<()> {
    let Some(signed) = signed else {
        return Ok(());
    };
    if signed.mxid != session.user_id {
        return Err(ApiError::forbidden(
            "third_party_signed is for another user.",
        ));
    }
    let claim = Claim {
        room_id: room_id.clone(),
        sender: signed.sender.clone(),
        user: signed.mxid.clone(),
        signed: serde_json::json!({
            "mxid": signed.mxid,
            "sender": signed.sender,
            "token": signed.token,
            "signatures": signed.signatures,
        }),
    };
    third_party::redeem(server, claim).await
}

/// Enters a room.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidjoin)
async fn join(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<join_room_by_id::v3::Request>,
) -> ApiResult<join_room_by_id::v3::Response> {
    let room_id = request.room_id;
    redeem(&server, &session, &room_id, request.third_party_signed).await?;
    let (via, said) = (Vec::new(), request.reason.into());
    enter(&server, &session, (&room_id, via), Step::Join, said).await?;
    upgrade::follow(&server, &session, &room_id, false).await;
    Ok(join_room_by_id::v3::Response::new(room_id))
}

/// Enters a room that is named by its id or an alias.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3joinroomidoralias)
async fn join_by_id_or_alias(
    State(server): State<Server>,
    session: Session,
    Also(Amended(request), more): Also<
        Amended<MayBeEmpty<join_room_by_id_or_alias::v3::Request>>,
        JsonObject,
    >,
) -> ApiResult<join_room_by_id_or_alias::v3::Response> {
    let (room_id, via) = resolve(&server, &request.room_id_or_alias, request.via).await?;
    redeem(&server, &session, &room_id, request.third_party_signed).await?;
    let reason = request.reason;
    let said = Said { reason, more };
    enter(&server, &session, (&room_id, via), Step::Join, said).await?;
    upgrade::follow(&server, &session, &room_id, false).await;
    Ok(join_room_by_id_or_alias::v3::Response::new(room_id))
}

/// Asks to be let into a room.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3knockroomidoralias)
async fn knock(
    State(server): State<Server>,
    session: Session,
    Ruma(Amended(request)): Ruma<Amended<MayBeEmpty<knock_room::v3::Request>>>,
) -> ApiResult<knock_room::v3::Response> {
    let (room_id, via) = resolve(&server, &request.room_id_or_alias, request.via).await?;
    enter(
        &server,
        &session,
        (&room_id, via),
        Step::Knock,
        request.reason.into(),
    )
    .await?;
    Ok(knock_room::v3::Response::new(room_id))
}

/// Leaves a room, or declines an invitation.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidleave)
async fn leave(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<leave_room::v3::Request>,
) -> ApiResult<leave_room::v3::Response> {
    let room = server.rooms.find(&request.room_id)?;
    if server.rooms.is_resident(&server.storage.snapshot(), room)? {
        change_own(&server, &session, room, Step::Leave, request.reason.into()).await?;
    } else {
        leave_from_outside(&server, &session, &request.room_id, request.reason).await?;
    }
    Ok(leave_room::v3::Response::new())
}

/// Hides a room that the user has left.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidforget)
async fn forget(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<forget_room::v3::Request>,
) -> ApiResult<forget_room::v3::Response> {
    let (user, room) = (&session.user_id, &request.room_id);
    server.rooms.forget(user, room).await?;
    Ok(forget_room::v3::Response::new())
}

/// The rooms the user is in.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3joined_rooms)
async fn joined_rooms(
    State(server): State<Server>,
    session: Session,
    Ruma(_): Ruma<joined_rooms::v3::Request>,
) -> ApiResult<joined_rooms::v3::Response> {
    let rooms = server.rooms.joined_rooms(session.user).await?;
    Ok(joined_rooms::v3::Response::new(rooms))
}

/// Invites a user.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidinvite)
async fn invite(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<invite_user::v3::Request>,
) -> ApiResult<invite_user::v3::Response> {
    use invite_user::v3::InvitationRecipient;
    let (user, reason) = match request.recipient {
        InvitationRecipient::UserId(invited) => (invited.user_id, invited.reason),
        InvitationRecipient::ThirdPartyId(invited) => {
            let (room, sender) = (
                server.rooms.find(&request.room_id)?,
                session.user_id.clone(),
            );
            match third_party::invite(&server, room, sender, &invited).await? {
                Some(user) => (user, None),
                None => return Ok(invite_user::v3::Response::new()),
            }
        }
        _ => {
            return Err(ApiError::missing_param(
                "user_id has to name whom to invite.",
            ));
        }
    };
    if user.server_name() != server.rooms.server_name() {
        let invitation = Invitation {
            room: server.rooms.find(&request.room_id)?,
            sender: session.user_id.clone(),
            user,
            is_direct: false,
            reason,
        };
        federation::membership::invite::invite(&server, invitation).await?;
        return Ok(invite_user::v3::Response::new());
    }
    server.appservices.provide_user(&user).await?;
    let target = (&*request.room_id, &*user);
    let step = Step::Invite { is_direct: false };
    change_other(&server, &session, target, step, reason).await?;
    Ok(invite_user::v3::Response::new())
}

/// Removes a user from a room.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidkick)
async fn kick(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<kick_user::v3::Request>,
) -> ApiResult<kick_user::v3::Response> {
    let target = (&*request.room_id, &*request.user_id);
    change_other(&server, &session, target, Step::Kick, request.reason).await?;
    Ok(kick_user::v3::Response::new())
}

/// Removes a user from a room for good.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidban)
async fn ban(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<ban_user::v3::Request>,
) -> ApiResult<ban_user::v3::Response> {
    let target = (&*request.room_id, &*request.user_id);
    change_other(&server, &session, target, Step::Ban, request.reason).await?;
    Ok(ban_user::v3::Response::new())
}

/// Lifts a ban.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidunban)
async fn unban(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<unban_user::v3::Request>,
) -> ApiResult<unban_user::v3::Response> {
    let target = (&*request.room_id, &*request.user_id);
    change_other(&server, &session, target, Step::Unban, request.reason).await?;
    Ok(unban_user::v3::Response::new())
}
