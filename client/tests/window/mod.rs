//! A window that nobody sees, with somebody signed in.

use std::sync::Arc;

use client::{
    bridge::{
        command::{Command, Commands, Envelope, RequestId},
        update::{SessionState, Update},
    },
    render::time::Timestamp,
    rows::{
        AccountRow, Body, Delivery, MessageRow, Role, RoomRow, RowId, RowKind, Section, TimelineRow,
    },
    settings::Settings,
    view::{RoomListAdapter, Ui},
};
use eyeball_im::VectorDiff;
use i_slint_backend_testing::{TestingBackend, TestingBackendOptions};
use matrix_sdk::ruma::{OwnedRoomId, OwnedUserId};
use slint::{ComponentHandle, LogicalSize, platform::Platform};
use tokio::sync::mpsc::UnboundedReceiver;

const NOW: u64 = 1_795_505_760_000;

pub(crate) struct Window {
    pub(crate) ui: Ui,
    commands: UnboundedReceiver<Envelope>,
    _folder: tempfile::TempDir,
}

impl Window {
    /// Opens it with these rooms, the newest first, and the first of them open.
    pub(crate) fn open(rooms: &[OwnedRoomId]) -> Self {
        Self::open_on(testing_platform(), rooms)
    }

    /// The same on another platform.
    pub(crate) fn open_on(platform: impl Platform + 'static, rooms: &[OwnedRoomId]) -> Self {
        slint::platform::set_platform(Box::new(platform)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (sender, commands) = Commands::channel();
        let ui = Ui::new(sender, Settings::load(folder.path())).unwrap();
        ui.window()
            .window()
            .set_size(LogicalSize::new(1180.0, 740.0));
        ui.window().show().unwrap();
        ui.apply(Update::Session(SessionState::SignedIn(account())));
        for (age, room) in rooms.iter().enumerate() {
            let value = Arc::new(room_row(room, age as u64));
            ui.apply(Update::Rooms(vec![VectorDiff::PushBack { value }]));
        }
        let list = ui.window().global::<RoomListAdapter>();
        list.invoke_room_chosen(rooms[0].as_str().into());
        Self {
            ui,
            commands,
            _folder: folder,
        }
    }

    /// Draws a frame: rows are laid out and the handlers of what changed run before anything is painted.
    pub(crate) fn frame(&self) {
        slint::platform::update_timers_and_animations();
        self.ui.window().window().take_snapshot().unwrap();
    }

    /// Draws until what follows from a change has followed.
    pub(crate) fn settle(&self) {
        for _ in 0..3 {
            self.frame();
        }
    }

    /// What was asked of the session since the last call.
    pub(crate) fn sent(&mut self) -> Vec<Command> {
        let asked = self.asked().into_iter();
        asked.map(|(_, command)| command).collect()
    }

    /// The same, with what an answer names.
    pub(crate) fn asked(&mut self) -> Vec<(RequestId, Command)> {
        let mut asked = Vec::new();
        while let Ok(envelope) = self.commands.try_recv() {
            asked.push((envelope.request, envelope.command));
        }
        asked
    }
}

fn testing_platform() -> TestingBackend {
    TestingBackend::new(TestingBackendOptions {
        mock_time: true,
        threading: false,
        renderer_name: Some("software".into()),
    })
}

fn account() -> AccountRow {
    let user_id: OwnedUserId = "@me:campus.example".try_into().unwrap();
    AccountRow {
        server_name: user_id.server_name().to_owned(),
        user_id,
        name: "Me".to_owned(),
        avatar: None,
        shared_computer: false,
        secrets_in_file: false,
    }
}

pub(crate) fn room_row(room: &OwnedRoomId, age: u64) -> RoomRow {
    RoomRow {
        id: room.clone(),
        name: "Room".to_owned(),
        avatar: None,
        section: Section::Groups,
        direct_with: None,
        encrypted: false,
        muted: false,
        unread: 0,
        mentions: 0,
        preview: None,
        draft: None,
        typing: Vec::new(),
        latest_at: Some(Timestamp(NOW - age)),
        invitation: None,
    }
}

/// Something that Anna says, at the beginning or the end of what she says, or both.
pub(crate) fn message(
    id: &str,
    starts_group: bool,
    ends_group: bool,
    body: Body,
) -> Arc<TimelineRow> {
    let kind = RowKind::Message(Box::new(MessageRow {
        event_id: None,
        sender: "@anna:campus.example".try_into().unwrap(),
        sender_name: "Анна".to_owned(),
        sender_avatar: None,
        sender_role: Role::Member,
        own: false,
        sent_at: Timestamp(NOW),
        starts_group,
        ends_group,
        body,
        reply: None,
        reactions: Vec::new(),
        edited: false,
        mentions_me: false,
        delivery: Delivery::Received,
        can_edit: false,
        can_redact: false,
        can_reply: true,
    }));
    row(id, kind)
}

pub(crate) fn row(id: &str, kind: RowKind) -> Arc<TimelineRow> {
    Arc::new(TimelineRow {
        id: RowId::new(id),
        kind,
    })
}
