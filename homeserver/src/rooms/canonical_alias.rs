//! The names a room shows as its own.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#mroomcanonical_alias)

use ruma::{RoomAliasId, UserId, api::error::ErrorKind, events::TimelineEventType};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{event::RoomEvent, txn::Txn};
use crate::{
    error::{ApiError, ApiResult},
    events::power::{self, Action},
    storage::tables,
};

/// The content of `m.room.canonical_alias`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
struct Content {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    alias: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    alt_aliases: Vec<String>,
}

impl Content {
    fn of(event: Option<&RoomEvent>) -> Self {
        event
            .and_then(|event| event.pdu.content_as().ok())
            .unwrap_or_default()
    }

    fn aliases(&self) -> impl Iterator<Item = &String> {
        self.alias
            .iter()
            .filter(|alias| !alias.is_empty())
            .chain(&self.alt_aliases)
    }
}

/// Refuses names that are new to the event and do not lead to the room.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3roomsroomidstateeventtypestatekey)
pub(super) fn check(
    txn: &Txn<'_>,
    current: Option<&RoomEvent>,
    content: &RawValue,
) -> ApiResult<()> {
    let wanted: Content = serde_json::from_str(content.get()).map_err(|_| {
        ApiError::invalid_param(
            "In m.room.canonical_alias, alias is a string and alt_aliases a list of strings.",
        )
    })?;
    let present = Content::of(current);
    for alias in wanted.aliases() {
        if present.aliases().any(|known| known == alias) {
            continue;
        }
        if <&RoomAliasId>::try_from(alias.as_str()).is_err() {
            return Err(ApiError::invalid_param(format!(
                "{alias:?} is not a room alias."
            )));
        }
        let room = tables::ALIAS.get(txn.snapshot, alias.as_str())?;
        if room.is_none_or(|(room, _)| room != txn.room) {
            return Err(ApiError::bad_request(
                ErrorKind::BadAlias,
                format!("The alias {alias} does not lead to this room."),
            ));
        }
    }
    Ok(())
}

/// Takes a name out of the event, if it is there and the user may do so.
pub(super) fn remove(txn: &mut Txn<'_>, user: &UserId, alias: &str) -> ApiResult<()> {
    let current = txn.state("m.room.canonical_alias", "")?;
    let mut content = Content::of(current.as_deref());
    if !content.aliases().any(|known| known == alias) || !may_send(txn, user)? {
        return Ok(());
    }
    content.alias = content.alias.filter(|known| known != alias);
    content.alt_aliases.retain(|known| known != alias);
    txn.set_state(user, TimelineEventType::RoomCanonicalAlias, "", &content)?;
    Ok(())
}

/// Whether a user may change the names the room shows.
pub(super) fn may_send(txn: &Txn<'_>, user: &UserId) -> ApiResult<bool> {
    let joined = txn.membership(user)? == Some(super::rows::Membership::Join);
    let action = Action::SendState(ruma::events::StateEventType::RoomCanonicalAlias);
    Ok(joined && power::check(&txn.power_levels()?, user, &action).is_ok())
}
