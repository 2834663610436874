//! Sending redactions.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#redactions)

use ruma::{OwnedEventId, OwnedUserId, events::TimelineEventType};
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
        let target = txn.rooms.event_by_id(txn.snapshot, &self.target)?;
        if target
            .as_ref()
            .is_some_and(|target| target.row.room != txn.room)
        {
            return Err(ApiError::invalid_param("The event is in another room."));
        }
        // Servers of other members may have events that never came here.
        if target.is_none() && txn.head.summary().remote == 0 {
            return Err(ApiError::not_found("There is no such event in this room."));
        }
        if let Some(target) = &target {
            check_kind(target.pdu.event_type())?;
        }
        if target.is_none_or(|target| target.pdu.sender() != self.sender) {
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

/// Checks an event that may be a redaction which somebody wrote themselves.
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
    match txn.rooms.event_by_id(txn.snapshot, &content.redacts)? {
        Some(target) if target.row.room == txn.room => check_kind(target.pdu.event_type()),
        _ => Ok(()),
    }
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
