//! Putting the answer to a search together.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use ruma::{
    UInt, UserId,
    api::client::search::search_events::v3::{
        Criteria, EventContextResult, GroupingKey, OrderBy, ResultGroup, ResultGroupMap,
        ResultRoomEvents, SearchKeys, SearchResult, UserProfile,
    },
};

use super::{
    Ask, Field, Search,
    candidates::{Candidate, Ordered, Query, candidates},
    scope::{self, RoomScope, Sight},
    token::{Group, SearchToken},
    words,
};
use crate::{
    error::{ApiError, ApiResult},
    ids::StreamPos,
    rooms::{Rooms, event::RoomEvent, look::Look, members::profile_of},
    storage::{Result, Snapshot, tables},
    sync::{filter::takes_event, token::timeline_token},
};

/// Results of one page, unless the client says how many it wants.
const DEFAULT_LIMIT: usize = 10;
/// Results of one page at most.
const MAX_LIMIT: usize = 100;
/// Events before or after a result at most.
const MAX_CONTEXT: usize = 50;
/// Events that are looked at for one page, however few of them the user may see.
const LOOKED_AT: usize = 2_000;
/// Events that are looked at to say how many results there are; of more the number is estimated.
const COUNTED: usize = 500;
/// Words to highlight at most.
const HIGHLIGHTS: usize = 100;

/// A search that is being answered.
struct Answer<'a> {
    rooms: &'a Rooms,
    snapshot: &'a Snapshot<'a>,
    ask: &'a Ask,
    query: Query,
    scope: Vec<RoomScope>,
    token: SearchToken,
    sight: Sight<'a>,
    looks: BTreeMap<u32, Look<'a>>,
    position: StreamPos,
}

/// One page of results.
struct Page {
    results: Vec<(Candidate, Arc<RoomEvent>)>,
    /// How many candidates come before the next page, if there is one.
    next: Option<usize>,
}

/// Answers a search. Runs on a blocking thread.
pub(super) fn answer(
    search: &Search,
    snapshot: &Snapshot<'_>,
    position: StreamPos,
    ask: &Ask,
) -> ApiResult<ResultRoomEvents> {
    let rooms = &search.inner.rooms;
    let criteria = &ask.criteria;
    let by_score = match criteria.order_by {
        None | Some(OrderBy::Rank) => true,
        Some(OrderBy::Recent) => false,
        Some(_) => {
            return Err(ApiError::invalid_param(
                "order_by is \"rank\" or \"recent\".",
            ));
        }
    };
    check_groupings(criteria)?;
    let token = match &ask.next_batch {
        Some(text) => SearchToken::parse(text)?,
        None => SearchToken {
            before: rooms.storage().interner().event_floor(),
            offset: 0,
            group: Group::All,
        },
    };
    let query = Query::new(&criteria.search_term, fields(criteria)?);
    let user = rooms.storage().interner().user(&ask.reader.user)?;
    let scope = scope::rooms(rooms, snapshot, user, &criteria.filter, token.before)?;
    let found = candidates(rooms, snapshot, &scope, &query)?;
    let who = (user, ask.reader.user.clone());
    let mut answer = Answer {
        sight: Sight::new(rooms, snapshot, who)?,
        rooms,
        snapshot,
        ask,
        query,
        scope,
        token,
        looks: BTreeMap::new(),
        position,
    };
    let mut ordered = match by_score {
        true => Ordered::by_score(found),
        false => newest_first(&answer, found)?,
    };
    let page = answer.page(&mut ordered)?;
    answer.put_together(&mut ordered, page)
}

/// Candidates by age. Those that were fetched later stand where they were sent.
fn newest_first(answer: &Answer<'_>, found: Vec<Candidate>) -> ApiResult<Ordered> {
    let mut past = HashMap::new();
    for scope in &answer.scope {
        for row in tables::PAST_EVENT.scan(answer.snapshot, (scope.room,))? {
            let ((_, event), time) = row?;
            past.insert(event, time);
        }
    }
    if past.is_empty() {
        return Ok(Ordered::by_number(found));
    }
    let time = |candidate: &Candidate| -> Result<u64> {
        let event = answer.rooms.event(answer.snapshot, candidate.event)?;
        Ok(event.map_or(0, |event| event.pdu.origin_server_ts().0.into()))
    };
    Ok(Ordered::by_age(found, &past, time)?)
}

fn check_groupings(criteria: &Criteria) -> ApiResult {
    let is_known =
        |key: &Option<GroupingKey>| matches!(key, Some(GroupingKey::RoomId | GroupingKey::Sender));
    if criteria
        .groupings
        .group_by
        .iter()
        .all(|group| is_known(&group.key))
    {
        return Ok(());
    }
    Err(ApiError::invalid_param(
        "The key of a grouping is \"room_id\" or \"sender\".",
    ))
}

fn fields(criteria: &Criteria) -> ApiResult<Vec<Field>> {
    let Some(keys) = &criteria.keys else {
        return Ok(vec![Field::Body, Field::Name, Field::Topic]);
    };
    let mut fields = Vec::new();
    for key in keys {
        let field = match key {
            SearchKeys::ContentBody => Field::Body,
            SearchKeys::ContentName => Field::Name,
            SearchKeys::ContentTopic => Field::Topic,
            _ => {
                return Err(ApiError::invalid_param(
                    "A key is \"content.body\", \"content.name\" or \"content.topic\".",
                ));
            }
        };
        if !fields.contains(&field) {
            fields.push(field);
        }
    }
    Ok(fields)
}

impl Answer<'_> {
    fn page(&mut self, ordered: &mut Ordered) -> ApiResult<Page> {
        let limit = self.ask.criteria.filter.limit;
        let limit = limit
            .map_or(DEFAULT_LIMIT, |limit| {
                usize::try_from(limit).unwrap_or(MAX_LIMIT)
            })
            .clamp(1, MAX_LIMIT);
        let mut results = Vec::with_capacity(limit);
        let mut looked_at = 0;
        let mut at = self.token.offset;
        while let Some(candidate) = ordered.get(at) {
            if self.is_in_group(candidate) {
                if looked_at >= LOOKED_AT {
                    return Ok(Page {
                        results,
                        next: Some(at),
                    });
                }
                looked_at += 1;
                if let Some(event) = self.take(candidate)? {
                    results.push((candidate, event));
                    // What follows a full page is not looked at: the next one may be empty.
                    if results.len() >= limit {
                        return Ok(Page {
                            results,
                            next: Some(at + 1),
                        });
                    }
                }
            }
            at += 1;
        }
        Ok(Page {
            results,
            next: None,
        })
    }

    /// Whether a candidate may be in the group that is wanted, by what is known without looking at it.
    fn is_in_group(&self, candidate: Candidate) -> bool {
        match self.token.group {
            Group::Room(room) => self.scope[candidate.room as usize].room == room,
            Group::All | Group::Sender(_) => true,
        }
    }

    /// The event of a candidate, if it really matches and the user may see it.
    fn take(&mut self, candidate: Candidate) -> Result<Option<Arc<RoomEvent>>> {
        let Some(event) = self.rooms.event(self.snapshot, candidate.event)? else {
            return Ok(None);
        };
        if let Group::Sender(sender) = self.token.group {
            let interner = self.rooms.storage().interner();
            if interner.find_user(event.pdu.sender())? != Some(sender) {
                return Ok(None);
            }
        }
        let scope = &self.scope[candidate.room as usize];
        let matches = event.row.place.pos != StreamPos::ZERO
            && takes_event(&self.ask.criteria.filter, &event)
            && self.query.weigh(&event).is_some();
        let is_result = matches && self.sight.may_see(scope, &event)?;
        Ok(is_result.then_some(event))
    }

    /// How many results there are. Only what has to be looked at is, and of that only so much.
    fn count(&mut self, ordered: &mut Ordered) -> Result<u64> {
        let all = self.token.group != Group::All
            || self.sight.ignores_somebody()
            || scope::looks_at_events(&self.ask.criteria.filter);
        let (mut certain, mut looked_at, mut seen, mut left) = (0_u64, 0_u64, 0_u64, 0_u64);
        for at in 0..ordered.len() {
            // The order does not matter, so nothing is sorted for this.
            let candidate = ordered.unordered(at);
            let visible_from = self.scope[candidate.room as usize].visible_from;
            if !all && candidate.event >= visible_from {
                certain += 1;
            } else if looked_at >= COUNTED as u64 {
                left += 1;
            } else if self.is_in_group(candidate) {
                looked_at += 1;
                seen += u64::from(self.take(candidate)?.is_some());
            }
        }
        Ok(certain + seen + left * seen / looked_at.max(1))
    }

    fn put_together(&mut self, ordered: &mut Ordered, page: Page) -> ApiResult<ResultRoomEvents> {
        let mut answer = ResultRoomEvents::new();
        answer.count = UInt::try_from(self.count(ordered)?).ok();
        answer.highlights = self.highlights(&page);
        answer.next_batch = page
            .next
            .map(|offset| self.token_at(offset, self.token.group));
        let groupings = self.ask.criteria.groupings.group_by.clone();
        for group in groupings {
            answer.groups.insert(match group.key {
                Some(GroupingKey::RoomId) => self.by_room(ordered, &page)?,
                _ => self.by_sender(&page)?,
            });
        }
        for (candidate, event) in &page.results {
            let mut result = SearchResult::new();
            result.rank = Some(candidate.score.into());
            let context = self.context(*candidate, event)?;
            let look = self.look(candidate.room)?;
            result.result = Some(look.show(event)?);
            result.context = context;
            answer.results.push(result);
        }
        if self.ask.criteria.include_state == Some(true) {
            let shown: BTreeSet<u32> = page.results.iter().map(|(found, _)| found.room).collect();
            for room in shown {
                let look = self.look(room)?;
                let state = look.show_all(&look.state()?)?;
                answer.state.insert(look.room_id.clone(), state);
            }
        }
        Ok(answer)
    }

    fn token_at(&self, offset: usize, group: Group) -> String {
        let before = self.token.before;
        SearchToken {
            before,
            offset,
            group,
        }
        .to_string()
    }

    fn by_room(&self, ordered: &Ordered, page: &Page) -> ApiResult<ResultGroupMap> {
        let mut groups = BTreeMap::new();
        for (candidate, event) in &page.results {
            let room = self.scope[candidate.room as usize].room;
            let next = page
                .next
                .filter(|next| ordered.has_room_from(candidate.room, *next));
            let next = next.map(|offset| self.token_at(offset, Group::Room(room)));
            let key = event.pdu.room_id().to_owned();
            add_to_group(&mut groups, key, event, next);
        }
        Ok(ResultGroupMap::RoomId(groups))
    }

    fn by_sender(&self, page: &Page) -> ApiResult<ResultGroupMap> {
        let mut groups = BTreeMap::new();
        for (_, event) in &page.results {
            let key = event.pdu.sender().to_owned();
            let sender = self.rooms.storage().interner().user(&key)?;
            let next = page
                .next
                .map(|offset| self.token_at(offset, Group::Sender(sender)));
            add_to_group(&mut groups, key, event, next);
        }
        Ok(ResultGroupMap::Sender(groups))
    }

    /// The words of the results that made them match, as they are written there, and those of the search.
    fn highlights(&self, page: &Page) -> Vec<String> {
        let mut found = BTreeSet::new();
        let texts = page
            .results
            .iter()
            .filter_map(|(_, event)| self.query.text_of(event));
        for text in std::iter::once(self.ask.criteria.search_term.clone()).chain(texts) {
            for word in words::words(&text) {
                if found.len() < HIGHLIGHTS && self.query.terms.contains(&words::term(word)) {
                    found.insert(word.to_lowercase());
                }
            }
        }
        found.into_iter().collect()
    }

    fn look(&mut self, room: u32) -> ApiResult<&Look<'_>> {
        match self.looks.entry(room) {
            std::collections::btree_map::Entry::Occupied(known) => Ok(known.into_mut()),
            std::collections::btree_map::Entry::Vacant(new) => {
                let nid = self.scope[room as usize].room;
                let reader = self.ask.reader.clone();
                Ok(new.insert(
                    self.rooms
                        .look_at(self.snapshot, self.position, nid, reader)?,
                ))
            }
        }
    }

    /// What came before and after a result, if the client wants to know.
    /// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3search)
    fn context(
        &mut self,
        candidate: Candidate,
        event: &Arc<RoomEvent>,
    ) -> ApiResult<EventContextResult> {
        let Some(wanted) = &self.ask.context else {
            return Ok(EventContextResult::new());
        };
        let ask = self.ask;
        let bound = |limit: UInt| {
            usize::try_from(limit)
                .unwrap_or(MAX_CONTEXT)
                .min(MAX_CONTEXT)
        };
        let limits = (bound(wanted.before_limit), bound(wanted.after_limit));
        self.look(candidate.room)?;
        let Some(look) = self.looks.get(&candidate.room) else {
            return Ok(EventContextResult::new());
        };
        let sight = &self.sight;
        let around = look.around(Arc::clone(event), limits, |event| {
            Ok(takes_event(&ask.criteria.filter, event) && !sight.ignores(event))
        })?;
        let mut context = EventContextResult::new();
        context.start = Some(timeline_token(around.start));
        context.end = Some(timeline_token(around.end));
        context.events_before = look.show_all(&around.before)?;
        context.events_after = look.show_all(&around.after)?;
        if wanted.include_profile {
            let shown = around.before.iter().chain(&around.after).chain([event]);
            for member in look.members_of(shown)? {
                let Some(Ok(user)) = member.pdu.state_key().map(UserId::parse) else {
                    continue;
                };
                let known = profile_of(&member);
                let mut profile = UserProfile::new();
                profile.displayname = known.display_name;
                profile.avatar_url = known.avatar_url;
                context.profile_info.insert(user, profile);
            }
        }
        Ok(context)
    }
}

fn add_to_group<K: Ord>(
    groups: &mut BTreeMap<K, ResultGroup>,
    key: K,
    event: &RoomEvent,
    next: Option<String>,
) {
    let order = UInt::try_from(groups.len() + 1).ok();
    let group = groups.entry(key).or_insert_with(|| {
        let mut group = ResultGroup::new();
        group.order = order;
        group.next_batch = next;
        group
    });
    group.results.push(event.id().to_owned());
}
