//! The packs there are: those of the program and those that people brought, and how their questions fare.

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use super::{
    formats,
    pack::{MOST_ANSWERS, Pack},
};
use crate::{event::Millis, lang::fold, world::World};

/// A pack somebody brought.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct StoredPack {
    pub(crate) pack: Pack,
    pub(crate) author: String,
    pub(crate) shared: Shared,
    pub(crate) results: Vec<ResultRow>,
}

/// Who may start a pack besides its author.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Shared {
    Nobody,
    Room(String),
    Academy,
}

/// How somebody did in a round, for the author only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ResultRow {
    pub(crate) at: Millis,
    pub(crate) person: String,
    pub(crate) name: String,
    pub(crate) points: i64,
    pub(crate) right: u32,
    pub(crate) asked: u32,
}

/// How often each answer of each question was chosen, in the order of the pack.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct ItemStatistics {
    pub(crate) version: u32,
    pub(crate) items: Vec<[u32; MOST_ANSWERS]>,
}

impl ItemStatistics {
    /// Counts an answer; a new version of the pack starts anew.
    pub(crate) fn count(&mut self, version: u32, question: usize, answer: usize) {
        if self.version != version {
            *self = Self {
                version,
                items: Vec::new(),
            };
        }
        if self.items.len() <= question {
            self.items.resize(question + 1, [0; MOST_ANSWERS]);
        }
        if let Some(count) = self.items[question].get_mut(answer) {
            *count += 1;
        }
    }

    /// Questions that most get wrong in the same way, or nearly nobody gets right: they may be bad.
    pub(crate) fn suspicious(&self) -> Vec<usize> {
        let is_bad = |item: &[u32; MOST_ANSWERS]| {
            let all: u32 = item.iter().sum();
            let worst = item[1..].iter().max().copied().unwrap_or(0);
            all >= 8 && (worst > item[0] || item[0] * 5 < all)
        };
        (0..self.items.len())
            .filter(|index| is_bad(&self.items[*index]))
            .collect()
    }
}

include!(concat!(env!("OUT_DIR"), "/packs.rs"));

/// The packs of the program, by id.
pub(crate) fn shipped() -> &'static [(&'static str, Pack)] {
    static SHIPPED: OnceLock<Vec<(&'static str, Pack)>> = OnceLock::new();
    SHIPPED.get_or_init(|| {
        let read = |(id, text): &(&'static str, &str)| {
            // Each was read in a test before it was shipped.
            formats::read(&format!("{id}.yaml"), text)
                .ok()
                .map(|pack| (*id, pack))
        };
        PACKS.iter().filter_map(read).collect()
    })
}

/// A pack with its id.
pub(crate) struct Found<'a> {
    pub(crate) id: String,
    pub(crate) pack: &'a Pack,
    pub(crate) author: Option<&'a str>,
}

/// The packs that a person may start in a room.
pub(crate) fn visible<'a>(world: &'a World, person: &str, room: &str) -> Vec<Found<'a>> {
    let mut found: Vec<Found<'a>> = shipped()
        .iter()
        .map(|(id, pack)| Found {
            id: (*id).to_owned(),
            pack,
            author: None,
        })
        .collect();
    for (id, stored) in &world.packs {
        let open = match &stored.shared {
            Shared::Nobody => false,
            Shared::Room(shared) => shared == room,
            Shared::Academy => true,
        };
        if open || stored.author == person {
            found.push(Found {
                id: id.clone(),
                pack: &stored.pack,
                author: Some(&stored.author),
            });
        }
    }
    found
}

/// The pack that somebody means: by id, title, subject, or the beginning of its title.
pub(crate) fn find<'a>(
    packs: Vec<Found<'a>>,
    name: &str,
    lang: crate::lang::Lang,
) -> Option<Found<'a>> {
    let name = fold(name);
    if name.is_empty() {
        return None;
    }
    let rank = |found: &Found<'_>| {
        let title = fold(&found.pack.title);
        let id = fold(&found.id);
        let other_language = u8::from(found.pack.lang != lang);
        let near = if id == name || title == name {
            0
        } else if fold(&found.pack.subject) == name || id.split('.').next() == Some(&name) {
            1
        } else if title.starts_with(&name) || id.starts_with(&name) {
            2
        } else if title.contains(&name) {
            3
        } else {
            return None;
        };
        Some((near, other_language))
    };
    packs
        .into_iter()
        .filter_map(|found| Some((rank(&found)?, found)))
        .min_by_key(|(rank, _)| *rank)
        .map(|(_, found)| found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pack_of_the_program_can_be_played() {
        for (id, text) in PACKS {
            let read = formats::read(&format!("{id}.yaml"), text);
            assert!(read.is_ok(), "{id}: {:#?}", read.err());
        }
    }

    #[test]
    fn questions_that_mislead_are_flagged() {
        let mut statistics = ItemStatistics::default();
        for _ in 0..6 {
            statistics.count(1, 0, 2);
            statistics.count(1, 1, 0);
        }
        for _ in 0..3 {
            statistics.count(1, 0, 0);
            statistics.count(1, 1, 3);
        }
        assert_eq!(statistics.suspicious(), [0]);
        statistics.count(2, 0, 0);
        assert!(statistics.suspicious().is_empty());
    }
}
