//! Events that are about to be sent.

use ruma::{MilliSecondsSinceUnixEpoch, UserId, events::TimelineEventType};
use serde::Serialize;
use serde_json::value::to_raw_value;

use crate::{
    error::{ApiError, ApiResult},
    events::Draft,
};

/// A state event.
pub fn state(
    sender: &UserId,
    event_type: TimelineEventType,
    state_key: &str,
    content: &impl Serialize,
    now: MilliSecondsSinceUnixEpoch,
) -> ApiResult<Draft> {
    Ok(Draft {
        state_key: Some(state_key.to_owned()),
        ..message(sender, event_type, content, now)?
    })
}

/// An event that is no state.
pub fn message(
    sender: &UserId,
    event_type: TimelineEventType,
    content: &impl Serialize,
    now: MilliSecondsSinceUnixEpoch,
) -> ApiResult<Draft> {
    Ok(Draft {
        sender: sender.to_owned(),
        event_type,
        state_key: None,
        content: to_raw_value(content).map_err(ApiError::internal)?,
        redacts: None,
        origin_server_ts: now,
    })
}
