//! Joining and knocking at rooms through other servers.
//! [spec](https://spec.matrix.org/v1.19/server-server-api/#joining-rooms)

use futures::{FutureExt, future::BoxFuture};
use ruma::{
    OwnedRoomId, OwnedServerName, OwnedUserId, ServerName,
    api::federation::membership::{
        create_join_event, create_knock_event, prepare_join_event, prepare_knock_event,
    },
    room_version_rules::RoomVersionRules,
    serde::JsonObject,
};
use serde_json::value::RawValue;

use super::{Wish, candidates, complete, raw, refused, room_nid, rules_of, stripped_with};
use crate::{
    Server,
    error::{ApiError, ApiResult},
    events::{Pdu, versions::OFFERED},
    federation::{Limits, RequestError, inbound::verify},
    rooms::{outside::Outside, receive::JoinedRoom, rows::Membership},
};

/// A user of this server who wants to enter a room.
#[derive(Clone)]
pub struct Entry {
    /// The room.
    pub room_id: OwnedRoomId,
    /// The user.
    pub user: OwnedUserId,
    /// Servers that are said to be in the room.
    pub via: Vec<OwnedServerName>,
    /// Why, in the user's words.
    pub reason: Option<String>,
    /// What the user's client adds to the event.
    pub more: JsonObject,
}

/// Joins a room through the first server that lets the user in.
pub async fn join(server: &Server, entry: Entry) -> ApiResult<()> {
    server
        .rooms
        .check_entrance(&entry.room_id, &entry.user)
        .await?;
    let names = candidates(server, &entry.room_id, &entry.user, entry.via.clone()).await?;
    through(names, |name| join_through(server, &entry, name).boxed()).await
}

/// Knocks at a room through the first server that takes the knock.
pub async fn knock(server: &Server, entry: Entry) -> ApiResult<()> {
    server
        .rooms
        .check_entrance(&entry.room_id, &entry.user)
        .await?;
    let names = candidates(server, &entry.room_id, &entry.user, entry.via.clone()).await?;
    through(names, |name| knock_through(server, &entry, name).boxed()).await
}

/// Tries servers one after the other. The first refusal counts more than others, and than not being reached.
pub(super) async fn through<'a, T>(
    names: Vec<OwnedServerName>,
    attempt: impl Fn(OwnedServerName) -> BoxFuture<'a, ApiResult<T>>,
) -> ApiResult<T> {
    let mut worst: Option<ApiError> = None;
    for name in names {
        match attempt(name.clone()).await {
            Ok(done) => return Ok(done),
            Err(error) => {
                tracing::info!(%error, server = %name, "a server did not help with a membership");
                let is_refusal = |error: &ApiError| error.status().is_client_error();
                let is_worse = worst.as_ref().is_none_or(|worst| !is_refusal(worst));
                if is_worse && (worst.is_none() || is_refusal(&error)) {
                    worst = Some(error);
                }
            }
        }
    }
    Err(worst.unwrap_or_else(|| ApiError::not_found("No server in the room is known.")))
}

async fn join_through(server: &Server, entry: &Entry, name: OwnedServerName) -> ApiResult<()> {
    let name = &*name;
    let Entry { room_id, user, .. } = entry;
    let mut request = prepare_join_event::v1::Request::new(room_id.clone(), user.clone());
    request.ver = OFFERED.to_vec();
    let proposed = ask(server, name, request, Limits::QUERY).await?;
    // A server that does not say speaks of the first version, which is not known here.
    let version = proposed.room_version.unwrap_or(ruma::RoomVersionId::V1);
    let rules = rules_of(&version)?;
    let wish = Wish {
        room_id,
        user,
        membership: Membership::Join,
        reason: entry.reason.as_deref(),
        more: &entry.more,
    };
    let join = complete(server, &proposed.event, rules, &wish)?;
    let request =
        create_join_event::v2::Request::new(room_id.clone(), join.event_id().clone(), raw(&join)?);
    let answer = ask(server, name, request, Limits::ROOM).await?.room_state;
    let texts = |events: Vec<Box<RawValue>>| {
        events
            .iter()
            .map(|event| event.get().to_owned())
            .collect::<Vec<_>>()
    };
    let state = verify::verified(server, rules, texts(answer.state)).await?;
    let auth_chain = verify::verified(server, rules, texts(answer.auth_chain)).await?;
    let join = taken_in(server, rules, join, answer.event).await?;
    if !state
        .iter()
        .any(|pdu| pdu.event_type().to_string() == "m.room.create")
    {
        return Err(ApiError::forbidden(format!(
            "{name} does not tell how the room began."
        )));
    }
    let elsewhere = state
        .iter()
        .chain(&auth_chain)
        .any(|pdu| *pdu.room_id() != **room_id);
    if elsewhere {
        return Err(ApiError::forbidden(format!(
            "{name} tells of another room."
        )));
    }
    let joined = JoinedRoom {
        join,
        state,
        auth_chain,
    };
    let room = room_nid(server, room_id)?;
    server
        .rooms
        .enter(room, rules, version.to_string(), joined)
        .await
}

/// A join with the signatures that it needs. Where somebody of the other server lets the user in, that server has to
/// have signed it, too.
async fn taken_in(
    server: &Server,
    rules: &'static RoomVersionRules,
    join: Pdu,
    answered: Option<Box<RawValue>>,
) -> ApiResult<Pdu> {
    if let Some(event) = answered {
        let signed = verify::verified_one(server, rules, event.get().to_owned()).await?;
        if signed.event_id() == join.event_id() {
            return Ok(signed);
        }
    }
    verify::verified_one(server, rules, join.json().to_owned()).await
}

async fn knock_through(server: &Server, entry: &Entry, name: OwnedServerName) -> ApiResult<()> {
    let name = &*name;
    let Entry { room_id, user, .. } = entry;
    let mut request = prepare_knock_event::v1::Request::new(room_id.clone(), user.clone());
    request.ver = OFFERED.to_vec();
    let proposed = ask(server, name, request, Limits::QUERY).await?;
    let rules = rules_of(&proposed.room_version)?;
    let wish = Wish {
        room_id,
        user,
        membership: Membership::Knock,
        reason: entry.reason.as_deref(),
        more: &entry.more,
    };
    let knock = complete(server, &proposed.event, rules, &wish)?;
    let request = create_knock_event::v1::Request::new(
        room_id.clone(),
        knock.event_id().clone(),
        raw(&knock)?,
    );
    let answer = ask(server, name, request, Limits::QUERY).await?;
    let outside = Outside {
        user: user.clone(),
        membership: Membership::Knock,
        stripped_state: stripped_with(answer.knock_room_state, &knock),
        event: Some(knock),
    };
    server
        .rooms
        .note_outside(room_nid(server, room_id)?, outside)
        .await
}

/// Asks, and turns a failure into what the client is told.
pub(super) async fn ask<R>(
    server: &Server,
    name: &ServerName,
    request: R,
    limits: Limits,
) -> ApiResult<R::IncomingResponse>
where
    R: ruma::api::OutgoingRequest<
            Authentication = ruma::api::federation::authentication::ServerSignatures,
            PathBuilder = ruma::api::path_builder::SinglePath,
        >,
{
    // A user waits for it: a server that was away may be back.
    let answer: Result<_, RequestError> = server
        .federation
        .request(name, request, limits.anyway())
        .await;
    answer.map_err(refused)
}
