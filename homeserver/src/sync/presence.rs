//! Presence as a sync tells it.

use ruma::{api::client::filter::Filter, serde::Raw};

use super::filter;
use crate::{
    Server,
    account_data::IgnoredUsers,
    error::ApiResult,
    ids::{StreamPos, UserNid},
    presence::Entered,
    storage::Snapshot,
};

/// The type of the events.
const KIND: &str = "m.presence";

/// Whether a client wants to be told of presence, as far as there is any.
pub(super) fn is_wanted(server: &Server, filter: &Filter) -> bool {
    let takes = filter
        .types
        .as_ref()
        .is_none_or(|types| types.iter().any(|pattern| filter::matches(pattern, KIND)))
        && !filter
            .not_types
            .iter()
            .any(|pattern| filter::matches(pattern, KIND));
    let senders = filter
        .senders
        .as_ref()
        .is_none_or(|senders| !senders.is_empty());
    let limit = filter.limit.is_none_or(|limit| limit != 0_u32.into());
    server.presence.is_enabled() && takes && senders && limit
}

/// Who is told.
pub(super) struct Told<'a> {
    /// The user.
    pub(super) user: UserNid,
    /// What their client wants to see.
    pub(super) filter: &'a Filter,
    /// Those of whom they do not want to hear.
    pub(super) ignored: &'a IgnoredUsers,
}

/// The presence that is news to a user, as events.
pub(super) fn events<T>(
    server: &Server,
    snapshot: &Snapshot<'_>,
    told: &Told<'_>,
    since: Option<StreamPos>,
    entered: &Entered,
) -> ApiResult<Vec<Raw<T>>> {
    if !is_wanted(server, told.filter) {
        return Ok(Vec::new());
    }
    let limit = told.filter.limit.map_or(usize::MAX, |limit| {
        usize::try_from(limit).unwrap_or(usize::MAX)
    });
    let mut events = Vec::new();
    for (user, now) in server.presence.news(snapshot, told.user, since, entered)? {
        let id = server.storage.interner().user_id(user)?;
        let takes = !told.ignored.has(&id)
            && told
                .filter
                .senders
                .as_ref()
                .is_none_or(|senders| senders.contains(&id))
            && !told.filter.not_senders.contains(&id);
        if takes && events.len() < limit {
            events.push(Raw::from_json(now.event(&id)?));
        }
    }
    Ok(events)
}
