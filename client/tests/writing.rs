//! What somebody writes stays theirs: it goes where it was meant for, and comes back from an edit, another room or a
//! failure.
#![expect(clippy::unwrap_used, reason = "a failing test may panic")]

mod window;

use std::sync::Arc;

use client::{
    bridge::{
        command::{
            Command, FileSource, KeptText, Mention, RequestId, RoomsCommand, TimelineCommand,
        },
        trouble::Trouble,
        update::{Answer, TimelineUpdate, Update},
    },
    render::plain,
    rows::{
        Body, FileBody, MediaKey, MemberRights, MemberRow, Role, RowKind, TextBody, TimelineRow,
    },
    view::{
        AttachAdapter, ComposerAdapter, MembersAdapter, PromptAdapter, PromptKind, RoomListAdapter,
        TimelineAdapter,
    },
};
use eyeball_im::VectorDiff;
use matrix_sdk::ruma::OwnedRoomId;
use slint::{
    ComponentHandle, SharedString,
    platform::{Key, WindowEvent},
};
use window::{Window, message};

struct Bench {
    window: Window,
    rooms: [OwnedRoomId; 2],
}

impl Bench {
    fn new() -> Self {
        let rooms = ["!a:campus.example", "!b:campus.example"].map(|id| id.try_into().unwrap());
        let window = Window::open(&rooms);
        let mut bench = Self { window, rooms };
        bench.go_to(0);
        bench
    }

    /// Opens a room in which one has said a word, and sent a file with words and one without.
    fn go_to(&mut self, number: usize) {
        let list = self.window.ui.window().global::<RoomListAdapter>();
        list.invoke_room_chosen(self.rooms[number].as_str().into());
        let rows = [
            own("word", text("word")),
            own("captioned", file("words")),
            own("bare", file("")),
        ];
        let values = rows.into_iter().collect();
        self.tell(
            number,
            TimelineUpdate::Rows(vec![VectorDiff::Reset { values }]),
        );
        self.window.sent();
    }

    fn tell(&self, number: usize, update: TimelineUpdate) {
        let room = self.rooms[number].clone();
        self.window.ui.apply(Update::Timeline(room, update));
        self.settle();
    }

    fn answer(&self, request: RequestId, result: Result<Answer, Trouble>) {
        self.window.ui.apply(Update::Answered { request, result });
        self.settle();
    }

    fn settle(&self) {
        self.window.settle();
    }

    fn composer(&self) -> ComposerAdapter<'_> {
        self.window.ui.window().global::<ComposerAdapter>()
    }

    fn messages(&self) -> TimelineAdapter<'_> {
        self.window.ui.window().global::<TimelineAdapter>()
    }

    fn prompt(&self) -> PromptAdapter<'_> {
        self.window.ui.window().global::<PromptAdapter>()
    }

    fn write(&self, words: &str) {
        self.composer().set_text(words.into());
        self.composer().invoke_edited(words.into());
    }

    fn written(&self) -> String {
        self.composer().get_text().into()
    }

    /// Presses "Send", and tells what was asked of the room, but not of its draft.
    fn send(&mut self) -> (RequestId, TimelineCommand) {
        self.window.sent();
        self.composer().invoke_send(self.composer().get_text());
        self.settle();
        let mut asked = self.window.asked().into_iter();
        let found = asked.find_map(|(request, command)| match command {
            Command::Timeline(_, command @ TimelineCommand::SendText { .. })
            | Command::Timeline(_, command @ TimelineCommand::Edit { .. }) => {
                Some((request, command))
            }
            _ => None,
        });
        found.expect("something is sent")
    }
}

#[test]
fn what_is_written_goes_where_it_was_meant_for_and_is_not_lost() {
    let mut bench = Bench::new();
    a_question_is_about_the_room_it_was_asked_in(&mut bench);
    files_go_into_the_room_they_were_offered_in(&mut bench);
    a_late_answer_leads_nobody_away_who_writes(&mut bench);
    what_was_typed_stays_without_the_reply(&mut bench);
    a_draft_comes_back_after_an_edit(&mut bench);
    letters_typed_before_the_draft_came_stay(&mut bench);
    a_reply_that_fails_comes_back(&mut bench);
    names_stay_with_the_draft_of_their_room(&mut bench);
    a_caption_is_changed_and_taken_away(&mut bench);
    words_outlive_the_message_they_were_meant_for(&mut bench);
}

fn a_question_is_about_the_room_it_was_asked_in(bench: &mut Bench) {
    bench.messages().invoke_delete_requested("word".into());
    bench.settle();
    bench.window.ui.keep_keys();
    for key in [Key::Alt, Key::DownArrow] {
        let text = SharedString::from(key);
        let window = bench.window.ui.window().window();
        window.dispatch_event(WindowEvent::KeyPressed { text });
    }
    for key in [Key::DownArrow, Key::Alt] {
        let text = SharedString::from(key);
        let window = bench.window.ui.window().window();
        window.dispatch_event(WindowEvent::KeyReleased { text });
    }
    bench.settle();
    assert!(opened(bench).is_empty(), "a key acts behind a dialog");
    assert_eq!(bench.prompt().get_kind(), PromptKind::DeleteMessage);
    bench.go_to(1);
    assert_eq!(bench.prompt().get_kind(), PromptKind::None);

    bench.go_to(0);
    bench.messages().invoke_delete_requested("word".into());
    bench.window.sent();
    bench.prompt().invoke_confirmed();
    let deleted = bench.window.sent().into_iter().any(|command| {
        matches!(command, Command::Timeline(room, TimelineCommand::Redact { .. }) if room == bench.rooms[0])
    });
    assert!(deleted);
    assert_eq!(bench.prompt().get_kind(), PromptKind::None);
}

fn files_go_into_the_room_they_were_offered_in(bench: &mut Bench) {
    let notes = || FileSource::Bytes {
        name: "notes.txt".to_owned(),
        bytes: Arc::from(*b"notes"),
    };
    let is_open = |bench: &Bench| {
        let attach = bench.window.ui.window().global::<AttachAdapter>();
        attach.get_open()
    };
    bench.window.ui.offer_files(vec![notes()]);
    assert!(is_open(bench));
    bench.go_to(1);
    assert!(!is_open(bench));

    bench.go_to(0);
    bench.window.ui.offer_files(vec![notes()]);
    let attach = bench.window.ui.window().global::<AttachAdapter>();
    attach.invoke_send();
    let rooms: Vec<_> = bench.window.sent();
    let rooms = rooms.into_iter().filter_map(|command| match command {
        Command::Timeline(room, TimelineCommand::SendFile { .. }) => Some(room),
        _ => None,
    });
    assert_eq!(rooms.collect::<Vec<_>>(), [bench.rooms[0].clone()]);
}

fn a_late_answer_leads_nobody_away_who_writes(bench: &mut Bench) {
    for writes in [true, false] {
        bench.go_to(0);
        let list = bench.window.ui.window().global::<RoomListAdapter>();
        list.invoke_invitation_accepted(bench.rooms[1].as_str().into());
        let mut asked = bench.window.asked().into_iter();
        let (request, _) = asked
            .find(|(_, command)| {
                matches!(command, Command::Rooms(RoomsCommand::AcceptInvite { .. }))
            })
            .unwrap();
        if writes {
            bench.write("I am just");
        }
        bench.answer(request, Ok(Answer::Room(bench.rooms[1].clone())));
        assert_eq!(opened(bench).is_empty(), writes);
        bench.write("");
    }
    bench.go_to(0);
}

fn what_was_typed_stays_without_the_reply(bench: &mut Bench) {
    bench.write("half a sen");
    bench.messages().invoke_reply_requested("word".into());
    assert!(bench.composer().get_reply().shown);
    bench.composer().invoke_strip_closed();
    assert!(!bench.composer().get_reply().shown);
    assert_eq!(bench.written(), "half a sen");
    bench.write("");
}

fn a_draft_comes_back_after_an_edit(bench: &mut Bench) {
    bench.write("not finished");
    bench.window.sent();
    bench.messages().invoke_edit_requested("word".into());
    assert!(bench.composer().get_editing());
    assert_eq!(bench.written(), "word");
    bench.composer().invoke_strip_closed();
    assert!(!bench.composer().get_editing());
    assert_eq!(bench.written(), "not finished");

    bench.messages().invoke_edit_requested("word".into());
    bench.write("another word");
    let overwritten = |bench: &mut Bench| {
        let sent = bench.window.sent().into_iter();
        sent.filter(|command| {
            matches!(command, Command::Timeline(_, TimelineCommand::SaveDraft(_)))
        })
        .count()
    };
    assert_eq!(overwritten(bench), 0, "an edit is no draft");
    let (_, command) = bench.send();
    let TimelineCommand::Edit {
        event, markdown, ..
    } = command
    else {
        panic!("no edit but {command:?}")
    };
    assert_eq!(event.unwrap(), "$word");
    assert_eq!(markdown, "another word");
    assert_eq!(overwritten(bench), 0);
    assert_eq!(bench.written(), "not finished");
    bench.write("");
}

fn letters_typed_before_the_draft_came_stay(bench: &mut Bench) {
    bench.go_to(1);
    bench.write("lo");
    let anna = Mention {
        text: "@Anna".to_owned(),
        user: "@anna:campus.example".try_into().unwrap(),
    };
    let kept = KeptText {
        markdown: "@Anna, hel".to_owned(),
        mentions: vec![anna.clone()],
    };
    bench.tell(1, TimelineUpdate::Draft(kept));
    assert_eq!(bench.written(), "@Anna, hello");
    let mut kept = bench.window.sent().into_iter().filter_map(|command| {
        let Command::Timeline(_, TimelineCommand::SaveDraft(text)) = command else {
            return None;
        };
        Some(text)
    });
    let whole = KeptText {
        markdown: "@Anna, hello".to_owned(),
        mentions: vec![anna],
    };
    assert_eq!(kept.next_back(), Some(whole));
    bench.write("");
    bench.go_to(0);
}

fn a_reply_that_fails_comes_back(bench: &mut Bench) {
    bench.messages().invoke_reply_requested("word".into());
    bench.write("an answer");
    let (request, command) = bench.send();
    assert!(
        matches!(&command, TimelineCommand::SendText { reply_to: Some(event), .. } if event == "$word"),
        "{command:?}"
    );
    assert_eq!(bench.written(), "");
    bench.answer(request, Err(Trouble::NotFound));
    assert_eq!(bench.written(), "an answer");
    assert!(bench.composer().get_reply().shown);

    let (request, _) = bench.send();
    bench.write("something else");
    bench.answer(request, Err(Trouble::NotFound));
    assert_eq!(bench.written(), "something else");
    bench.write("");
}

fn names_stay_with_the_draft_of_their_room(bench: &mut Bench) {
    bench.tell(0, TimelineUpdate::Members(vec![anna()]));
    let members = bench.window.ui.window().global::<MembersAdapter>();
    members.invoke_mention("@anna:campus.example".into());
    assert_eq!(bench.written(), "@Анна ");
    bench.go_to(1);
    assert_eq!(bench.written(), "");
    bench.go_to(0);
    assert_eq!(bench.written(), "@Анна ");
    let (_, command) = bench.send();
    assert!(
        matches!(&command, TimelineCommand::SendText { mentions, .. } if mentions.len() == 1),
        "{command:?}"
    );
}

fn a_caption_is_changed_and_taken_away(bench: &mut Bench) {
    bench.composer().invoke_edit_last();
    assert_eq!(
        bench.written(),
        "words",
        "a file without words is passed over"
    );
    bench.write("");
    let (_, command) = bench.send();
    assert!(
        matches!(&command, TimelineCommand::Edit { caption: true, markdown, .. } if markdown.is_empty()),
        "{command:?}"
    );
    assert!(!bench.composer().get_editing());
}

fn words_outlive_the_message_they_were_meant_for(bench: &mut Bench) {
    let is_deleted = |bench: &mut Bench, index, id: &str| {
        let value = own(id, Body::Deleted);
        let diff = VectorDiff::Set { index, value };
        bench.tell(0, TimelineUpdate::Rows(vec![diff]));
    };
    bench.write("not finished");
    bench.messages().invoke_edit_requested("word".into());
    bench.write("another word");
    is_deleted(bench, 1, "captioned");
    assert!(bench.composer().get_editing(), "that was another message");
    is_deleted(bench, 0, "word");
    assert!(!bench.composer().get_editing());
    assert_eq!(bench.written(), "not finished\nanother word");
    let (_, command) = bench.send();
    assert!(
        matches!(&command, TimelineCommand::SendText { reply_to: None, .. }),
        "{command:?}"
    );

    bench.go_to(0);
    bench.messages().invoke_reply_requested("word".into());
    bench.write("an answer");
    is_deleted(bench, 0, "word");
    assert!(!bench.composer().get_reply().shown);
    assert_eq!(bench.written(), "an answer");
    bench.write("");
}

fn opened(bench: &mut Bench) -> Vec<OwnedRoomId> {
    let sent = bench.window.sent().into_iter();
    let opened = sent.filter_map(|command| match command {
        Command::Timeline(room, TimelineCommand::Open) => Some(room),
        _ => None,
    });
    opened.collect()
}

/// Something that one has said oneself.
fn own(id: &str, body: Body) -> Arc<TimelineRow> {
    let mut row = TimelineRow::clone(&message(id, true, true, body));
    if let RowKind::Message(message) = &mut row.kind {
        message.event_id = Some(format!("${id}").try_into().unwrap());
        message.own = true;
        message.can_edit = true;
        message.can_redact = true;
    }
    Arc::new(row)
}

fn text(words: &str) -> Body {
    Body::Text(TextBody {
        blocks: plain::parse(words),
        plain: words.to_owned(),
        ..TextBody::default()
    })
}

fn file(caption: &str) -> Body {
    Body::File(FileBody {
        media: MediaKey::new("mxc://campus.example/file"),
        name: "notes.txt".to_owned(),
        mime_type: None,
        bytes: Some(5),
        seconds: None,
        waveform: Vec::new(),
        voice: false,
        caption: plain::parse(caption),
    })
}

fn anna() -> MemberRow {
    MemberRow {
        user_id: "@anna:campus.example".try_into().unwrap(),
        name: "Анна".to_owned(),
        avatar: None,
        role: Role::Member,
        invited: false,
        banned: false,
        silenced: false,
        own: false,
        rights: MemberRights::default(),
    }
}
