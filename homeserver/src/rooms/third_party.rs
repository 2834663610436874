//! Inviting people of whom only an e-mail address or a telephone number is known.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#third-party-invites)

use ruma::{OwnedUserId, UserId, events::TimelineEventType};
use serde_json::{Map, Value, json};

use super::{Rooms, draft, refusal, rows::Membership, txn::Txn};
use crate::{
    error::{ApiError, ApiResult},
    ids::RoomNid,
    users::profile_of,
};

/// The invitation of somebody whose Matrix id is not known yet, as it stands in the room.
pub struct PendingInvite {
    /// Who invites.
    pub sender: OwnedUserId,
    /// The content of the `m.room.third_party_invite` event.
    pub content: Value,
}

impl Rooms {
    /// Refuses somebody who may not invite; otherwise tells what an identity server writes to the invited of the room.
    /// [spec](https://spec.matrix.org/v1.19/identity-service-api/#post_matrixidentityv2store-invite)
    pub async fn describe_for_third_party(
        &self,
        room: RoomNid,
        sender: OwnedUserId,
    ) -> ApiResult<Map<String, Value>> {
        self.write(room, move |txn| {
            require_joined(txn, &sender)?;
            // Whether the invitation itself would be allowed does not depend on what it says.
            let invite = pending(txn, &sender, "token", &json!({}))?;
            let pdu = txn.build(&invite)?;
            txn.authorize(&pdu)?;
            description(txn, &sender)
        })
        .await
    }

    /// Invites whoever can show the signature of a token.
    pub async fn invite_third_party(
        &self,
        room: RoomNid,
        sender: OwnedUserId,
        token: String,
        content: Value,
    ) -> ApiResult<()> {
        self.write_own(room, move |txn| {
            require_joined(txn, &sender)?;
            let invite = pending(txn, &sender, &token, &content)?;
            txn.append(&invite)?;
            Ok(())
        })
        .await
    }

    /// The invitation that has this token, if nobody has taken it back.
    pub async fn pending_invite(
        &self,
        room: RoomNid,
        token: String,
    ) -> ApiResult<Option<PendingInvite>> {
        self.read(move |rooms, snapshot| {
            let kind = "m.room.third_party_invite";
            let Some(event) = rooms.state_event(snapshot, room, kind, &token)? else {
                return Ok(None);
            };
            let content = event.pdu.content_as().map_err(ApiError::internal)?;
            let sender = event.pdu.sender().to_owned();
            Ok(Some(PendingInvite { sender, content }))
        })
        .await
    }

    /// Invites a user of this server who has shown that an invitation is for them. Its sender may be of another server,
    /// which need not sign the event: the identity server's signature is what counts.
    pub async fn redeem_invite(
        &self,
        room: RoomNid,
        sender: OwnedUserId,
        user: OwnedUserId,
        third_party_invite: Value,
    ) -> ApiResult<()> {
        self.write_own(room, move |txn| {
            if txn.membership(&user)? == Some(Membership::Join) {
                return Ok(());
            }
            let here = txn.rooms.server_name().to_owned();
            txn.relayed_from = (sender.server_name() != here).then_some(here);
            let mut content = txn.member_content(&user, "invite")?;
            content["third_party_invite"] = third_party_invite.clone();
            let kind = TimelineEventType::RoomMember;
            txn.set_state(&sender, kind, user.as_str(), &content)?;
            Ok(())
        })
        .await
    }
}

fn require_joined(txn: &Txn<'_>, sender: &UserId) -> ApiResult<()> {
    match txn.membership(sender)? {
        Some(Membership::Join) => Ok(()),
        _ => Err(refusal::not_joined()),
    }
}

fn pending(
    txn: &Txn<'_>,
    sender: &UserId,
    token: &str,
    content: &Value,
) -> ApiResult<crate::events::Draft> {
    let kind = TimelineEventType::RoomThirdPartyInvite;
    draft::state(sender, kind, token, content, txn.rooms.clock().now())
}

fn description(txn: &Txn<'_>, sender: &UserId) -> ApiResult<Map<String, Value>> {
    const TOLD: [(&str, &str, &str); 5] = [
        ("room_alias", "m.room.canonical_alias", "alias"),
        ("room_avatar_url", "m.room.avatar", "url"),
        ("room_join_rules", "m.room.join_rules", "join_rule"),
        ("room_name", "m.room.name", "name"),
        ("room_type", "m.room.create", "type"),
    ];
    let mut told = Map::new();
    for (name, kind, field) in TOLD {
        let Some(event) = txn.state(kind, "")? else {
            continue;
        };
        let content: Value = event.pdu.content_as().map_err(ApiError::internal)?;
        if let Some(text) = content[field].as_str() {
            told.insert(name.to_owned(), text.into());
        }
    }
    if let Some(user) = txn.rooms.storage().interner().find_user(sender)? {
        let profile = profile_of(txn.snapshot, user)?;
        let url = profile.avatar_url().map(ToString::to_string);
        let shown = [
            (
                "sender_display_name",
                profile.display_name().map(str::to_owned),
            ),
            ("sender_avatar_url", url),
        ];
        for (name, text) in shown {
            told.extend(text.map(|text| (name.to_owned(), text.into())));
        }
    }
    Ok(told)
}
