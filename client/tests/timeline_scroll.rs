//! The timeline keeps the text still: a thousand messages, pages in front, news at the end.
#![expect(clippy::unwrap_used, reason = "a failing test may panic")]

use std::sync::Arc;

use client::{
    bridge::{
        command::{Command, Commands, Envelope, TimelineCommand},
        update::{SessionState, TimelineUpdate, Update},
    },
    render::{plain, time::Timestamp},
    rows::{
        AccountRow, Body, Delivery, MessageRow, RoomRow, RowId, RowKind, Section, TextBody,
        TimelineRow,
    },
    settings::Settings,
    view::{RoomListAdapter, TimelineAdapter, Ui},
};
use eyeball_im::VectorDiff;
use i_slint_backend_testing::{TestingBackend, TestingBackendOptions};
use matrix_sdk::ruma::{OwnedRoomId, OwnedUserId};
use slint::{ComponentHandle, LogicalSize, Rgba8Pixel};
use tokio::sync::mpsc::UnboundedReceiver;

/// Distances below this are rounding.
const STILL: f32 = 1.0;
/// Where the messages are in a window of 1180×740.
const TOP: usize = 60;
const BOTTOM: usize = 640;
const LEFT: usize = 380;
const RIGHT: usize = 1100;

struct Bench {
    ui: Ui,
    commands: UnboundedReceiver<Envelope>,
    room: OwnedRoomId,
    _folder: tempfile::TempDir,
}

impl Bench {
    /// A window with an open room of a thousand messages, from 1000 to 1999.
    fn new() -> Self {
        let backend = TestingBackend::new(TestingBackendOptions {
            mock_time: true,
            threading: false,
            renderer_name: Some("software".into()),
        });
        slint::platform::set_platform(Box::new(backend)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (sender, commands) = Commands::channel();
        let ui = Ui::new(sender, Settings::load(folder.path())).unwrap();
        ui.window()
            .window()
            .set_size(LogicalSize::new(1180.0, 740.0));
        ui.window().show().unwrap();
        let room: OwnedRoomId = "!room:campus.example".try_into().unwrap();
        ui.apply(Update::Session(SessionState::SignedIn(account())));
        ui.apply(Update::Rooms(vec![VectorDiff::PushBack {
            value: Arc::new(room_row(&room)),
        }]));
        let list = ui.window().global::<RoomListAdapter>();
        list.invoke_room_chosen(room.as_str().into());
        let bench = Self {
            ui,
            commands,
            room,
            _folder: folder,
        };
        bench.change(VectorDiff::Reset {
            values: (1000..2000).map(message).collect(),
        });
        bench
    }

    fn change(&self, diff: VectorDiff<Arc<TimelineRow>>) {
        self.change_all(vec![diff]);
    }

    fn change_all(&self, diffs: Vec<VectorDiff<Arc<TimelineRow>>>) {
        let update = TimelineUpdate::Rows(diffs);
        self.ui.apply(Update::Timeline(self.room.clone(), update));
        self.settle();
    }

    /// Draws a frame: rows are laid out and the handlers of what changed run before anything is painted.
    fn frame(&self) {
        slint::platform::update_timers_and_animations();
        self.ui.window().window().take_snapshot().unwrap();
    }

    /// Lets what a frame has set off come to rest.
    fn settle(&self) {
        for _ in 0..2 {
            self.frame();
        }
    }

    fn timeline(&self) -> TimelineAdapter<'_> {
        self.ui.window().global::<TimelineAdapter>()
    }

    /// How far the text can still be scrolled down.
    fn below(&self) -> f32 {
        let timeline = self.timeline();
        timeline.get_content_height() + timeline.get_content_y() - timeline.get_page_height()
    }

    fn scroll_to(&self, y: f32) {
        let timeline = self.timeline();
        timeline.set_target_y(y);
        timeline.set_scroll_epoch(timeline.get_scroll_epoch() + 1);
        self.settle();
    }

    /// The messages as they are painted, without the scroll bar and the jump button.
    fn picture(&self) -> Vec<Vec<Rgba8Pixel>> {
        let picture = self.ui.window().window().take_snapshot().unwrap();
        let rows = picture.as_slice().chunks(picture.width() as usize);
        rows.skip(TOP)
            .take(BOTTOM - TOP)
            .map(|row| row[LEFT..RIGHT].to_vec())
            .collect()
    }

    /// Whether the server was asked for older messages since the last call, and how often.
    fn pages_asked(&mut self) -> usize {
        let mut pages = 0;
        while let Ok(envelope) = self.commands.try_recv() {
            let is_page = matches!(
                envelope.command,
                Command::Timeline(_, TimelineCommand::Paginate)
            );
            pages += usize::from(is_page);
        }
        pages
    }
}

#[test]
fn text_stays_where_it_is() {
    let mut bench = Bench::new();
    opening_stands_at_the_newest_message(&bench);
    new_messages_push_the_old_ones_up(&bench);
    rows_coming_in_front_do_not_move_the_text(&bench);
    new_messages_below_do_not_move_the_text(&bench);
    the_beginning_of_what_is_known_asks_for_more(&mut bench);
    the_jump_button_leads_to_the_newest_message(&bench);
}

fn opening_stands_at_the_newest_message(bench: &Bench) {
    assert!(bench.below().abs() < STILL, "{} left", bench.below());
    let height = bench.timeline().get_content_height();
    assert!(height < 20_000.0, "only a window of the rows is laid out");
}

fn new_messages_push_the_old_ones_up(bench: &Bench) {
    let before = bench.picture();
    bench.change(VectorDiff::PushBack {
        value: message(2000),
    });
    assert!(bench.below().abs() < STILL, "{} left", bench.below());
    assert_ne!(bench.picture(), before);
}

fn rows_coming_in_front_do_not_move_the_text(bench: &Bench) {
    const STEP: usize = 300;
    for step in 0..8 {
        let before = bench.picture();
        // A step up; near the top of the window a page of older rows comes in front.
        bench.scroll_to(bench.timeline().get_content_y() + STEP as f32);
        let after = bench.picture();
        let kept = before.len() - STEP;
        assert!(after[STEP..] == before[..kept], "step {step} jumped");
    }
}

fn new_messages_below_do_not_move_the_text(bench: &Bench) {
    let before = bench.picture();
    bench.change(VectorDiff::PushBack {
        value: message(2001),
    });
    assert!(bench.picture() == before);
    assert!(!bench.timeline().get_following());
}

fn the_beginning_of_what_is_known_asks_for_more(bench: &mut Bench) {
    bench.pages_asked();
    let asked = (0..100).any(|_| {
        bench.scroll_to(0.0);
        bench.pages_asked() == 1
    });
    assert!(asked);
    bench.scroll_to(0.0);
    assert_eq!(bench.pages_asked(), 0, "one page at a time");
    let before = bench.picture();
    let older = (900..1000).rev().map(|number| VectorDiff::PushFront {
        value: message(number),
    });
    bench.change_all(older.collect());
    assert!(bench.picture() == before);
}

fn the_jump_button_leads_to_the_newest_message(bench: &Bench) {
    bench.timeline().invoke_jump_to_end();
    bench.settle();
    assert!(bench.below().abs() < STILL, "{} left", bench.below());
    assert!(bench.timeline().get_following());
}

fn account() -> AccountRow {
    let user_id: OwnedUserId = "@me:campus.example".try_into().unwrap();
    AccountRow {
        server_name: user_id.server_name().to_owned(),
        user_id,
        name: "Me".to_owned(),
        avatar: None,
        shared_computer: false,
    }
}

fn room_row(room: &OwnedRoomId) -> RoomRow {
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
        latest_at: None,
        invitation: None,
    }
}

/// Messages of one to six lines, some with emoji among the words.
fn message(number: u32) -> Arc<TimelineRow> {
    let words = "Слово за слово, и строка переносится. ".repeat((number % 7) as usize * 2);
    let emoji = if number.is_multiple_of(5) { "🎉" } else { "" };
    let plain = format!("№{number}, {emoji} {words}");
    let body = Body::Text(TextBody {
        blocks: plain::parse(&plain),
        plain,
        ..TextBody::default()
    });
    let kind = RowKind::Message(Box::new(MessageRow {
        event_id: None,
        sender: "@anna:campus.example".try_into().unwrap(),
        sender_name: "Анна".to_owned(),
        sender_avatar: None,
        sender_role: client::rows::Role::Member,
        own: false,
        sent_at: Timestamp(1_795_505_760_000),
        starts_group: number.is_multiple_of(3),
        ends_group: number % 3 == 2,
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
    Arc::new(TimelineRow {
        id: RowId::new(&number.to_string()),
        kind,
    })
}
