//! [Listing members](https://spec.matrix.org/v1.19/client-server-api/#getting-events-for-a-room).

use std::collections::BTreeMap;

use axum::{Router, extract::State};
use ruma::{
    OwnedMxcUri, OwnedUserId,
    api::client::membership::{get_member_events, joined_members},
};
use serde::Serialize;

use super::reader;
use crate::{
    ApiResult, Server,
    http::{Raw, RouterExt, Ruma, json},
    rooms::rows::Membership,
    sync::token::parse_timeline,
    users::Session,
};

pub(super) fn router() -> Router<Server> {
    Router::new().ruma_route(members).ruma_route(joined_members)
}

/// The member events of a room.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidmembers)
async fn members(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<get_member_events::v3::Request>,
) -> ApiResult<get_member_events::v3::Response> {
    let at = request
        .at
        .as_deref()
        .map(|token| parse_timeline(token, "at"));
    let at = at.transpose()?;
    let (with, without) = (request.membership, request.not_membership);
    // Of the two conditions one is enough, if both are given.
    let wanted = move |membership: Membership| {
        let word = membership.as_str();
        let is = with.as_ref().map(|with| with.as_str() == word);
        let is_not = without.as_ref().map(|without| without.as_str() != word);
        match (is, is_not) {
            (None, None) => true,
            (is, is_not) => is == Some(true) || is_not == Some(true),
        }
    };
    let members = server
        .rooms
        .look(reader(&session), &request.room_id, move |look| {
            look.show_all(&look.members(at, wanted)?)
        });
    Ok(get_member_events::v3::Response::new(members.await?))
}

/// Who is in a room.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidjoined_members)
async fn joined_members(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<joined_members::v3::Request>,
) -> ApiResult<Raw> {
    let members = server
        .rooms
        .look(reader(&session), &request.room_id, |look| {
            look.joined_members()
        });
    let members = members.await?.into_iter().map(|(user, profile)| {
        let member = JoinedMember {
            display_name: profile.display_name,
            avatar_url: profile.avatar_url,
        };
        (user, member)
    });
    let joined: BTreeMap<_, _> = members.collect();
    json(&JoinedMembers { joined }).map(Raw)
}

#[derive(Serialize)]
struct JoinedMembers {
    joined: BTreeMap<OwnedUserId, JoinedMember>,
}

/// Somebody in a room. What they do not have is null here: matrix-nio takes no answer in which a name is missing.
#[derive(Serialize)]
struct JoinedMember {
    display_name: Option<String>,
    avatar_url: Option<OwnedMxcUri>,
}
