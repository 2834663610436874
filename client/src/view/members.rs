//! The people of the open room.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use eyeball_im::VectorDiff;
use matrix_sdk::ruma::OwnedUserId;
use slint::{ComponentHandle, ModelExt, ModelRc};

use super::{
    MemberItem, MembersAdapter, Presence, Role as Tag,
    avatars::{avatar, no_avatar},
    context::Context,
    roles::tag,
};
use crate::{
    model::{diff_model::DiffModel, patch::patch},
    render::{Language, words},
    rows::{MediaKey, MemberRow, PresenceRow, Role},
};

/// The member pane. What is shown of somebody is made when their line comes into view: a room may have thousands.
pub(super) struct Members {
    context: Rc<Context>,
    rows: RefCell<Vec<Rc<MemberRow>>>,
    search: RefCell<String>,
    in_class: Cell<bool>,
    lines: Rc<DiffModel<Line>>,
}

/// A line of the pane, with all that changes in it.
#[derive(Clone, PartialEq)]
enum Line {
    Title(Group, usize),
    Person(Rc<MemberRow>, Option<PresenceRow>),
}

impl Line {
    /// Whether this is the same line, perhaps with something else in it.
    fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Title(one, _), Self::Title(other, _)) => one == other,
            (Self::Person(one, _), Self::Person(other, _)) => one.user_id == other.user_id,
            _ => false,
        }
    }
}

/// When more people than these come or go at once, the list is made anew: nobody keeps a place in that.
const FEW: usize = 100;

impl Members {
    pub(super) fn new(context: &Rc<Context>) -> Rc<Self> {
        let members = Rc::new(Self {
            context: context.clone(),
            rows: RefCell::default(),
            search: RefCell::default(),
            in_class: Cell::default(),
            lines: Rc::default(),
        });
        context.with_window(|window| {
            let adapter = window.global::<MembersAdapter>();
            let pane = members.clone();
            let items = members.lines.clone().map(move |line| pane.item(&line));
            adapter.set_rows(ModelRc::new(items));
            let pane = members.clone();
            adapter.on_search_edited(move |text| {
                *pane.search.borrow_mut() = text.trim().to_lowercase();
                pane.refresh_all();
            });
        });
        members
    }

    /// Shows these people.
    pub(super) fn show(&self, rows: Vec<MemberRow>) {
        *self.rows.borrow_mut() = rows.into_iter().map(Rc::new).collect();
        self.show_rows();
    }

    /// Says whether this is the room of a class.
    pub(super) fn set_class(&self, in_class: bool) {
        if self.in_class.replace(in_class) != in_class {
            self.refresh_all();
        }
    }

    /// Somebody here.
    pub(super) fn find(&self, id: &str) -> Option<MemberRow> {
        let rows = self.rows.borrow();
        let found = rows.iter().find(|row| row.user_id == id)?;
        Some(MemberRow::clone(found))
    }

    /// The people here, unless they are many.
    pub(super) fn few(&self, limit: usize) -> Vec<OwnedUserId> {
        let rows = self.rows.borrow();
        let here = rows
            .iter()
            .filter(|row| !row.invited && !row.banned && !row.own);
        match rows.len() <= limit {
            true => here.map(|row| row.user_id.clone()).collect(),
            false => Vec::new(),
        }
    }

    /// How many of the people here are online, as far as it is known.
    pub(super) fn online(&self) -> Option<u64> {
        let rows = self.rows.borrow();
        let rows = rows.iter().map(Rc::as_ref);
        let is_here = |row: &&MemberRow| !row.own && !row.invited && !row.banned;
        let known = rows.filter(is_here).map(|row| row.user_id.as_str());
        // Whoever looks at this is there too.
        self.context.presence.online(known).map(|online| online + 1)
    }

    /// Draws those again whose picture has arrived.
    pub(super) fn refresh_picture(&self, media: &MediaKey) {
        for (index, value) in self.lines.to_vec().into_iter().enumerate() {
            if matches!(&value, Line::Person(row, _) if row.avatar.as_ref() == Some(media)) {
                self.lines.apply(VectorDiff::Set { index, value });
            }
        }
    }

    /// Draws everything again.
    pub(super) fn refresh_all(&self) {
        let values = self.wanted().into_iter().collect();
        self.lines.apply(VectorDiff::Reset { values });
        self.show_count();
    }

    /// Draws those again who came or went, or are called otherwise, or of whom more is known: the others keep their
    /// place, and the keyboard its own.
    pub(super) fn show_rows(&self) {
        let wanted = self.wanted();
        let before = slint::Model::row_count(&*self.lines);
        if wanted.len().abs_diff(before) > FEW {
            self.refresh_all();
        } else {
            patch(&self.lines, wanted, Line::is);
            self.show_count();
        }
    }

    fn wanted(&self) -> Vec<Line> {
        let search = self.search.borrow();
        let rows = self.rows.borrow();
        let mut shown: Vec<_> = rows
            .iter()
            .filter(|row| search.is_empty() || row.name.to_lowercase().contains(search.as_str()))
            .collect();
        shown.sort_by_cached_key(|row| (group(row), row.name.to_lowercase()));
        let mut lines = Vec::with_capacity(shown.len() + 3);
        for people in shown.chunk_by(|a, b| group(a) == group(b)) {
            lines.push(Line::Title(group(people[0]), people.len()));
            lines.extend(people.iter().map(|row| {
                let presence = self.context.presence.of(row.user_id.as_str());
                Line::Person(Rc::clone(row), presence)
            }));
        }
        lines
    }

    fn show_count(&self) {
        let here = self.rows.borrow().iter().filter(|row| !row.banned).count();
        let count = i32::try_from(here).unwrap_or(i32::MAX);
        self.context
            .with_window(|window| window.global::<MembersAdapter>().set_count(count));
    }

    fn item(&self, line: &Line) -> MemberItem {
        let language = self.context.language();
        match line {
            Line::Title(group, people) => {
                let title = title(language, *group, self.in_class.get());
                MemberItem {
                    header: true,
                    name: format!("{title} · {people}").as_str().into(),
                    avatar: no_avatar(),
                    ..MemberItem::default()
                }
            }
            Line::Person(row, _) => self.person(language, row),
        }
    }

    fn person(&self, language: Language, row: &MemberRow) -> MemberItem {
        let id = row.user_id.as_str();
        let detail = self.detail(language, row);
        MemberItem {
            header: false,
            id: id.into(),
            name: row.name.as_str().into(),
            detail: detail.as_str().into(),
            presence: match row.banned {
                true => Presence::Unknown,
                false => self.context.presence.dot(id),
            },
            avatar: avatar(&self.context, id, &row.name, row.avatar.as_ref()),
            role: match row.banned {
                true => Tag::None,
                false => tag(row.role, self.in_class.get()),
            },
            own: row.own,
            banned: row.banned,
            silenced: row.silenced,
            can_silence: row.rights.silence,
            can_kick: row.rights.kick,
            can_ban: row.rights.ban,
            can_unban: row.rights.unban,
        }
    }

    fn detail(&self, language: Language, row: &MemberRow) -> String {
        let id = row.user_id.as_str();
        let known = match (row.own, language) {
            (true, Language::Russian) => "это вы".to_owned(),
            (true, Language::English) => "this is you".to_owned(),
            (false, _) if row.banned => return id.to_owned(),
            (false, _) => match self.context.presence.of(id) {
                Some(known) => words::presence(language, known.online, known.active_ago),
                None => id.to_owned(),
            },
        };
        match (row.silenced, language) {
            (false, _) => known,
            (true, Language::Russian) => format!("не может писать · {known}"),
            (true, Language::English) => format!("may not write · {known}"),
        }
    }
}

/// The parts of the list, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Group {
    Leaders,
    Members,
    Invited,
    Banned,
}

fn group(row: &MemberRow) -> Group {
    match row.role {
        _ if row.banned => Group::Banned,
        _ if row.invited => Group::Invited,
        Role::Creator | Role::Administrator | Role::Moderator => Group::Leaders,
        Role::Member => Group::Members,
    }
}

fn title(language: Language, group: Group, in_class: bool) -> &'static str {
    let [russian, english] = match group {
        Group::Leaders if in_class => ["Преподаватели", "Teachers"],
        Group::Leaders => ["Ведут чат", "In charge"],
        Group::Members => ["Участники", "Members"],
        Group::Invited => ["Приглашены", "Invited"],
        Group::Banned => ["Заблокированы", "Banned"],
    };
    match language {
        Language::Russian => russian,
        Language::English => english,
    }
}
