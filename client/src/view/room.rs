//! The open room: its header, its timeline, its composer, its members.

use std::{cell::RefCell, rc::Rc};

use matrix_sdk::ruma::{OwnedRoomId, OwnedUserId, RoomId};
use slint::ComponentHandle;

use super::{
    AppAdapter, AppWindow, ComposerAdapter, HeaderAdapter, MembersAdapter, PaneAdapter, PaneKind,
    RoomHead, RoomListAdapter, SearchAdapter, TimelineAdapter, attach::Attach, avatars::avatar,
    composer::Composer, context::Context, emoji_picker::EmojiPicker, head, members::Members,
    pane::Pane, person::Person, presence, room_list::RoomList, room_pane::RoomPane,
    timeline::Timeline,
};
use crate::{
    bridge::{command::TimelineCommand, update::TimelineUpdate},
    render::words,
    rows::{MediaKey, RoomHeader},
    settings::Layout,
};

/// Rooms with more people than this are drawn as flat rows: bubbles waste space where many speak.
const BUBBLES_UP_TO: u64 = 12;

/// The open room and everything around it.
pub(super) struct Room {
    pub(super) context: Rc<Context>,
    pub(super) list: Rc<RoomList>,
    pub(super) timeline: Rc<Timeline>,
    pub(super) composer: Rc<Composer>,
    pub(super) members: Rc<Members>,
    pub(super) person: Rc<Person>,
    pub(super) pane: Rc<Pane>,
    pub(super) attach: Rc<Attach>,
    page: Rc<RoomPane>,
    picker: Rc<EmojiPicker>,
    header: RefCell<Option<RoomHeader>>,
}

impl Room {
    pub(super) fn new(context: &Rc<Context>, list: &Rc<RoomList>) -> Rc<Self> {
        let timeline = Timeline::new(context, list);
        let composer = Composer::new(context, &timeline);
        let room = Rc::new(Self {
            context: context.clone(),
            list: list.clone(),
            members: Members::new(context),
            person: Person::new(context, &timeline),
            pane: Pane::new(context, &timeline),
            attach: Attach::new(context, &timeline, &composer),
            page: RoomPane::new(context, &timeline),
            picker: EmojiPicker::new(context, &composer, &timeline),
            composer,
            timeline,
            header: RefCell::default(),
        });
        room.bind();
        room
    }

    fn bind(self: &Rc<Self>) {
        self.context.with_window(|window| {
            window.global::<AppAdapter>().set_room_open(false);
            self.bind_header(window);
            let adapter = window.global::<RoomListAdapter>();
            let room = self.clone();
            adapter.on_room_chosen(move |id| room.open_id(&id));
            let room = self.clone();
            adapter.on_invitation_accepted(move |id| room.accept(&id));
            let room = self.clone();
            adapter.on_search_accepted(move || room.open(room.list.first()));
            let room = self.clone();
            window
                .global::<AppAdapter>()
                .on_room_stepped(move |step, unread| {
                    let here = room.timeline.room();
                    let here = here.as_deref().map(RoomId::as_str);
                    if let Some(next) = room.list.neighbour(here, step, unread) {
                        room.open(Some(next));
                    }
                });
        });
    }

    fn bind_header(self: &Rc<Self>, window: &AppWindow) {
        let adapter = window.global::<HeaderAdapter>();
        let room = self.clone();
        adapter.on_back(move || room.open(None));
        let room = self.clone();
        adapter.on_pane(move |kind| room.toggle_pane(kind));
        let pane = window.global::<PaneAdapter>();
        let room = self.clone();
        pane.on_chosen(move |kind| room.pane.open(kind));
        let room = self.clone();
        pane.on_close(move || room.pane.open(PaneKind::None));
        let room = self.clone();
        window
            .global::<AppAdapter>()
            .on_search(move |everywhere| room.search(everywhere));
        let room = self.clone();
        let found = window.global::<SearchAdapter>();
        found.on_chosen(move |id, event| room.show_message(&id, &event));
        let room = self.clone();
        window
            .global::<super::PinnedAdapter>()
            .on_chosen(move |id, event| room.show_message(&id, &event));
        let room = self.clone();
        window
            .global::<super::FilesAdapter>()
            .on_chosen(move |row| room.timeline.reveal_row(&row));
        let room = self.clone();
        window
            .global::<TimelineAdapter>()
            .on_person_opened(move |user| room.open_person(&user));
        let members = window.global::<MembersAdapter>();
        let room = self.clone();
        members.on_person_chosen(move |user| room.open_person(&user));
        let room = self.clone();
        members.on_mention(move |user| {
            if let Some(person) = room.members.find(&user) {
                room.composer.mention(&person);
            }
        });
        let room = self.clone();
        window
            .global::<AppAdapter>()
            .on_pane_stepped(move || room.step_pane());
        let room = self.clone();
        window
            .global::<TimelineAdapter>()
            .on_left(move || room.leave_messages());
    }

    /// Shows the search page.
    pub(super) fn search(self: &Rc<Self>, everywhere: bool) {
        let encrypted = self.is_encrypted();
        self.pane.open(PaneKind::Search);
        self.pane.search.prepare(everywhere, encrypted);
    }

    /// Opens a room at one of its messages.
    pub(super) fn show_message(self: &Rc<Self>, room: &str, event: &str) {
        self.open_id(room);
        self.timeline.seek(event);
    }

    fn toggle_pane(self: &Rc<Self>, kind: PaneKind) {
        match kind {
            _ if self.pane.kind() == kind => self.pane.open(PaneKind::None),
            PaneKind::Search => self.search(false),
            kind => self.pane.open(kind),
        }
    }

    /// The card of somebody here, or of somebody who has left.
    fn open_person(&self, user: &str) {
        if let Some(person) = self.members.find(user) {
            self.person.open(person);
            return;
        }
        self.timeline.send(TimelineCommand::LoadMembers);
        if let Some(message) = self.timeline.message_of(user) {
            let (name, picture) = (message.sender_name, message.sender_avatar);
            self.person.open_unknown(user, &name, picture, message.own);
        }
    }

    fn is_encrypted(&self) -> bool {
        self.header
            .borrow()
            .as_ref()
            .is_some_and(|header| header.encrypted)
    }

    /// Opens a room by the text of its id. An invitation is not open until it is accepted.
    pub(super) fn open_id(self: &Rc<Self>, id: &str) {
        let is_invitation = self
            .list
            .find(id)
            .is_some_and(|room| room.invitation.is_some());
        if let Ok(room) = RoomId::parse(id)
            && !is_invitation
        {
            self.open(Some(room));
        }
    }

    /// Opens a room, or none.
    pub(super) fn open(self: &Rc<Self>, room: Option<OwnedRoomId>) {
        if room == self.timeline.room() {
            // Whoever chooses it means to write there.
            self.composer.focus();
            return;
        }
        tracing::info!("a room is opened");
        self.end_questions();
        self.show_known(room.as_deref());
        self.picker.hide();
        self.composer.room_changed(room.as_deref());
        self.page.clear();
        self.person.close();
        let new = self.list.unread(room.as_deref());
        self.timeline.open(room.clone(), new);
        self.classes_changed();
        self.list.select(room.as_deref());
        self.context
            .with_window(|window| window.global::<AppAdapter>().set_room_open(room.is_some()));
        self.pane.room_changed(room.is_some());
    }

    /// Draws again what depends on whether the open room belongs to a class.
    pub(super) fn classes_changed(&self) {
        let room = self.timeline.room();
        let in_class = room.is_some_and(|room| self.context.is_class(room.as_str()));
        self.timeline.set_class(in_class);
        self.members.set_class(in_class);
        self.show_header();
    }

    /// Applies what changed in a room; news of a room that was left meanwhile is dropped.
    pub(super) fn apply(self: &Rc<Self>, room: &RoomId, update: TimelineUpdate) {
        if self.timeline.room().as_deref() != Some(room) {
            return;
        }
        match update {
            TimelineUpdate::Header(header) => {
                self.pane.header_changed(&header);
                let few = header.direct_with.is_none() && header.members <= presence::PEOPLE as u64;
                let first = self.header.replace(Some(header)).is_none();
                self.show_header();
                if first && few {
                    // How many of them are online stands in the header.
                    self.timeline.send(TimelineCommand::LoadMembers);
                }
                if first {
                    self.pane.search.room_changed(self.is_encrypted());
                }
            }
            TimelineUpdate::Rows(diffs) => {
                self.timeline.apply(diffs);
                self.composer.rows_changed();
                self.pane.rows_changed();
            }
            TimelineUpdate::Pagination(pagination) => self.timeline.set_pagination(pagination),
            TimelineUpdate::Typing(names) => self.timeline.set_typing(names),
            TimelineUpdate::Members(rows) => {
                self.person.refresh(&rows);
                let here = rows.iter().filter(|row| !row.banned);
                self.composer.set_people(here.cloned().collect());
                self.members.show(rows);
                self.show_header();
            }
            TimelineUpdate::Draft(draft) => self.composer.set_draft(&draft),
        }
    }

    /// Draws again what shows a picture that has arrived.
    pub(super) fn refresh_picture(&self, media: &MediaKey) {
        self.timeline.refresh_picture(media);
        self.members.refresh_picture(media);
        self.person.refresh_picture(media);
        self.pane.refresh_picture(media);
        let shown = self
            .header
            .borrow()
            .as_ref()
            .is_some_and(|header| header.avatar.as_ref() == Some(media));
        if shown {
            self.show_header();
        }
    }

    /// The people of whom the window shows whether they are online.
    pub(super) fn people(&self) -> Vec<OwnedUserId> {
        let mut people = self.members.few(presence::PEOPLE);
        let header = self.header.borrow();
        people.extend(
            header
                .as_ref()
                .and_then(|header| header.direct_with.clone()),
        );
        people
    }

    /// Draws again who is online.
    pub(super) fn refresh_presence(&self) {
        self.members.show_rows();
        self.show_header();
    }

    /// Draws everything again, in another language.
    pub(super) fn refresh_all(&self) {
        self.timeline.refresh_all();
        self.members.refresh_all();
        self.show_header();
    }

    /// What the list knows of the room, until its header arrives.
    fn show_known(&self, room: Option<&RoomId>) {
        *self.header.borrow_mut() = None;
        self.members.show(Vec::new());
        // Until the header tells otherwise.
        self.context
            .with_window(|window| window.global::<ComposerAdapter>().set_can_send(true));
        let Some(row) = room.and_then(|room| self.list.find(room.as_str())) else {
            return;
        };
        let id = row
            .direct_with
            .as_ref()
            .map_or(row.id.as_str(), |user| user.as_str());
        let head = RoomHead {
            name: row.name.as_str().into(),
            avatar: avatar(&self.context, id, &row.name, row.avatar.as_ref()),
            direct: row.direct_with.is_some(),
            encrypted: row.encrypted,
            muted: row.muted,
            can_send: true,
            ..RoomHead::default()
        };
        self.context.with_window(|window| head::show(window, head));
    }

    fn show_header(&self) {
        let header = self.header.borrow();
        let (Some(header), Some(room)) = (header.as_ref(), self.timeline.room()) else {
            return;
        };
        let direct = header.direct_with.is_some();
        let id = header
            .direct_with
            .as_ref()
            .map_or(room.as_str(), |user| user.as_str());
        let language = self.context.language();
        let people = words::members_online(language, header.members, self.members.online());
        let facts = match (&header.topic, &header.direct_with) {
            (_, Some(user)) => match self.context.presence.of(user.as_str()) {
                Some(known) => words::presence(language, known.online, known.active_ago),
                None => user.to_string(),
            },
            (Some(topic), None) if !topic.is_empty() => format!("{people} · {topic}"),
            _ => people,
        };
        let head = RoomHead {
            name: header.name.as_str().into(),
            facts: facts.as_str().into(),
            avatar: avatar(&self.context, id, &header.name, header.avatar.as_ref()),
            direct,
            presence: header
                .direct_with
                .as_ref()
                .map(|user| self.context.presence.dot(user.as_str()))
                .unwrap_or_default(),
            encrypted: header.encrypted,
            muted: header.muted,
            favourite: header.favourite,
            can_send: header.can_send,
            can_invite: header.can_invite,
            games: header.has_bot && header.can_send,
        };
        self.page.show(header, &facts);
        let flat = match self.context.settings.get().layout {
            Layout::Room => header.members > BUBBLES_UP_TO,
            Layout::Bubbles => false,
            Layout::Lines => true,
        };
        self.context.with_window(|window| {
            window.global::<TimelineAdapter>().set_flat(flat);
            head::show(window, head);
        });
    }
}
