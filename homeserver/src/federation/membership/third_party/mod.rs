//! Inviting by e-mail address or telephone number: an identity server knows whose it is, or tells whoever turns out to
//! own it.
//! [spec](https://spec.matrix.org/v1.19/server-server-api/#third-party-invites)

mod identity;
mod proof;

use ruma::{
    OwnedRoomId, OwnedUserId,
    api::{client::membership::Invite3pid, federation::thirdparty::exchange_invite},
};
use serde_json::{Value, json, value::to_raw_value};

use self::identity::IdentityServer;
use super::{invite, join::ask};
use crate::{
    Server,
    error::{ApiError, ApiResult},
    federation::Limits,
    ids::RoomNid,
};

/// Somebody who shows that an invitation is theirs.
#[derive(Debug)]
pub struct Claim {
    /// Where to.
    pub room_id: OwnedRoomId,
    /// Who invited.
    pub sender: OwnedUserId,
    /// Who claims to be meant.
    pub user: OwnedUserId,
    /// What the identity server has signed: the user, and the token of the invitation.
    pub signed: Value,
}

/// Invites the owner of an address. Returns the user, who is yet to be invited, if the identity server knows them;
/// otherwise the invitation waits for whoever binds the address.
pub async fn invite(
    server: &Server,
    room: RoomNid,
    sender: OwnedUserId,
    invited: &Invite3pid,
) -> ApiResult<Option<OwnedUserId>> {
    let described = server
        .rooms
        .describe_for_third_party(room, sender.clone())
        .await?;
    let identity_server = IdentityServer::new(
        &server.outbound,
        &invited.id_server,
        &invited.id_access_token,
    )?;
    let medium = invited.medium.as_str();
    let address = match medium {
        "email" => invited.address.to_lowercase(),
        _ => invited.address.clone(),
    };
    if let Some(user) = identity_server.look_up(medium, &address).await? {
        return Ok(Some(user));
    }
    let mut body = described;
    for (name, value) in [
        ("medium", medium),
        ("address", &address),
        ("room_id", server.rooms.room_id(room)?.as_str()),
        ("sender", sender.as_str()),
    ] {
        body.insert(name.to_owned(), value.into());
    }
    let stored = identity_server.store_invite(body).await?;
    let keys = stored
        .public_keys
        .iter()
        .map(|key| match &key.key_validity_url {
            Some(url) => json!({ "public_key": key.public_key, "key_validity_url": url }),
            None => json!({ "public_key": key.public_key }),
        });
    // The first key is there a second time for clients and servers that know only one.
    let first = &stored.public_keys[0];
    let content = json!({
        "display_name": stored.display_name,
        "public_key": first.public_key,
        "key_validity_url": first.key_validity_url.as_deref().unwrap_or_default(),
        "public_keys": keys.collect::<Vec<_>>(),
    });
    server
        .rooms
        .invite_third_party(room, sender, stored.token, content)
        .await?;
    Ok(None)
}

/// Turns an invitation that waits into one of a user of this server: here if this server is in the room, or else by the
/// server of whoever invited.
pub async fn redeem(server: &Server, claim: Claim) -> ApiResult<()> {
    let known = server.storage.interner().find_room(&claim.room_id)?;
    let resident = match known {
        Some(room) => server.rooms.is_resident(&server.storage.snapshot(), room)?,
        None => false,
    };
    if let Some(room) = known.filter(|_| resident) {
        return issue(server, room, claim).await;
    }
    if claim.sender.server_name() == server.rooms.server_name() {
        return Err(ApiError::forbidden(
            "This server is not in the room any more.",
        ));
    }
    let content = json!({
        "membership": "invite",
        "third_party_invite": { "display_name": "", "signed": claim.signed },
    });
    let content = to_raw_value(&content).map_err(ApiError::internal)?;
    let name = claim.sender.server_name().to_owned();
    let request = exchange_invite::v1::Request::new(
        claim.room_id,
        claim.sender,
        claim.user,
        ruma::serde::Raw::from_json(content),
    );
    ask(server, &name, request, Limits::QUERY).await?;
    Ok(())
}

/// Checks a claim and invites the user who makes it, in a room that this server is in.
/// [spec](https://spec.matrix.org/v1.19/server-server-api/#put_matrixfederationv1exchange_third_party_inviteroomid)
pub async fn issue(server: &Server, room: RoomNid, claim: Claim) -> ApiResult<()> {
    let signed_for = claim.signed["mxid"].as_str();
    if signed_for != Some(claim.user.as_str()) {
        return Err(ApiError::forbidden("The signature is for another user."));
    }
    let token = claim.signed["token"].as_str().unwrap_or_default();
    let pending = server.rooms.pending_invite(room, token.to_owned()).await?;
    let pending = pending.filter(|pending| pending.sender == claim.sender);
    let Some(pending) = pending else {
        return Err(ApiError::forbidden(
            "No invitation with this token waits in the room.",
        ));
    };
    let Some(key) = proof::signing_key(&pending.content, &claim.signed) else {
        return Err(ApiError::forbidden(
            "The signature is not of a key that the invitation names.",
        ));
    };
    if !identity::is_valid(&server.outbound, &key).await? {
        return Err(ApiError::forbidden(
            "The key of the signature is not valid any more.",
        ));
    }
    let shown = pending.content["display_name"].as_str().unwrap_or_default();
    let third_party_invite = json!({ "display_name": shown, "signed": claim.signed });
    if claim.user.server_name() == server.rooms.server_name() {
        let (sender, user) = (claim.sender, claim.user);
        return server
            .rooms
            .redeem_invite(room, sender, user, third_party_invite)
            .await;
    }
    let content = json!({ "membership": "invite", "third_party_invite": third_party_invite });
    invite::send(server, room, (claim.sender, claim.user), content).await
}
