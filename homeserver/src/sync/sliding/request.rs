//! What of a request Ruma's type does not have, and what makes no sense in one.

use std::collections::BTreeMap;

use ruma::{
    OwnedRoomId,
    api::client::sync::sync_events::v5::{Request, request::List},
};
use serde::Deserialize;

use crate::error::{ApiError, ApiResult};

/// Lists, and rooms subscribed to, of one request at most.
const MAX_RULES: usize = 100;
/// Ranges of one list, and entries of one `required_state`, at most.
const MAX_PARTS: usize = 200;
/// Bytes of the names of connections and lists.
const MAX_NAME_LENGTH: usize = 255;

/// The filters of lists that Ruma's type does not have.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct MoreFilters {
    #[serde(default)]
    lists: BTreeMap<String, FilteredList>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct FilteredList {
    #[serde(default)]
    filters: Option<MoreListFilters>,
}

/// The filters of one list that Ruma's type does not have.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct MoreListFilters {
    /// Rooms of these types; Ruma's type does not tell an empty list, which no room passes, from none.
    pub(super) room_types: Option<Vec<Option<String>>>,
    /// Rooms with one of these tags.
    pub(super) tags: Option<Vec<String>>,
    /// Rooms with none of these tags.
    pub(super) not_tags: Option<Vec<String>>,
    /// Rooms in one of these spaces.
    pub(super) spaces: Option<Vec<OwnedRoomId>>,
    /// Rooms whose name has these words.
    pub(super) room_name_like: Option<String>,
    /// The name that `is_invite` has in the proposal.
    pub(super) is_invited: Option<bool>,
}

impl MoreFilters {
    pub(super) fn of(&self, list: &str) -> Option<&MoreListFilters> {
        self.lists.get(list)?.filters.as_ref()
    }
}

/// Refuses what makes no sense.
pub fn check(request: &Request) -> ApiResult {
    let too_many = |what: &str, most: usize| {
        let message = format!("A request has {most} {what} at most.");
        Err(ApiError::invalid_param(message))
    };
    if request.lists.len() > MAX_RULES {
        return too_many("lists", MAX_RULES);
    }
    if request.room_subscriptions.len() > MAX_RULES {
        return too_many("room_subscriptions", MAX_RULES);
    }
    let names = request.lists.keys().chain(&request.conn_id);
    if names.into_iter().any(|name| name.len() > MAX_NAME_LENGTH) {
        return too_many(
            "bytes in conn_id and in the names of lists",
            MAX_NAME_LENGTH,
        );
    }
    let of_lists = request
        .lists
        .values()
        .map(|list| &list.room_details.required_state);
    let of_rooms = request
        .room_subscriptions
        .values()
        .map(|room| &room.required_state);
    let mut required = of_lists.chain(of_rooms);
    if required.any(|required| required.len() > MAX_PARTS)
        || request
            .lists
            .values()
            .any(|list| list.ranges.len() > MAX_PARTS)
    {
        return too_many("ranges or entries of required_state in a list", MAX_PARTS);
    }
    let backwards = |list: &List| list.ranges.iter().any(|(first, last)| first > last);
    if request.lists.values().any(backwards) {
        return Err(ApiError::invalid_param(
            "A range of a list ends before it begins.",
        ));
    }
    Ok(())
}
