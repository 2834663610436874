//! The room list in sections.
#![expect(clippy::unwrap_used, reason = "a failing test may panic")]

use std::sync::Arc;

use client::{
    model::sections::{ListEntry, RoomFilter, RoomSections},
    rows::{RoomRow, Section},
};
use eyeball_im::VectorDiff;
use matrix_sdk::ruma::RoomId;
use proptest::prelude::*;

fn room(name: &str, section: Section, unread: u64) -> Arc<RoomRow> {
    Arc::new(RoomRow {
        id: RoomId::parse(format!("!{name}:x")).unwrap(),
        name: name.to_owned(),
        avatar: None,
        section,
        direct_with: None,
        encrypted: false,
        muted: false,
        unread,
        mentions: 0,
        preview: None,
        draft: None,
        typing: Vec::new(),
        latest_at: None,
        invitation: None,
    })
}

fn list(rooms: &[Arc<RoomRow>]) -> RoomSections {
    let mut sections = RoomSections::new();
    sections.apply_all([VectorDiff::Reset {
        values: rooms.iter().cloned().collect(),
    }]);
    sections
}

fn lines(sections: &RoomSections) -> Vec<String> {
    let entries = sections.model().to_vec().into_iter();
    let lines = entries.map(|entry| match entry {
        ListEntry::Header {
            section,
            rooms,
            collapsed,
        } => {
            format!(
                "{section:?} {rooms}{}",
                if collapsed { " closed" } else { "" }
            )
        }
        ListEntry::Room(room) => room.name.clone(),
    });
    lines.collect()
}

fn some_rooms() -> Vec<Arc<RoomRow>> {
    vec![
        room("Склад", Section::Groups, 2),
        room("София", Section::Direct, 0),
        room("Тимур", Section::Direct, 1),
        room("Базы", Section::Favourites, 0),
    ]
}

#[test]
fn rooms_stand_in_their_sections_by_latest_activity() {
    let sections = list(&some_rooms());
    let expected = [
        "Favourites 1",
        "Базы",
        "Direct 2",
        "София",
        "Тимур",
        "Groups 1",
        "Склад",
    ];
    assert_eq!(lines(&sections), expected);
}

#[test]
fn a_closed_section_keeps_its_header() {
    let mut sections = list(&some_rooms());
    sections.toggle(Section::Direct);
    assert_eq!(
        lines(&sections),
        [
            "Favourites 1",
            "Базы",
            "Direct 2 closed",
            "Groups 1",
            "Склад"
        ]
    );
}

#[test]
fn the_chip_shows_only_what_is_new() {
    let mut sections = list(&some_rooms());
    sections.set_filter(RoomFilter::Unread);
    assert_eq!(lines(&sections), ["Direct 1", "Тимур", "Groups 1", "Склад"]);
    assert_eq!(sections.counts().unread, 2);
}

#[test]
fn a_search_ignores_case_and_opens_closed_sections() {
    let mut sections = list(&some_rooms());
    sections.toggle(Section::Direct);
    sections.set_search("соФ");
    assert_eq!(lines(&sections), ["Direct 1", "София"]);
}

#[test]
fn the_keyboard_walks_over_headers_and_to_what_is_new() {
    let sections = list(&some_rooms());
    let next = |from, step, unread| {
        sections
            .neighbour(from, step, unread)
            .map(|room| room.name.clone())
    };
    assert_eq!(next(Some("!Базы:x"), 1, false).as_deref(), Some("София"));
    assert_eq!(next(Some("!Базы:x"), 1, true).as_deref(), Some("Тимур"));
    assert_eq!(next(Some("!Базы:x"), -1, false), None);
    assert_eq!(next(None, 1, false).as_deref(), Some("Базы"));
}

proptest! {
    #[test]
    fn patching_step_by_step_gives_the_same_list_as_building_it(
        lists in prop::collection::vec(prop::collection::vec((0_u8..12, 0_usize..5, 0_u64..3), 0..14), 1..8),
        changes in prop::collection::vec((0_usize..14, 0_usize..5, 0_u64..3), 0..8),
    ) {
        let all = [
            Section::Invitations, Section::Favourites, Section::Direct, Section::Groups, Section::LowPriority,
        ];
        let mut patched = RoomSections::new();
        for wanted in lists {
            let mut rooms: Vec<Arc<RoomRow>> = Vec::new();
            for (name, section, unread) in wanted {
                let row = room(&format!("room{name}"), all[section], unread);
                if !rooms.iter().any(|other| other.id == row.id) {
                    rooms.push(row);
                }
            }
            patched.apply_all([VectorDiff::Reset { values: rooms.iter().cloned().collect() }]);
            prop_assert_eq!(patched.model().to_vec(), list(&rooms).model().to_vec());
            for (index, section, unread) in &changes {
                let Some(before) = rooms.get(*index) else { continue };
                let value = room(&before.name, all[*section], *unread);
                rooms[*index] = value.clone();
                patched.apply_all([VectorDiff::Set { index: *index, value }]);
                prop_assert_eq!(patched.model().to_vec(), list(&rooms).model().to_vec());
            }
        }
    }
}
