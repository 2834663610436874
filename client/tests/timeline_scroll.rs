//! The timeline keeps the text still: a thousand messages, pages in front, news at the end.
#![expect(clippy::unwrap_used, reason = "a failing test may panic")]

mod window;

use std::{
    ops::{ControlFlow, Range},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use client::{
    bridge::{
        command::{Command, RequestId, TimelineCommand},
        trouble::Trouble,
        update::{Pagination, TimelineUpdate, Update},
    },
    render::plain,
    rows::{Body, RowKind, TextBody, TimelineRow},
    view::{HeaderAdapter, RoomListAdapter, TimelineAdapter},
};
use eyeball_im::VectorDiff;
use i_slint_backend_testing::mock_elapsed_time;
use i_slint_core::{
    accessibility::AccessibleStringProperty, item_tree::ItemRc, window::WindowInner,
};
use imbl::Vector;
use matrix_sdk::ruma::OwnedRoomId;
use slint::{ComponentHandle, LogicalSize, Rgba8Pixel};
use window::Window;

/// Distances below this are rounding.
const STILL: f32 = 1.0;
/// Where the messages are in a window of 1180×740.
const TOP: usize = 60;
const BOTTOM: usize = 640;
const LEFT: usize = 380;
const RIGHT: usize = 1100;

/// The SDK numbers its rows, anew whenever it begins its list anew.
static ROWS: AtomicU32 = AtomicU32::new(0);

struct Bench {
    window: Window,
    room: OwnedRoomId,
}

impl Bench {
    /// A window with an open room of a thousand messages, from 1000 to 1999.
    fn new() -> Self {
        let room: OwnedRoomId = "!room:campus.example".try_into().unwrap();
        let window = Window::open(std::slice::from_ref(&room));
        let bench = Self { window, room };
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
        self.window
            .ui
            .apply(Update::Timeline(self.room.clone(), update));
        self.settle();
    }

    fn settle(&self) {
        self.window.settle();
    }

    /// The room is left and opened anew with these messages; nothing is read from `first_new` on.
    fn open_again(&self, numbers: Range<u32>, unread: u64, first_new: Option<u32>) {
        self.say_unread(unread);
        let window = self.window.ui.window();
        window.global::<HeaderAdapter>().invoke_back();
        window
            .global::<RoomListAdapter>()
            .invoke_room_chosen(self.room.as_str().into());
        let mut values = Vector::new();
        for number in numbers {
            if first_new == Some(number) {
                values.push_back(window::row("mark", RowKind::ReadMarker));
            }
            values.push_back(message(number));
        }
        self.change(VectorDiff::Reset { values });
    }

    /// Older messages come from the server.
    fn older_come(&self, numbers: Range<u32>) {
        self.push_front(numbers);
        self.settle();
    }

    /// The same, and nothing is drawn yet.
    fn push_front(&self, numbers: Range<u32>) {
        let older = numbers.rev().map(|number| VectorDiff::PushFront {
            value: message(number),
        });
        self.tell(TimelineUpdate::Rows(older.collect()));
        self.tell(TimelineUpdate::Pagination(Pagination::Idle));
    }

    /// A page has come, and there are more.
    fn paginated(&self) {
        self.tell(TimelineUpdate::Pagination(Pagination::Idle));
        self.settle();
    }

    fn tell(&self, update: TimelineUpdate) {
        let update = Update::Timeline(self.room.clone(), update);
        self.window.ui.apply(update);
    }

    /// So much is new, says the list of rooms.
    fn say_unread(&self, unread: u64) {
        let mut row = window::room_row(&self.room, 0);
        row.unread = unread;
        let value = Arc::new(row);
        let diff = VectorDiff::Set { index: 0, value };
        self.window.ui.apply(Update::Rooms(vec![diff]));
    }

    /// The SDK begins its list anew with these messages.
    fn begin_anew(&self, numbers: Range<u32>) {
        let values = numbers.map(message).collect();
        self.change_all(vec![VectorDiff::Clear, VectorDiff::Append { values }]);
    }

    /// Time passes, until nothing is on its way.
    fn rest(&self) {
        for _ in 0..8 {
            mock_elapsed_time(Duration::from_millis(70));
            self.window.frame();
        }
    }

    /// A message in the middle of what is seen.
    fn number_in_view(&self, numbers: Range<u32>) -> u32 {
        let is_in_view = |number: &u32| {
            let place = self.place_of(*number);
            place.is_some_and(|(begin, _)| (200.0..500.0).contains(&begin))
        };
        numbers.into_iter().find(is_in_view).unwrap()
    }

    /// Whether all was said to be read, and what was looked for, since the last call.
    fn read_and_sought(&mut self) -> (bool, Option<RequestId>) {
        let (mut read, mut sought) = (false, None);
        for (request, command) in self.window.asked() {
            match command {
                Command::Timeline(_, TimelineCommand::MarkRead) => read = true,
                Command::Timeline(_, TimelineCommand::Seek { .. }) => sought = Some(request),
                _ => {}
            }
        }
        (read, sought)
    }

    fn press_for_the_line(&self) {
        assert!(self.timeline().get_new_messages() > 0);
        self.timeline().invoke_line_requested();
        // Frames may be drawn before any timer is due.
        for _ in 0..3 {
            self.picture();
        }
        self.settle();
        self.settle();
    }

    /// Where a message begins and ends in the window, if it is laid out.
    fn place_of(&self, number: u32) -> Option<(f32, f32)> {
        let wanted = format!("№{number},");
        let inner = WindowInner::from_pub(self.window.ui.window().window());
        let mut found = None;
        let stopped: Option<()> = ItemRc::new_root(inner.component()).visit_descendants(|item| {
            let label = item.accessible_string_property(AccessibleStringProperty::Label);
            if label.is_some_and(|label| label.contains(&wanted)) {
                let place = item.geometry();
                let begin = item.map_to_window(place.origin).y;
                found = Some((begin, begin + place.size.height));
            }
            ControlFlow::Continue(())
        });
        assert!(stopped.is_none());
        found
    }

    fn timeline(&self) -> TimelineAdapter<'_> {
        self.window.ui.window().global::<TimelineAdapter>()
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
        let picture = self.window.ui.window().window().take_snapshot().unwrap();
        let rows = picture.as_slice().chunks(picture.width() as usize);
        rows.skip(TOP)
            .take(BOTTOM - TOP)
            .map(|row| row[LEFT..RIGHT].to_vec())
            .collect()
    }

    /// Whether the server was asked for older messages since the last call, and how often.
    fn pages_asked(&mut self) -> usize {
        let sent = self.window.sent().into_iter();
        let pages = sent
            .filter(|command| matches!(command, Command::Timeline(_, TimelineCommand::Paginate)));
        pages.count()
    }
}

#[test]
fn text_stays_where_it_is() {
    let mut bench = Bench::new();
    opening_stands_at_the_newest_message(&bench);
    a_room_that_is_known_opens_at_the_newest_message(&bench);
    new_messages_push_the_old_ones_up(&bench);
    rows_coming_in_front_do_not_move_the_text(&bench);
    new_messages_below_do_not_move_the_text(&bench);
    the_beginning_of_what_is_known_asks_for_more(&mut bench);
    the_jump_button_leads_to_the_newest_message(&bench);
    the_newest_message_is_seen_in_lines_too(&bench);
    whoever_reads_older_messages_stays_there(&mut bench);
    what_cannot_be_found_again_leads_to_what_is_known(&mut bench);
    one_press_leads_to_where_the_new_messages_begin(&mut bench);
    a_high_window_of_short_lines_comes_to_rest(&bench);
}

fn opening_stands_at_the_newest_message(bench: &Bench) {
    assert!(bench.below().abs() < STILL, "{} left", bench.below());
    let height = bench.timeline().get_content_height();
    assert!(height < 20_000.0, "only a window of the rows is laid out");
}

/// Its rows are there before the first frame.
fn a_room_that_is_known_opens_at_the_newest_message(bench: &Bench) {
    let header = bench.window.ui.window().global::<HeaderAdapter>();
    header.invoke_back();
    bench.settle();
    bench.open_again(1000..2000, 0, None);
    assert!(bench.below().abs() < STILL, "{} left", bench.below());
    assert!(bench.timeline().get_following());
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
    assert_eq!(bench.timeline().get_newer(), 0, "all of it was read");
    bench.change(VectorDiff::PushBack {
        value: message(2001),
    });
    assert!(bench.picture() == before);
    assert!(!bench.timeline().get_following());
    assert_eq!(bench.timeline().get_newer(), 1);
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

/// More has come than the server tells at once: the SDK begins its list anew with the newest.
fn whoever_reads_older_messages_stays_there(bench: &mut Bench) {
    bench.open_again(1000..1700, 0, None);
    for _ in 0..10 {
        bench.scroll_to(bench.timeline().get_content_y() + 300.0);
    }
    let number = bench.number_in_view(1000..1700);
    let (place, picture) = (bench.place_of(number).unwrap(), bench.picture());
    bench.read_and_sought();
    bench.say_unread(200);
    bench.begin_anew(1850..1900);
    assert!(bench.picture() == picture, "what is read stays");
    let (read, sought) = bench.read_and_sought();
    assert!(!read && sought.is_some());
    bench.older_come(1700..1850);
    assert!(bench.picture() == picture, "it is still on its way");
    // Before the view is there, the same happens again.
    bench.push_front(1500..1700);
    bench.begin_anew(1880..1900);
    bench.older_come(1500..1880);
    bench.rest();
    let moved = bench.place_of(number).unwrap().0 - place.0;
    assert!(moved.abs() < STILL, "it moved by {moved}");
    assert!(bench.picture() == picture, "the same rows stand there");
    assert!(!bench.timeline().get_following());
    assert_eq!(bench.timeline().get_newer(), 200);
    assert!(!bench.read_and_sought().0);

    // The line stands before what has come meanwhile.
    bench.timeline().invoke_line_requested();
    bench.rest();
    assert!(bench.place_of(1700).is_some());
    assert_eq!(bench.read_and_sought(), (false, None));
    bench.timeline().invoke_jump_to_end();
    bench.settle();
    assert_eq!(bench.timeline().get_newer(), 0);
    assert!(bench.read_and_sought().0, "now it is read");
}

fn what_cannot_be_found_again_leads_to_what_is_known(bench: &mut Bench) {
    bench.open_again(1000..1700, 0, None);
    for _ in 0..10 {
        bench.scroll_to(bench.timeline().get_content_y() + 300.0);
    }
    bench.read_and_sought();
    bench.say_unread(200);
    bench.begin_anew(1850..1900);
    let (_, request) = bench.read_and_sought();
    bench.window.ui.apply(Update::Answered {
        request: request.unwrap(),
        result: Err(Trouble::NotFound),
    });
    bench.rest();
    assert!(bench.place_of(1850).is_some_and(|(begin, _)| begin < 200.0));
    assert_eq!(bench.read_and_sought(), (false, None));
    bench.timeline().invoke_jump_to_end();
    bench.settle();
}

fn one_press_leads_to_where_the_new_messages_begin(bench: &mut Bench) {
    let is_in_view = |bench: &Bench, number| {
        let (begin, _) = bench.place_of(number).unwrap();
        assert!(
            (TOP as f32..BOTTOM as f32).contains(&begin),
            "it begins at {begin}"
        );
        assert_eq!(bench.timeline().get_new_messages(), 0, "the way is known");
    };
    // They are known, but not all of them are laid out.
    for first_new in [1100, 1010, 1003, 1649] {
        bench.open_again(1000..1700, 100, Some(first_new));
        bench.press_for_the_line();
        is_in_view(bench, first_new);
    }

    // Where they begin is not known yet: older messages are fetched until it is.
    bench.open_again(1650..1700, 190, None);
    bench.paginated();
    bench.pages_asked();
    bench.press_for_the_line();
    assert_eq!(bench.pages_asked(), 1);
    bench.older_come(1600..1650);
    assert_eq!(bench.pages_asked(), 1, "they are still looked for");
    bench.older_come(1500..1600);
    is_in_view(bench, 1510);

    // More of them come while the way there goes on.
    bench.open_again(1650..1700, 190, None);
    bench.paginated();
    bench.timeline().invoke_line_requested();
    for numbers in [1600..1650, 1500..1600, 1450..1500, 1350..1450, 1300..1350] {
        bench.push_front(numbers);
        bench.picture();
        bench.picture();
        bench.window.frame();
    }
    bench.rest();
    is_in_view(bench, 1510);
}

fn the_newest_message_is_seen_in_lines_too(bench: &Bench) {
    bench.timeline().set_flat(true);
    bench.settle();
    bench.timeline().invoke_jump_to_end();
    bench.settle();
    let (_, end) = bench.place_of(2001).unwrap();
    assert!(end <= BOTTOM as f32 + 8.0, "it ends at {end}");
    assert!(end > BOTTOM as f32 - 40.0, "it ends at {end}");
}

/// It holds enough of them above and below what is seen, and does not take them away to fetch them again.
fn a_high_window_of_short_lines_comes_to_rest(bench: &Bench) {
    bench.timeline().invoke_jump_to_end();
    let window = bench.window.ui.window();
    window.window().set_size(LogicalSize::new(1180.0, 1600.0));
    bench.timeline().set_flat(true);
    let line = |number: u32| {
        let plain = format!("№{number}");
        let body = Body::Text(TextBody {
            blocks: plain::parse(&plain),
            plain,
            ..TextBody::default()
        });
        window::message(&number.to_string(), false, false, body)
    };
    bench.change(VectorDiff::Reset {
        values: (1000..2000).map(line).collect(),
    });
    let place = || {
        let timeline = bench.timeline();
        let (y, height) = (timeline.get_content_y(), timeline.get_content_height());
        (y, height, timeline.get_front_epoch())
    };
    // A few pages up.
    for _ in 0..200 {
        bench.scroll_to(bench.timeline().get_content_y() + 20.0);
    }
    for _ in 0..100 {
        bench.settle();
    }
    let before = place();
    bench.settle();
    assert_eq!(place(), before);
    let (y, page) = (before.0, bench.timeline().get_page_height());
    assert!(-y > page, "{y} above a page of {page}");
    assert!(
        bench.below() > page,
        "{} below a page of {page}",
        bench.below()
    );
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
    let (starts_group, ends_group) = (number.is_multiple_of(3), number % 3 == 2);
    let id = ROWS.fetch_add(1, Ordering::Relaxed).to_string();
    let mut row = TimelineRow::clone(&window::message(&id, starts_group, ends_group, body));
    if let RowKind::Message(message) = &mut row.kind {
        message.event_id = Some(format!("$message-{number}").try_into().unwrap());
    }
    Arc::new(row)
}
