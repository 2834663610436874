//! The people of the open room.

use std::{cell::RefCell, rc::Rc};

use slint::{ComponentHandle, ModelRc, VecModel};

use super::{MemberItem, MembersAdapter, Role as Tag, avatars::avatar, context::Context};
use crate::{
    render::Language,
    rows::{MediaKey, MemberRow, Role},
};

/// The member pane.
pub(super) struct Members {
    context: Rc<Context>,
    rows: RefCell<Vec<MemberRow>>,
    search: RefCell<String>,
    model: Rc<VecModel<MemberItem>>,
}

impl Members {
    pub(super) fn new(context: &Rc<Context>) -> Rc<Self> {
        let members = Rc::new(Self {
            context: context.clone(),
            rows: RefCell::default(),
            search: RefCell::default(),
            model: Rc::default(),
        });
        context.with_window(|window| {
            let adapter = window.global::<MembersAdapter>();
            adapter.set_rows(ModelRc::from(members.model.clone()));
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
        *self.rows.borrow_mut() = rows;
        self.refresh_all();
    }

    /// Somebody here.
    pub(super) fn find(&self, id: &str) -> Option<MemberRow> {
        let rows = self.rows.borrow();
        rows.iter().find(|row| row.user_id == id).cloned()
    }

    /// Draws the pane again if it shows a picture that has arrived.
    pub(super) fn refresh_picture(&self, media: &MediaKey) {
        let shown = self
            .rows
            .borrow()
            .iter()
            .any(|row| row.avatar.as_ref() == Some(media));
        if shown {
            self.refresh_all();
        }
    }

    /// Draws everything again.
    pub(super) fn refresh_all(&self) {
        let language = self.context.language();
        let search = self.search.borrow();
        let rows = self.rows.borrow();
        let mut shown: Vec<_> = rows
            .iter()
            .filter(|row| search.is_empty() || row.name.to_lowercase().contains(search.as_str()))
            .collect();
        shown.sort_by_key(|row| (group(row), row.name.to_lowercase()));
        let mut items = Vec::with_capacity(shown.len() + 3);
        for people in shown.chunk_by(|a, b| group(a) == group(b)) {
            items.push(MemberItem {
                header: true,
                name: format!("{} · {}", title(language, group(people[0])), people.len())
                    .as_str()
                    .into(),
                ..MemberItem::default()
            });
            items.extend(people.iter().map(|row| self.item(language, row)));
        }
        self.model.set_vec(items);
        let count = i32::try_from(rows.len()).unwrap_or(i32::MAX);
        self.context
            .with_window(|window| window.global::<MembersAdapter>().set_count(count));
    }

    fn item(&self, language: Language, row: &MemberRow) -> MemberItem {
        let id = row.user_id.as_str();
        let detail = match (row.own, language) {
            (true, Language::Russian) => "это вы",
            (true, Language::English) => "this is you",
            (false, _) => id,
        };
        MemberItem {
            header: false,
            id: id.into(),
            name: row.name.as_str().into(),
            detail: detail.into(),
            avatar: avatar(&self.context, id, &row.name, row.avatar.as_ref()),
            role: tag(row.role),
            can_kick: row.rights.kick,
            can_ban: row.rights.ban,
        }
    }
}

fn tag(role: Role) -> Tag {
    match role {
        Role::Creator => Tag::Creator,
        Role::Administrator => Tag::Administrator,
        Role::Moderator => Tag::Moderator,
        Role::Member => Tag::None,
    }
}

/// The parts of the list, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Group {
    Leaders,
    Members,
    Invited,
}

fn group(row: &MemberRow) -> Group {
    match row.role {
        _ if row.invited => Group::Invited,
        Role::Creator | Role::Administrator | Role::Moderator => Group::Leaders,
        Role::Member => Group::Members,
    }
}

fn title(language: Language, group: Group) -> &'static str {
    let [russian, english] = match group {
        Group::Leaders => ["Ведут чат", "In charge"],
        Group::Members => ["Участники", "Members"],
        Group::Invited => ["Приглашены", "Invited"],
    };
    match language {
        Language::Russian => russian,
        Language::English => english,
    }
}
