//! Sending redactions.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#redactions)

use ruma::{EventId, OwnedEventId, OwnedUserId, UserId, events::TimelineEventType};
use serde::Deserialize;
use serde_json::json;

use super::{Rooms, draft, send::Transaction, txn::Txn};
use crate::{
    error::{ApiError, ApiResult},
    events::{Draft, power::Action},
    ids::RoomNid,
};

/// A wish to remove an event's content.
pub struct Redaction {
    /// Who wishes it.
    pub sender: OwnedUserId,
    /// The event.
    pub target: OwnedEventId,
    /// Why.
    pub reason: Option<String>,
    /// Whether the sender is suspended, and may redact their own events only.
    pub is_suspended: bool,
}

impl Rooms {
    /// Redacts an event of a room, which takes being its sender or having the power to redact.
    pub async fn redact(
        &self,
        room: RoomNid,
        redaction: Redaction,
        transaction: impl Into<Option<Transaction>>,
    ) -> ApiResult<OwnedEventId> {
        let transaction = transaction.into();
        self.write_own(room, move |txn| {
            txn.once(transaction.clone(), |txn| {
                let draft = redaction.draft(txn)?;
                txn.append(&draft)
            })
        })
        .await
    }
}

impl Redaction {
    fn draft(&self, txn: &Txn<'_>) -> ApiResult<Draft> {
        if !is_own(txn, &self.sender, &self.target)? {
            if self.is_suspended {
                return Err(ApiError::suspended());
            }
            txn.require_power(&self.sender, &Action::RedactOther)?;
        }
        let content = match &self.reason {
            Some(reason) => json!({ "reason": reason }),
            None => json!({}),
        };
        let kind = TimelineEventType::RoomRedaction;
        let draft = draft::message(&self.sender, kind, &content, txn.rooms.clock().now())?;
        Ok(Draft {
            redacts: Some(self.target.clone()),
            ..draft
        })
    }
}

/// Checks an event that may be a redaction which somebody wrote themselves. The rules of the room leave it to each server
/// whether the event is redacted, and other servers believe this one where its domain is that of the event's sender.
pub(super) fn check(txn: &Txn<'_>, draft: &Draft) -> ApiResult {
    #[derive(Deserialize)]
    struct Content {
        redacts: OwnedEventId,
    }
    if draft.event_type != TimelineEventType::RoomRedaction {
        return Ok(());
    }
    let Ok(content) = serde_json::from_str::<Content>(draft.content.get()) else {
        return Ok(());
    };
    match is_own(txn, &draft.sender, &content.redacts)? {
        true => Ok(()),
        false => txn.require_power(&draft.sender, &Action::RedactOther),
    }
}

/// Whether somebody has sent the event themselves that they want to redact. Refuses what nobody can redact.
fn is_own(txn: &Txn<'_>, sender: &UserId, target: &EventId) -> ApiResult<bool> {
    let Some(target) = txn.rooms.event_by_id(txn.snapshot, target)? else {
        // Servers of other members may have events that never came here.
        return match txn.head.summary().remote {
            0 => Err(ApiError::not_found("There is no such event in this room.")),
            _ => Ok(false),
        };
    };
    if target.row.room != txn.room {
        return Err(ApiError::invalid_param("The event is in another room."));
    }
    check_kind(target.pdu.event_type())?;
    Ok(target.pdu.sender() == sender)
}

/// Refuses to redact what a room cannot do without. Before room version 11 a redacted create event loses the room's
/// version, so that nobody could enter it any more; a redacted server ACL would keep every server out.
fn check_kind(kind: &TimelineEventType) -> ApiResult {
    match kind {
        TimelineEventType::RoomCreate | TimelineEventType::RoomServerAcl => Err(
            ApiError::forbidden(format!("An event of type {kind} cannot be redacted.")),
        ),
        _ => Ok(()),
    }
}
