//! The room list in sections, filtered and searched.

use std::{collections::HashSet, rc::Rc, sync::Arc};

use eyeball_im::VectorDiff;
use imbl::Vector;
use matrix_sdk::ruma::OwnedRoomId;

use super::{diff_model::DiffModel, patch::patch};
use crate::rows::{RoomRow, Section};

/// A line of the room list.
#[derive(Debug, Clone)]
pub enum ListEntry {
    /// Where a section begins.
    Header {
        section: Section,
        rooms: usize,
        collapsed: bool,
    },
    Room(Arc<RoomRow>),
}

impl PartialEq for ListEntry {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            // Nearly all rows are the very same after a change: nothing in them has to be compared.
            (Self::Room(a), Self::Room(b)) => Arc::ptr_eq(a, b) || a == b,
            (
                Self::Header {
                    section,
                    rooms,
                    collapsed,
                },
                Self::Header {
                    section: other_section,
                    rooms: other_rooms,
                    collapsed: other_collapsed,
                },
            ) => (section, rooms, collapsed) == (other_section, other_rooms, other_collapsed),
            _ => false,
        }
    }
}

/// The chips above the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RoomFilter {
    #[default]
    All,
    /// Rooms with something new.
    Unread,
    /// Rooms where somebody names the reader.
    Mentions,
}

/// How many rooms have something new.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RoomCounts {
    /// Among the rooms of the space that is chosen.
    pub unread: usize,
    /// The same of those where somebody named the reader.
    pub mentions: usize,
    /// Among all rooms.
    pub unread_everywhere: usize,
    pub invitations: usize,
}

/// Makes a sectioned list of the rooms, which come ordered by latest activity.
#[derive(Default)]
pub struct RoomSections {
    rooms: Vector<Arc<RoomRow>>,
    filter: RoomFilter,
    search: String,
    /// Only these rooms, when a space is chosen.
    space: Option<HashSet<OwnedRoomId>>,
    /// The rooms of all spaces.
    classes: HashSet<OwnedRoomId>,
    collapsed: HashSet<Section>,
    model: Rc<DiffModel<ListEntry>>,
}

impl RoomSections {
    /// An empty list.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The lines for the view.
    #[must_use]
    pub fn model(&self) -> Rc<DiffModel<ListEntry>> {
        self.model.clone()
    }

    /// Applies what [`Update::Rooms`](crate::bridge::update::Update::Rooms) brought.
    pub fn apply_all(&mut self, diffs: impl IntoIterator<Item = VectorDiff<Arc<RoomRow>>>) {
        let (mut moved, mut replaced) = (false, Vec::new());
        for diff in diffs {
            match self.in_its_place(&diff) {
                Some(room) => replaced.push(room),
                None => moved = true,
            }
            diff.apply(&mut self.rooms);
        }
        if moved {
            return self.rebuild();
        }
        for room in replaced {
            let is_old = |old: &ListEntry, new: &ListEntry| old.is_same_line(new) && old != new;
            self.model.replace(ListEntry::Room(room), is_old);
        }
    }

    /// The room of a change that moves no line. Whoever is in thousands of rooms gets thousands of them.
    fn in_its_place(&self, diff: &VectorDiff<Arc<RoomRow>>) -> Option<Arc<RoomRow>> {
        let VectorDiff::Set { index, value } = diff else {
            return None;
        };
        let before = self.rooms.get(*index)?;
        let stays = before.id == value.id
            && self.section(before) == self.section(value)
            && self.is_shown(before) == self.is_shown(value);
        stays.then(|| Arc::clone(value))
    }

    /// Begins anew with no rooms, and with nothing that chooses among them.
    pub fn clear(&mut self) {
        let model = self.model();
        *self = Self {
            model,
            ..Self::default()
        };
        self.rebuild();
    }

    /// Chooses a chip.
    pub fn set_filter(&mut self, filter: RoomFilter) {
        self.filter = filter;
        self.rebuild();
    }

    /// Shows only rooms with this in their name; empty for all.
    pub fn set_search(&mut self, search: &str) {
        self.search = search.trim().to_lowercase();
        self.rebuild();
    }

    /// Shows only the rooms of a space, or all.
    pub fn set_space(&mut self, rooms: Option<HashSet<OwnedRoomId>>) {
        self.space = rooms;
        self.rebuild();
    }

    /// Tells which rooms belong to a space: they get a section of their own.
    pub fn set_classes(&mut self, rooms: HashSet<OwnedRoomId>) {
        self.classes = rooms;
        self.rebuild();
    }

    /// The rooms among these with something new, for the badge of a space.
    #[must_use]
    pub fn unread_among(&self, rooms: &[OwnedRoomId]) -> usize {
        self.rooms
            .iter()
            .filter(|room| has_news(room) && rooms.contains(&room.id))
            .count()
    }

    /// Every room, whatever is shown.
    #[must_use]
    pub fn rooms(&self) -> &Vector<Arc<RoomRow>> {
        &self.rooms
    }

    /// Opens or closes a section.
    pub fn toggle(&mut self, section: Section) {
        if !self.collapsed.remove(&section) {
            self.collapsed.insert(section);
        }
        self.rebuild();
    }

    /// The numbers for the chips.
    #[must_use]
    pub fn counts(&self) -> RoomCounts {
        let mut counts = RoomCounts::default();
        for room in &self.rooms {
            let is_near = self.is_in_space(room);
            counts.unread += usize::from(is_near && has_news(room));
            counts.mentions += usize::from(is_near && room.mentions > 0);
            counts.unread_everywhere += usize::from(has_news(room));
            counts.invitations += usize::from(room.invitation.is_some());
        }
        counts
    }

    /// The room that is `step` lines below (or above) the given one, for the keyboard; with `unread_only`, the next
    /// with something new.
    #[must_use]
    pub fn neighbour(
        &self,
        from: Option<&str>,
        step: i32,
        unread_only: bool,
    ) -> Option<Arc<RoomRow>> {
        let rooms: Vec<_> = self
            .model
            .to_vec()
            .into_iter()
            .filter_map(ListEntry::into_room)
            .collect();
        let here = from.and_then(|id| rooms.iter().position(|room| room.id.as_str() == id));
        let mut at = match here {
            Some(index) => i64::try_from(index).ok()? + i64::from(step),
            None if step >= 0 => 0,
            None => i64::try_from(rooms.len()).ok()? - 1,
        };
        while let Some(room) = usize::try_from(at).ok().and_then(|index| rooms.get(index)) {
            if !unread_only || has_news(room) {
                return Some(room.clone());
            }
            at += if step >= 0 { 1 } else { -1 };
        }
        None
    }

    fn rebuild(&self) {
        let mut shown: Vec<(Section, &Arc<RoomRow>)> = self
            .rooms
            .iter()
            .filter(|room| self.is_shown(room))
            .map(|room| (self.section(room), room))
            .collect();
        shown.sort_by_key(|(section, _)| *section);
        let searching = !self.search.is_empty();
        let mut entries = Vec::with_capacity(shown.len() + 6);
        for rooms in shown.chunk_by(|(a, _), (b, _)| a == b) {
            let section = rooms[0].0;
            let collapsed = !searching && self.collapsed.contains(&section);
            entries.push(ListEntry::Header {
                section,
                rooms: rooms.len(),
                collapsed,
            });
            if !collapsed {
                let rooms = rooms.iter().map(|(_, room)| Arc::clone(room));
                entries.extend(rooms.map(ListEntry::Room));
            }
        }
        patch(&self.model, entries, ListEntry::is_same_line);
    }

    /// A room of a space is where the space's rooms are.
    fn section(&self, room: &RoomRow) -> Section {
        match room.section {
            Section::Groups if self.classes.contains(&room.id) => Section::Classes,
            section => section,
        }
    }

    fn is_in_space(&self, room: &RoomRow) -> bool {
        let mut space = self.space.iter();
        space.all(|rooms| rooms.contains(&room.id))
    }

    fn is_shown(&self, room: &RoomRow) -> bool {
        let chip = match self.filter {
            RoomFilter::All => true,
            RoomFilter::Unread => has_news(room),
            RoomFilter::Mentions => room.mentions > 0,
        };
        chip && self.is_in_space(room)
            && (self.search.is_empty() || room.name.to_lowercase().contains(&self.search))
    }
}

impl ListEntry {
    fn is_same_line(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Header { section: a, .. }, Self::Header { section: b, .. }) => a == b,
            (Self::Room(a), Self::Room(b)) => Arc::ptr_eq(a, b) || a.id == b.id,
            _ => false,
        }
    }

    fn into_room(self) -> Option<Arc<RoomRow>> {
        match self {
            Self::Room(room) => Some(room),
            Self::Header { .. } => None,
        }
    }
}

fn has_news(room: &RoomRow) -> bool {
    room.invitation.is_some() || room.mentions > 0 || (room.unread > 0 && !room.muted)
}
