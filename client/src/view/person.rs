//! Somebody's card.

use std::{cell::RefCell, rc::Rc};

use matrix_sdk::ruma::{OwnedUserId, UserId};
use slint::ComponentHandle;

use super::{
    AppWindow, MembersAdapter, PersonAdapter, avatars::avatar, clipboard, context::Context,
    timeline::Timeline,
};
use crate::{
    bridge::command::{Command, RoomsCommand, TimelineCommand},
    render::words,
    rows::{MediaKey, MemberRights, MemberRow, Role},
};

/// The levels that the three choices stand for.
const LEVELS: [i64; 3] = [0, 50, 100];

/// The card and whom it shows.
pub(super) struct Person {
    context: Rc<Context>,
    timeline: Rc<Timeline>,
    shown: RefCell<Option<MemberRow>>,
}

impl Person {
    pub(super) fn new(context: &Rc<Context>, timeline: &Rc<Timeline>) -> Rc<Self> {
        let person = Rc::new(Self {
            context: context.clone(),
            timeline: timeline.clone(),
            shown: RefCell::default(),
        });
        context.with_window(|window| {
            let adapter = window.global::<PersonAdapter>();
            let card = person.clone();
            adapter.on_closed(move || card.close());
            let card = person.clone();
            adapter.on_copy_address(move || {
                if let Some(id) = card.id() {
                    clipboard::copy(id.as_str());
                }
            });
            let card = person.clone();
            adapter.on_level_chosen(move |index| card.set_level(index));
            let card = person.clone();
            adapter.on_silence(move |silent| {
                if let Some(user) = card.id() {
                    card.set_silenced(user, silent);
                }
            });
            let card = person.clone();
            adapter.on_unban(move || {
                if let Some(user) = card.id() {
                    card.unban(user);
                }
            });
            person.bind_list(window);
        });
        person
    }

    /// The same from the list of people.
    fn bind_list(self: &Rc<Self>, window: &AppWindow) {
        let members = window.global::<MembersAdapter>();
        let person = self.clone();
        members.on_silence(move |user, silent| {
            if let Ok(user) = UserId::parse(user) {
                person.set_silenced(user, silent);
            }
        });
        let person = self.clone();
        members.on_unban(move |user| {
            if let Ok(user) = UserId::parse(user) {
                person.unban(user);
            }
        });
    }

    /// Shows somebody's card.
    pub(super) fn open(&self, member: MemberRow) {
        *self.shown.borrow_mut() = Some(member);
        self.draw();
        self.context.with_window(|window| {
            let adapter = window.global::<PersonAdapter>();
            adapter.set_error("".into());
            adapter.set_trust(0);
            adapter.set_open(true);
            adapter.invoke_opened();
        });
    }

    /// Shows somebody of whom nothing is known but what a message says.
    pub(super) fn open_unknown(&self, id: &str, name: &str, avatar: Option<MediaKey>, own: bool) {
        if let Ok(user_id) = UserId::parse(id) {
            self.open(MemberRow {
                user_id,
                name: name.to_owned(),
                avatar,
                role: Role::Member,
                invited: false,
                banned: false,
                silenced: false,
                own,
                rights: MemberRights::default(),
            });
        }
    }

    /// The list of people has changed, perhaps by what was done here.
    pub(super) fn refresh(&self, people: &[MemberRow]) {
        let fresh = self
            .id()
            .and_then(|id| people.iter().find(|row| row.user_id == id).cloned());
        if let Some(fresh) = fresh {
            *self.shown.borrow_mut() = Some(fresh);
            self.draw();
        }
    }

    /// Draws the card again if it shows a picture that has arrived.
    pub(super) fn refresh_picture(&self, media: &MediaKey) {
        let shows = self
            .shown
            .borrow()
            .as_ref()
            .is_some_and(|row| row.avatar.as_ref() == Some(media));
        if shows {
            self.draw();
        }
    }

    /// Whose card is open.
    pub(super) fn id(&self) -> Option<OwnedUserId> {
        self.shown.borrow().as_ref().map(|row| row.user_id.clone())
    }

    pub(super) fn close(&self) {
        *self.shown.borrow_mut() = None;
        self.context
            .with_window(|window| window.global::<PersonAdapter>().set_open(false));
    }

    fn draw(&self) {
        let shown = self.shown.borrow();
        let Some(row) = shown.as_ref() else { return };
        let id = row.user_id.as_str();
        let picture = avatar(&self.context, id, &row.name, row.avatar.as_ref());
        let level = level(row);
        self.context.with_window(|window| {
            let adapter = window.global::<PersonAdapter>();
            adapter.set_id(id.into());
            adapter.set_name(row.name.as_str().into());
            adapter.set_avatar(picture);
            adapter.set_own(row.own);
            adapter.set_level(level);
            adapter.set_can_kick(row.rights.kick);
            adapter.set_can_ban(row.rights.ban);
            adapter.set_can_unban(row.rights.unban);
            adapter.set_can_silence(row.rights.silence);
            adapter.set_silenced(row.silenced);
        });
    }

    fn set_level(self: &Rc<Self>, index: i32) {
        let chosen = usize::try_from(index).ok();
        let Some(level) = chosen.and_then(|index| LEVELS.get(index)) else {
            return;
        };
        let (Some(room), Some(user)) = (self.timeline.room(), self.id()) else {
            return;
        };
        let mut before = index;
        self.context.with_window(|window| {
            let adapter = window.global::<PersonAdapter>();
            before = adapter.get_level();
            adapter.set_level(index);
        });
        // Whoever may not write is a member already, and stays silent.
        if before != index {
            let level = *level;
            self.ask(RoomsCommand::SetLevel { room, user, level });
        }
    }

    fn set_silenced(self: &Rc<Self>, user: OwnedUserId, silent: bool) {
        let Some(room) = self.timeline.room() else {
            return;
        };
        self.context.with_window(|window| {
            window.global::<PersonAdapter>().set_silenced(silent);
        });
        self.ask(RoomsCommand::SetMayWrite {
            room,
            user,
            may_write: !silent,
        });
    }

    /// Closes the card too: whoever may come back is not among the people here.
    fn unban(self: &Rc<Self>, user: OwnedUserId) {
        if let Some(room) = self.timeline.room() {
            self.close();
            self.ask(RoomsCommand::Unban { room, user });
        }
    }

    /// When it fails, the card shows again what is true; where none is open, the banner says why.
    fn ask(self: &Rc<Self>, command: RoomsCommand) {
        self.show_error("");
        let card = self.clone();
        self.context.ask(Command::Rooms(command), move |result| {
            let Err(trouble) = result else {
                return card.timeline.send(TimelineCommand::LoadMembers);
            };
            if card.id().is_none() {
                return card.context.show_failure(&trouble);
            }
            card.show_error(&words::trouble(card.context.language(), &trouble));
            card.draw();
        });
    }

    fn show_error(&self, sentence: &str) {
        self.context
            .with_window(|window| window.global::<PersonAdapter>().set_error(sentence.into()));
    }
}

/// Which of the choices somebody's level is; negative where it cannot be changed.
fn level(row: &MemberRow) -> i32 {
    match (row.rights.level_up_to, row.role) {
        (None, _) | (_, Role::Creator) => -1,
        (Some(_), Role::Administrator) => 2,
        (Some(_), Role::Moderator) => 1,
        (Some(_), Role::Member) => 0,
    }
}
