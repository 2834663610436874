//! Invented people, rooms and messages.

use std::sync::Arc;

use client::{
    render::{html, plain, time::Timestamp},
    rows::{
        AccountRow, Body, Delivery, FileBody, MediaBody, MediaKey, MemberRow, MessageRow, Notice,
        NoticeRow, Preview, PreviewKind, Progress, ReactionRow, ReplyRow, Role, RoomHeader,
        RoomRow, RowId, RowKind, Section, TextBody, TimelineRow,
    },
};
use matrix_sdk::ruma::{EventId, OwnedRoomId, OwnedUserId, RoomId, UserId};

/// 24 November 2026, 8:36 UTC.
const START: u64 = 1_795_509_360_000;
const MINUTE: u64 = 60_000;

/// The picture in the samples.
pub(crate) const PICTURE: &str = "mxc://academy.lan/whiteboard";

pub(crate) fn user(name: &str) -> OwnedUserId {
    UserId::parse(format!("@{name}:academy.lan")).expect("sample ids are valid")
}

pub(crate) fn room(name: &str) -> OwnedRoomId {
    RoomId::parse(format!("!{name}:academy.lan")).expect("sample ids are valid")
}

pub(crate) fn account() -> AccountRow {
    let user_id = user("a.deineka");
    AccountRow {
        server_name: user_id.server_name().to_owned(),
        user_id,
        name: "Артём Дейнека".to_owned(),
        avatar: None,
        shared_computer: true,
    }
}

struct RoomSample {
    id: &'static str,
    name: &'static str,
    section: Section,
    with: Option<&'static str>,
    sender: Option<&'static str>,
    text: &'static str,
    unread: u64,
    minutes: u64,
}

const ROOMS: [RoomSample; 8] = [
    RoomSample {
        id: "programming",
        name: "Программирование",
        section: Section::Favourites,
        with: None,
        sender: Some("Тимур"),
        text: "@Артём, твой ход",
        unread: 3,
        minutes: 76,
    },
    RoomSample {
        id: "gonchar",
        name: "София Гончар",
        section: Section::Direct,
        with: Some("gonchar"),
        sender: None,
        text: "отправил схему, глянь",
        unread: 0,
        minutes: 22,
    },
    RoomSample {
        id: "ryabova",
        name: "Наталья Рябова",
        section: Section::Direct,
        with: Some("ryabova"),
        sender: None,
        text: "Зачёт переносится на 30 ноября",
        unread: 0,
        minutes: 10,
    },
    RoomSample {
        id: "aliev",
        name: "Тимур Алиев",
        section: Section::Direct,
        with: Some("aliev"),
        sender: None,
        text: "а можно завтра после пар",
        unread: 0,
        minutes: 5,
    },
    RoomSample {
        id: "store",
        name: "Курсовая «Склад»",
        section: Section::Groups,
        with: None,
        sender: Some("София"),
        text: "Решили на паре",
        unread: 0,
        minutes: 72,
    },
    RoomSample {
        id: "discrete",
        name: "Дискретная математика",
        section: Section::Groups,
        with: None,
        sender: Some("Алина"),
        text: "",
        unread: 1,
        minutes: 55,
    },
    RoomSample {
        id: "hostel",
        name: "Общежитие № 2",
        section: Section::Groups,
        with: None,
        sender: Some("Вероника"),
        text: "кто взял удлинитель?",
        unread: 48,
        minutes: 51,
    },
    RoomSample {
        id: "news",
        name: "Объявления академии",
        section: Section::Groups,
        with: None,
        sender: Some("Деканат"),
        text: "Расписание сессии",
        unread: 0,
        minutes: 1,
    },
];

pub(crate) fn rooms() -> Vec<Arc<RoomRow>> {
    ROOMS
        .iter()
        .map(|sample| Arc::new(room_row(sample)))
        .collect()
}

fn room_row(sample: &RoomSample) -> RoomRow {
    let own = sample.id == "gonchar";
    RoomRow {
        id: room(sample.id),
        name: sample.name.to_owned(),
        avatar: None,
        section: sample.section,
        direct_with: sample.with.map(user),
        encrypted: sample.with.is_some(),
        muted: sample.id == "hostel",
        unread: sample.unread,
        mentions: u64::from(sample.id == "programming"),
        preview: Some(Preview {
            sender: sample.sender.map(str::to_owned),
            own,
            waiting: false,
            kind: PreviewKind::Text(sample.text.to_owned()),
        }),
        draft: (sample.id == "aliev").then(|| sample.text.to_owned()),
        typing: match sample.id {
            "discrete" => vec!["Алина".to_owned()],
            _ => Vec::new(),
        },
        latest_at: Some(Timestamp(START + sample.minutes * MINUTE)),
        invitation: None,
    }
}

pub(crate) fn header(direct: bool, members: u64) -> RoomHeader {
    RoomHeader {
        name: if direct {
            "София Гончар"
        } else {
            "Курсовая «Склад»"
        }
        .to_owned(),
        avatar: None,
        topic: None,
        direct_with: direct.then(|| user("gonchar")),
        encrypted: direct,
        members,
        muted: false,
        favourite: false,
        low_priority: false,
        can_send: true,
        can_invite: true,
        can_rename: true,
    }
}

pub(crate) fn members() -> Vec<MemberRow> {
    let member = |id: &str, name: &str, role, own| MemberRow {
        user_id: user(id),
        name: name.to_owned(),
        avatar: None,
        role,
        invited: id == "tkachenko",
        own,
    };
    vec![
        member("lysenko", "Игорь Павлович Лысенко", Role::Creator, false),
        member("gonchar", "София Гончар", Role::Member, false),
        member("a.deineka", "Артём Дейнека", Role::Member, true),
        member("tkachenko", "Мирон Ткаченко", Role::Member, false),
    ]
}

/// Makes messages one after the other.
pub(crate) struct Story {
    rows: Vec<Arc<TimelineRow>>,
    minute: u64,
}

impl Story {
    pub(crate) fn new() -> Self {
        Self {
            rows: Vec::new(),
            minute: 0,
        }
    }

    pub(crate) fn rows(self) -> Vec<Arc<TimelineRow>> {
        self.rows
    }

    pub(crate) fn day(self) -> Self {
        let at = Timestamp(START);
        self.push(RowKind::Day(at))
    }

    pub(crate) fn unread(self) -> Self {
        self.push(RowKind::ReadMarker)
    }

    pub(crate) fn joined(self, actor: &str, more: usize) -> Self {
        let notice = NoticeRow {
            actor: actor.to_owned(),
            target: None,
            notice: Notice::Joined,
            sent_at: Timestamp(START),
            more,
            collapsed: false,
        };
        self.push(RowKind::Notice(notice))
    }

    pub(crate) fn says(self, who: (&str, &str), source: &str) -> Self {
        self.message(who, text(source), |_| {})
    }

    pub(crate) fn message(
        mut self,
        (id, name): (&str, &str),
        body: Body,
        change: impl FnOnce(&mut MessageRow),
    ) -> Self {
        self.minute += 1;
        let own = id == "a.deineka";
        let mut row = MessageRow {
            event_id: EventId::parse(format!("$event{}:academy.lan", self.rows.len())).ok(),
            sender: user(id),
            sender_name: name.to_owned(),
            sender_avatar: None,
            own,
            sent_at: Timestamp(START + self.minute * MINUTE),
            starts_group: true,
            ends_group: true,
            body,
            reply: None,
            reactions: Vec::new(),
            edited: false,
            mentions_me: false,
            delivery: if own {
                Delivery::Read
            } else {
                Delivery::Received
            },
            can_edit: own,
            can_redact: own,
            can_reply: true,
        };
        change(&mut row);
        self.push(RowKind::Message(Box::new(row)))
    }

    fn push(mut self, kind: RowKind) -> Self {
        let id = RowId::new(&format!("row{}", self.rows.len()));
        self.rows.push(Arc::new(TimelineRow { id, kind }));
        self
    }
}

/// Text as HTML where there is markup, otherwise plain.
pub(crate) fn text(source: &str) -> Body {
    let blocks = match source.contains('<') {
        true => html::parse(source),
        false => plain::parse(source),
    };
    Body::Text(TextBody {
        blocks,
        plain: source.to_owned(),
        ..TextBody::default()
    })
}

pub(crate) fn file(name: &str, bytes: u64) -> Body {
    Body::File(FileBody {
        media: MediaKey::new("mxc://academy.lan/file"),
        name: name.to_owned(),
        mime_type: None,
        bytes: Some(bytes),
        seconds: None,
        waveform: Vec::new(),
        voice: false,
        caption: Vec::new(),
    })
}

pub(crate) fn picture(caption: &str) -> Body {
    Body::Picture(MediaBody {
        media: MediaKey::new(PICTURE),
        thumbnail: None,
        name: "схема.png".to_owned(),
        dimensions: Some((720, 268)),
        bytes: Some(240_000),
        seconds: None,
        caption: html::parse(caption),
    })
}

pub(crate) fn reactions(keys: &[(&str, usize, bool)]) -> Vec<ReactionRow> {
    keys.iter()
        .map(|(key, count, own)| ReactionRow {
            key: (*key).to_owned(),
            count: *count,
            own: *own,
            senders: Vec::new(),
        })
        .collect()
}

pub(crate) fn reply(id: &str, name: &str, text: &str) -> ReplyRow {
    ReplyRow {
        event_id: EventId::parse("$event1:academy.lan").expect("sample ids are valid"),
        sender: Some(user(id)),
        sender_name: name.to_owned(),
        kind: Some(PreviewKind::Text(text.to_owned())),
    }
}

pub(crate) fn half_sent() -> Delivery {
    Delivery::Queued(Some(Progress {
        done: 1_258_291,
        total: 3_565_158,
    }))
}
