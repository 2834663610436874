//! Which events have all the words of a search, best first.

use std::{
    cmp::Reverse,
    collections::{BTreeSet, HashMap, HashSet},
};

use super::{
    postings::{self, Field, Posting, TermHash, Weight},
    scope::RoomScope,
    text::{self, field},
    words::{self, Terms},
};
use crate::{
    ids::{EventNid, RoomNid},
    rooms::{Rooms, event::RoomEvent},
    storage::{Result, Snapshot, tables},
};

/// Words of a search that count.
const MAX_WORDS: usize = 16;
/// Queued events that a search looks at one by one, newest first.
const QUEUED: usize = 5_000;

/// What is looked for.
pub(super) struct Query {
    /// The terms of the words, each once.
    pub(super) terms: Vec<String>,
    /// Where they may stand.
    pub(super) fields: Vec<Field>,
}

impl Query {
    pub(super) fn new(text: &str, fields: Vec<Field>) -> Self {
        let mut terms = Vec::new();
        for word in words::words(text) {
            let term = words::term(word);
            if terms.len() < MAX_WORDS && !terms.contains(&term) {
                terms.push(term);
            }
        }
        Self { terms, fields }
    }

    /// How much the words mean in an event, if it has them all.
    pub(super) fn weigh(&self, event: &RoomEvent) -> Option<Vec<Weight>> {
        let field = field(&event.pdu.event_type().to_string())?;
        let terms = Terms::of(&self.text_of(event)?);
        let weigh = |term| Some(Weight::new(field, *terms.counts.get(term)?, terms.words));
        self.terms.iter().map(weigh).collect()
    }

    /// The text of an event that is searched.
    pub(super) fn text_of(&self, event: &RoomEvent) -> Option<String> {
        let field = field(&event.pdu.event_type().to_string())?;
        if !self.fields.contains(&field) {
            return None;
        }
        text::text(field, event.pdu.content())
    }
}

/// An event that probably matches.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    pub(super) event: EventNid,
    /// The place of its room in the scope.
    pub(super) room: u32,
    pub(super) score: f32,
}

/// Every event in a scope that has all the words of a query.
pub(super) fn candidates(
    rooms: &Rooms,
    snapshot: &Snapshot<'_>,
    scope: &[RoomScope],
    query: &Query,
) -> Result<Vec<Candidate>> {
    let mut found = Found::new(query.terms.len());
    if query.terms.is_empty() {
        return Ok(Vec::new());
    }
    let by_room: HashMap<RoomNid, u32> =
        (0..).zip(scope).map(|(at, room)| (room.room, at)).collect();
    let removed = removed(snapshot, &by_room)?;
    let queued = found.add_queued(rooms, snapshot, (scope, &by_room), query)?;
    for (at, room) in (0..).zip(scope) {
        let Some(lists) = lists(snapshot, room, query)? else {
            continue;
        };
        found.count(&lists);
        found.intersect(at, &lists, |(event, weight)| {
            query.fields.iter().any(|field| weight.is_in(*field))
                && !removed.contains(&event)
                && !queued.contains(&event)
        });
    }
    Ok(found.scored(rooms.storage().interner().event_floor().0))
}

/// The lists of a query's terms in a room, unless one of them is empty.
fn lists(
    snapshot: &Snapshot<'_>,
    scope: &RoomScope,
    query: &Query,
) -> Result<Option<Vec<Vec<Posting>>>> {
    let mut lists = Vec::with_capacity(query.terms.len());
    for term in &query.terms {
        let mut list = postings::postings(snapshot, scope.room, TermHash::new(term))?;
        list.truncate(list.partition_point(|posting| posting.0 < scope.end));
        if list.is_empty() {
            return Ok(None);
        }
        lists.push(list);
    }
    Ok(Some(lists))
}

/// Events whose texts are gone, while the index still has them.
fn removed(snapshot: &Snapshot<'_>, rooms: &HashMap<RoomNid, u32>) -> Result<HashSet<EventNid>> {
    let mut removed = HashSet::new();
    for row in tables::INDEX_REMOVAL.scan(snapshot, ())? {
        let ((room, event), _) = row?;
        if rooms.contains_key(&room) {
            removed.insert(event);
        }
    }
    Ok(removed)
}

/// Events that match, before they are scored.
struct Found {
    terms: usize,
    events: Vec<(EventNid, u32)>,
    /// The weights of the terms, for one event after the other.
    weights: Vec<Weight>,
    /// In how many events each term stands.
    frequencies: Vec<u64>,
}

impl Found {
    fn new(terms: usize) -> Self {
        Self {
            terms,
            events: Vec::new(),
            weights: Vec::new(),
            frequencies: vec![0; terms],
        }
    }

    /// Adds the events in the queue that match, and returns all that were looked at.
    fn add_queued(
        &mut self,
        rooms: &Rooms,
        snapshot: &Snapshot<'_>,
        (scope, by_room): (&[RoomScope], &HashMap<RoomNid, u32>),
        query: &Query,
    ) -> Result<BTreeSet<EventNid>> {
        let mut queued = BTreeSet::new();
        for row in tables::INDEX_QUEUE.scan_back(snapshot, ())? {
            let (_, (room, nid)) = row?;
            let Some(&at) = by_room.get(&room) else {
                continue;
            };
            if nid >= scope[at as usize].end {
                continue;
            }
            if queued.len() >= QUEUED {
                break;
            }
            queued.insert(nid);
            let event = rooms.event(snapshot, nid)?;
            if let Some(weights) = event.and_then(|event| query.weigh(&event)) {
                self.events.push((nid, at));
                self.weights.extend(weights);
                self.frequencies.iter_mut().for_each(|count| *count += 1);
            }
        }
        Ok(queued)
    }

    fn count(&mut self, lists: &[Vec<Posting>]) {
        for (count, list) in self.frequencies.iter_mut().zip(lists) {
            *count += list.len() as u64;
        }
    }

    /// Adds what stands in every list. Goes along the shortest, and leaps in the others.
    fn intersect(&mut self, room: u32, lists: &[Vec<Posting>], is_there: impl Fn(Posting) -> bool) {
        let Some(shortest) = (0..lists.len()).min_by_key(|at| lists[*at].len()) else {
            return;
        };
        let mut at = vec![0; lists.len()];
        'events: for number in 0..lists[shortest].len() {
            let (event, weight) = lists[shortest][number];
            at[shortest] = number;
            for (list, at) in lists.iter().zip(&mut at) {
                *at = leap(list, *at, event);
                match list.get(*at) {
                    Some(posting) if posting.0 == event => {}
                    Some(_) => continue 'events,
                    None => return,
                }
            }
            // An event has one field that is searched, so its other terms stand there, too.
            if is_there((event, weight)) {
                self.events.push((event, room));
                let weights = lists.iter().zip(&at).map(|(list, at)| list[*at].1);
                self.weights.extend(weights);
            }
        }
    }

    /// Scores every event: rare words count more than common ones, and a word counts more in a short text and if it is
    /// repeated (BM25).
    fn scored(self, events: u64) -> Vec<Candidate> {
        const REPETITION: f32 = 1.2;
        const LENGTH: f32 = 0.75;
        const USUAL_WORDS: f32 = 8.0;
        let rarities: Vec<f32> = self
            .frequencies
            .iter()
            .map(|count| {
                let count = *count as f32;
                (1.0 + (events as f32 - count).max(0.0) / (count + 1.0)).ln()
            })
            .collect();
        // Few combinations of count and length occur.
        let mut factors = [[0.0_f32; 16]; 4];
        for (count, row) in (0_u8..).zip(&mut factors) {
            for (length, factor) in (0_u8..).zip(row) {
                let (count, words) = (f32::from(count), f32::from(length).exp2() * 0.75);
                let norm = 1.0 - LENGTH + LENGTH * words / USUAL_WORDS;
                *factor = count * (REPETITION + 1.0) / (count + REPETITION * norm);
            }
        }
        let score = |weights: &[Weight]| {
            let terms = rarities.iter().zip(weights);
            terms
                .map(|(rarity, weight)| {
                    rarity * factors[usize::from(weight.count())][usize::from(weight.length())]
                })
                .sum()
        };
        self.events
            .iter()
            .zip(self.weights.chunks_exact(self.terms))
            .map(|(&(event, room), weights)| Candidate {
                event,
                room,
                score: score(weights),
            })
            .collect()
    }
}

/// The place of the first posting at or after an event, at `from` or later.
fn leap(list: &[Posting], from: usize, event: EventNid) -> usize {
    let (mut low, mut step) = (from, 1);
    while list
        .get(low + step)
        .is_some_and(|posting| posting.0 < event)
    {
        low += step;
        step *= 2;
    }
    let high = (low + step).min(list.len());
    low + list[low..high].partition_point(|posting| posting.0 < event)
}

/// Candidates in order, sorted as far as somebody looks.
pub(super) struct Ordered {
    candidates: Vec<Candidate>,
    sorted: usize,
    by_score: bool,
}

/// How many more candidates are sorted at a time.
const SORT: usize = 256;

impl Ordered {
    /// The best first.
    pub(super) fn by_score(candidates: Vec<Candidate>) -> Self {
        Self {
            candidates,
            sorted: 0,
            by_score: true,
        }
    }

    /// The newest first, where the events came in the order in which they were sent.
    pub(super) fn by_number(candidates: Vec<Candidate>) -> Self {
        Self {
            candidates,
            sorted: 0,
            by_score: false,
        }
    }

    /// The newest first, where some were fetched after others that followed them: `past` tells when those were sent, and
    /// `time` is asked for those of the others between which they belong.
    pub(super) fn by_age(
        candidates: Vec<Candidate>,
        past: &HashMap<EventNid, u64>,
        time: impl Fn(&Candidate) -> Result<u64>,
    ) -> Result<Self> {
        let (mut late, mut live): (Vec<_>, Vec<_>) = candidates
            .into_iter()
            .partition(|candidate| past.contains_key(&candidate.event));
        live.sort_unstable_by_key(|candidate| Reverse(candidate.event));
        late.sort_unstable_by_key(|candidate| Reverse((past[&candidate.event], candidate.event)));
        let mut ordered = Vec::with_capacity(live.len() + late.len());
        let mut done = 0;
        for candidate in late {
            let sent = past[&candidate.event];
            let (mut low, mut high) = (done, live.len());
            while low < high {
                let middle = low.midpoint(high);
                match time(&live[middle])? >= sent {
                    true => low = middle + 1,
                    false => high = middle,
                }
            }
            ordered.extend_from_slice(&live[done..low]);
            ordered.push(candidate);
            done = low;
        }
        ordered.extend_from_slice(&live[done..]);
        Ok(Self {
            sorted: ordered.len(),
            candidates: ordered,
            by_score: false,
        })
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.candidates.len()
    }

    /// A candidate, in no particular order.
    pub(super) fn unordered(&self, at: usize) -> Candidate {
        self.candidates[at]
    }

    /// The candidate at a place.
    pub(super) fn get(&mut self, at: usize) -> Option<Candidate> {
        if at >= self.candidates.len() {
            return None;
        }
        while self.sorted <= at {
            // A page far on needs everything before it in order.
            let want = (at + 1 - self.sorted).max(SORT);
            let by_score = self.by_score;
            let order = |a: &Candidate, b: &Candidate| {
                let by_age = b.event.cmp(&a.event);
                match by_score {
                    true => b.score.total_cmp(&a.score).then(by_age),
                    false => by_age,
                }
            };
            let rest = &mut self.candidates[self.sorted..];
            let count = want.min(rest.len());
            if count < rest.len() {
                rest.select_nth_unstable_by(count, order);
            }
            rest[..count].sort_unstable_by(order);
            self.sorted += count;
        }
        Some(self.candidates[at])
    }

    /// Whether a room has candidates at a place or later.
    pub(super) fn has_room_from(&self, room: u32, at: usize) -> bool {
        self.candidates[at.min(self.candidates.len())..]
            .iter()
            .any(|candidate| candidate.room == room)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(events: &[u64]) -> Vec<Posting> {
        events
            .iter()
            .map(|event| (EventNid(*event), Weight::new(Field::Body, 1, 4)))
            .collect()
    }

    #[test]
    fn only_what_stands_in_every_list_is_found() {
        let mut found = Found::new(3);
        let lists = [
            list(&[1, 2, 3, 5, 8, 13, 21, 34, 55]),
            list(&[2, 3, 8, 9, 10, 11, 12, 13, 14, 15, 34, 35, 55]),
            list(&[3, 8, 34, 40]),
        ];
        found.intersect(7, &lists, |(event, _)| event != EventNid(8));
        assert_eq!(found.events, [(EventNid(3), 7), (EventNid(34), 7)]);
        assert_eq!(found.weights.len(), 6);
    }

    #[test]
    fn what_was_fetched_later_stands_where_it_was_sent() {
        let candidate = |event: u64| Candidate {
            event: EventNid(event),
            room: 0,
            score: 0.0,
        };
        let numbers: Vec<u64> = vec![10, 20, 30, 101, 102, 103, 104];
        let past = [(101, 250), (102, 50), (103, 251), (104, 900)];
        let past = past.map(|(event, time)| (EventNid(event), time)).into();
        let found = numbers.into_iter().map(candidate).collect();
        let time = |candidate: &Candidate| Ok(candidate.event.0 * 10);
        let mut ordered = Ordered::by_age(found, &past, time).unwrap();
        let order: Vec<u64> = (0..7).map(|at| ordered.get(at).unwrap().event.0).collect();
        assert_eq!(order, [104, 30, 103, 101, 20, 10, 102]);
    }

    #[test]
    fn leaps_find_every_place() {
        let list = list(&(0..100).map(|n| n * 3).collect::<Vec<_>>());
        for from in [0, 1, 50] {
            for event in 0..310 {
                let expected = list
                    .iter()
                    .position(|posting| posting.0.0 >= event)
                    .unwrap_or(list.len())
                    .max(from);
                assert_eq!(leap(&list, from, EventNid(event)), expected);
            }
        }
    }

    #[test]
    fn rare_repeated_and_short_count_more() {
        let mut found = Found::new(1);
        found.events = vec![(EventNid(1), 0), (EventNid(2), 0), (EventNid(3), 0)];
        found.weights = [(1, 4), (3, 4), (1, 400)]
            .map(|(count, words)| Weight::new(Field::Body, count, words))
            .to_vec();
        found.frequencies = vec![3];
        let scores: Vec<f32> = found.scored(1_000).iter().map(|c| c.score).collect();
        assert!(scores[1] > scores[0] && scores[0] > scores[2], "{scores:?}");
    }

    #[test]
    fn candidates_come_in_order_however_far_one_looks() {
        let candidates: Vec<Candidate> = (0..3_000_u64)
            .map(|n| Candidate {
                event: EventNid(n * 7_919 % 3_001),
                room: 0,
                score: (n % 10) as f32,
            })
            .collect();
        for (by_score, first) in [(false, 0), (true, 0), (false, 2_000)] {
            let mut ordered = match by_score {
                true => Ordered::by_score(candidates.clone()),
                false => Ordered::by_number(candidates.clone()),
            };
            let mut last = ordered.get(first).unwrap();
            for at in first + 1..ordered.len() {
                let next = ordered.get(at).unwrap();
                let holds = match by_score {
                    true => (next.score, next.event) < (last.score, last.event),
                    false => next.event < last.event,
                };
                assert!(holds, "{last:?} before {next:?}");
                last = next;
            }
            assert!(ordered.get(3_000).is_none());
        }
    }
}
