//! Refusals in words: what somebody lacks for what they wanted.
//!
//! The authorisation rules decide. When they refuse, this finds the sentence that helps the user, for the usual reasons.

use ruma::{
    UserId,
    events::{MessageLikeEventType, StateEventType, TimelineEventType},
};

use super::{rows::Membership, txn::Txn};
use crate::{
    error::{ApiError, ApiResult},
    events::{
        Pdu,
        power::{self, Action},
    },
};

/// Why the rules do not allow an event, if it is for one of the usual reasons.
pub(super) fn explain(txn: &Txn<'_>, pdu: &Pdu) -> ApiResult<Option<ApiError>> {
    let sender = pdu.sender();
    if *pdu.event_type() == TimelineEventType::RoomMember {
        return explain_membership(txn, pdu);
    }
    if txn.membership(sender)? != Some(Membership::Join) {
        return Ok(Some(not_joined()));
    }
    if *pdu.event_type() == TimelineEventType::RoomPowerLevels && names_creators(txn, pdu)? {
        return Ok(Some(ApiError::invalid_param(
            "Those who made this room have all power in it and cannot be named in \"users\".",
        )));
    }
    let kind = pdu.event_type().to_string();
    let action = match pdu.state_key() {
        Some(_) => Action::SendState(StateEventType::from(kind)),
        None => Action::SendMessage(MessageLikeEventType::from(kind)),
    };
    lacking(txn, sender, &action)
}

/// Whether power levels name users whose power is that of the room's creators.
fn names_creators(txn: &Txn<'_>, pdu: &Pdu) -> ApiResult<bool> {
    #[derive(serde::Deserialize)]
    struct Content {
        #[serde(default)]
        users: serde_json::Map<String, serde_json::Value>,
    }
    let Ok(content) = serde_json::from_str::<Content>(pdu.content().get()) else {
        return Ok(false);
    };
    let levels = txn.power_levels()?;
    let mut creators = levels.rules.privileged_creators.iter().flatten();
    Ok(creators.any(|creator| content.users.contains_key(creator.as_str())))
}

fn explain_membership(txn: &Txn<'_>, pdu: &Pdu) -> ApiResult<Option<ApiError>> {
    let sender = pdu.sender();
    let Some(target) = pdu
        .state_key()
        .and_then(|key| <&UserId>::try_from(key).ok())
    else {
        return Ok(Some(ApiError::bad_json(
            "The state key of m.room.member is a user id.",
        )));
    };
    if target == sender {
        return Ok(None);
    }
    if txn.membership(sender)? != Some(Membership::Join) {
        return Ok(Some(not_joined()));
    }
    let old = txn.membership(target)?;
    let action = match (super::project::membership_in(pdu), old) {
        (Some(Membership::Invite), _) => Action::Invite,
        (Some(Membership::Ban), _) => Action::Ban(target),
        (Some(Membership::Leave), Some(Membership::Ban)) => Action::Unban(target),
        (Some(Membership::Leave), _) => Action::Kick(target),
        _ => return Ok(None),
    };
    lacking(txn, sender, &action)
}

fn lacking(txn: &Txn<'_>, sender: &UserId, action: &Action<'_>) -> ApiResult<Option<ApiError>> {
    let verdict = power::check(&txn.power_levels()?, sender, action);
    Ok(verdict.err().map(ApiError::from))
}

/// The refusal of somebody who is not in the room.
pub(super) fn not_joined() -> ApiError {
    ApiError::forbidden("You are not in this room.")
}

impl Txn<'_> {
    /// Refuses somebody who is not in the room or has not the power for something.
    pub(super) fn require_power(&self, user: &UserId, action: &Action<'_>) -> ApiResult<()> {
        if self.membership(user)? != Some(Membership::Join) {
            return Err(not_joined());
        }
        Ok(power::check(&self.power_levels()?, user, action)?)
    }
}
