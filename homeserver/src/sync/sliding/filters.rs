//! Which rooms a list takes.

use ruma::{api::client::sync::sync_events::v5::request::ListFilters, directory::RoomTypeFilter};

use super::{Build, lists::Candidate, request::MoreListFilters};
use crate::{
    account_data::Scope,
    error::ApiResult,
    rooms::rows::{Membership, RoomSummary},
    storage::tables,
};

/// The filters of one list.
#[derive(Clone, Copy)]
pub(super) struct Filters<'a> {
    pub(super) known: Option<&'a ListFilters>,
    pub(super) more: Option<&'a MoreListFilters>,
}

impl Build<'_> {
    /// Whether a list with these filters has a room.
    pub(super) fn takes(&self, filters: Filters<'_>, candidate: &Candidate) -> ApiResult<bool> {
        if let Some(known) = filters.known
            && !self.takes_known(known, candidate)?
        {
            return Ok(false);
        }
        match filters.more {
            Some(more) => self.takes_more(more, candidate),
            None => Ok(true),
        }
    }

    fn takes_known(&self, filters: &ListFilters, candidate: &Candidate) -> ApiResult<bool> {
        let invited = candidate.row.membership == Membership::Invite;
        if filters.is_invite.is_some_and(|wanted| wanted != invited) {
            return Ok(false);
        }
        if let Some(wanted) = filters.is_dm
            && wanted != self.is_direct(candidate.room)?
        {
            return Ok(false);
        }
        if filters.is_encrypted.is_none()
            && filters.room_types.is_empty()
            && filters.not_room_types.is_empty()
        {
            return Ok(true);
        }
        let summary = self.summary_of(candidate)?;
        let is_listed = |types: &[RoomTypeFilter]| types.iter().any(|kind| is_type(kind, &summary));
        Ok(filters
            .is_encrypted
            .is_none_or(|wanted| wanted == summary.encryption.is_some())
            && (filters.room_types.is_empty() || is_listed(&filters.room_types))
            && !is_listed(&filters.not_room_types))
    }

    fn takes_more(&self, filters: &MoreListFilters, candidate: &Candidate) -> ApiResult<bool> {
        let invited = candidate.row.membership == Membership::Invite;
        if filters.is_invited.is_some_and(|wanted| wanted != invited) {
            return Ok(false);
        }
        if filters.room_types.as_ref().is_some_and(Vec::is_empty) {
            return Ok(false);
        }
        if filters.tags.is_some() || filters.not_tags.is_some() {
            let tags = self.tags_of(candidate)?;
            let has_one = |wanted: &Vec<String>| wanted.iter().any(|tag| tags.contains(tag));
            if filters.tags.as_ref().is_some_and(|wanted| !has_one(wanted))
                || filters.not_tags.as_ref().is_some_and(has_one)
            {
                return Ok(false);
            }
        }
        if let Some(words) = &filters.room_name_like {
            let name = self.summary_of(candidate)?.name.unwrap_or_default();
            if !name.to_lowercase().contains(&words.to_lowercase()) {
                return Ok(false);
            }
        }
        match &filters.spaces {
            Some(_) => self.is_in_spaces(filters, candidate),
            None => Ok(true),
        }
    }

    fn summary_of(&self, candidate: &Candidate) -> ApiResult<RoomSummary> {
        let summary = self.rooms.summary(self.snapshot, candidate.room)?;
        Ok(summary.unwrap_or_default())
    }

    fn tags_of(&self, candidate: &Candidate) -> ApiResult<Vec<String>> {
        #[derive(serde::Deserialize)]
        struct Content {
            #[serde(default)]
            tags: serde_json::Map<String, serde_json::Value>,
        }
        let content = self.server.account_data.get_at(
            self.snapshot,
            self.ask.user,
            Scope::Room(candidate.room),
            "m.tag",
        )?;
        let content: Option<Content> =
            content.and_then(|content| serde_json::from_str(&content).ok());
        let tags = content.into_iter().flat_map(|content| content.tags);
        Ok(tags.map(|(tag, _)| tag).collect())
    }

    /// Whether a space the user is in names the room as its child; spaces inside it do not count.
    fn is_in_spaces(&self, filters: &MoreListFilters, candidate: &Candidate) -> ApiResult<bool> {
        let child = self.rooms.room_id(candidate.room)?;
        for space in filters.spaces.iter().flatten() {
            let Some(space) = self.rooms.storage().interner().find_room(space)? else {
                continue;
            };
            let row = tables::USER_ROOM.get(self.snapshot, (self.ask.user, space))?;
            if row.is_none_or(|row| row.membership != Membership::Join) {
                continue;
            }
            let link =
                self.rooms
                    .state_event(self.snapshot, space, "m.space.child", child.as_str())?;
            if link.is_some_and(|link| is_link(link.pdu.content().get())) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// A link to a child names servers; without them it was taken back.
fn is_link(content: &str) -> bool {
    #[derive(serde::Deserialize)]
    struct Content {
        via: Vec<String>,
    }
    serde_json::from_str::<Content>(content).is_ok_and(|content| !content.via.is_empty())
}

fn is_type(filter: &RoomTypeFilter, summary: &RoomSummary) -> bool {
    filter.as_str() == summary.room_type.as_deref()
}
