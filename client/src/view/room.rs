//! The open room: its header, its timeline, its composer, its members.

use std::{cell::RefCell, rc::Rc};

use matrix_sdk::ruma::{OwnedRoomId, RoomId};
use slint::ComponentHandle;

use super::{
    AppAdapter, AppWindow, ComposerAdapter, HeaderAdapter, MembersAdapter, RoomHead,
    RoomListAdapter, TimelineAdapter, avatars::avatar, composer::Composer, context::Context,
    members::Members, room_list::RoomList, timeline::Timeline,
};
use crate::{
    bridge::{command::TimelineCommand, update::TimelineUpdate},
    render::words,
    rows::{MediaKey, RoomHeader},
};

/// Rooms with more people than this are drawn as flat rows: bubbles waste space where many speak.
const BUBBLES_UP_TO: u64 = 12;

/// The open room and everything around it.
pub(super) struct Room {
    context: Rc<Context>,
    list: Rc<RoomList>,
    pub(super) timeline: Rc<Timeline>,
    composer: Rc<Composer>,
    members: Rc<Members>,
    header: RefCell<Option<RoomHeader>>,
}

impl Room {
    pub(super) fn new(context: &Rc<Context>, list: &Rc<RoomList>) -> Rc<Self> {
        let timeline = Timeline::new(context);
        let room = Rc::new(Self {
            context: context.clone(),
            list: list.clone(),
            composer: Composer::new(context, &timeline),
            members: Members::new(context),
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
        adapter.set_members_open(false);
        let room = self.clone();
        adapter.on_back(move || room.open(None));
        let room = self.clone();
        adapter.on_members(move || room.toggle_members());
        let room = self.clone();
        window
            .global::<MembersAdapter>()
            .on_close(move || room.toggle_members());
    }

    /// Opens a room by the text of its id. An invitation is not open until it is accepted.
    pub(super) fn open_id(&self, id: &str) {
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
    pub(super) fn open(&self, room: Option<OwnedRoomId>) {
        if room == self.timeline.room() {
            return;
        }
        self.show_known(room.as_deref());
        self.composer.reset("");
        self.timeline.open(room.clone());
        self.list.select(room.as_deref());
        self.context.with_window(|window| {
            window.global::<AppAdapter>().set_room_open(room.is_some());
            if room.is_some() && window.global::<HeaderAdapter>().get_members_open() {
                self.timeline.send(TimelineCommand::LoadMembers);
            }
        });
    }

    /// Applies what changed in a room; news of a room that was left meanwhile is dropped.
    pub(super) fn apply(&self, room: &RoomId, update: TimelineUpdate) {
        if self.timeline.room().as_deref() != Some(room) {
            return;
        }
        match update {
            TimelineUpdate::Header(header) => {
                *self.header.borrow_mut() = Some(header);
                self.show_header();
            }
            TimelineUpdate::Rows(diffs) => self.timeline.apply(diffs),
            TimelineUpdate::Pagination(pagination) => self.timeline.set_pagination(pagination),
            TimelineUpdate::Typing(names) => self.timeline.set_typing(names),
            TimelineUpdate::Members(rows) => self.members.show(rows),
            TimelineUpdate::Draft(draft) => self.composer.set_draft(&draft),
        }
    }

    /// Draws again what shows a picture that has arrived.
    pub(super) fn refresh_picture(&self, media: &MediaKey) {
        self.timeline.refresh_picture(media);
        self.members.refresh_picture(media);
        let shown = self
            .header
            .borrow()
            .as_ref()
            .is_some_and(|header| header.avatar.as_ref() == Some(media));
        if shown {
            self.show_header();
        }
    }

    /// Draws everything again, in another language.
    pub(super) fn refresh_all(&self) {
        self.timeline.refresh_all();
        self.members.refresh_all();
        self.show_header();
    }

    fn toggle_members(&self) {
        self.context.with_window(|window| {
            let adapter = window.global::<HeaderAdapter>();
            let open = !adapter.get_members_open();
            adapter.set_members_open(open);
            if open {
                self.timeline.send(TimelineCommand::LoadMembers);
            }
        });
    }

    /// What the list knows of the room, until its header arrives.
    fn show_known(&self, room: Option<&RoomId>) {
        *self.header.borrow_mut() = None;
        self.members.show(Vec::new());
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
            can_send: true,
            ..RoomHead::default()
        };
        self.context.with_window(|window| show_head(window, head));
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
        let facts = match (&header.topic, &header.direct_with) {
            (_, Some(user)) => user.to_string(),
            (Some(topic), None) if !topic.is_empty() => format!(
                "{} · {topic}",
                words::members(self.context.language(), header.members)
            ),
            _ => words::members(self.context.language(), header.members),
        };
        let head = RoomHead {
            name: header.name.as_str().into(),
            facts: facts.as_str().into(),
            avatar: avatar(&self.context, id, &header.name, header.avatar.as_ref()),
            direct,
            encrypted: header.encrypted,
            can_send: header.can_send,
            can_invite: header.can_invite,
        };
        self.context.with_window(|window| {
            let timeline = window.global::<TimelineAdapter>();
            timeline.set_flat(header.members > BUBBLES_UP_TO);
            show_head(window, head);
        });
    }
}

fn show_head(window: &AppWindow, head: RoomHead) {
    window.global::<TimelineAdapter>().set_direct(head.direct);
    window
        .global::<ComposerAdapter>()
        .set_can_send(head.can_send);
    window
        .global::<MembersAdapter>()
        .set_can_invite(head.can_invite);
    window.global::<HeaderAdapter>().set_room(head);
}
