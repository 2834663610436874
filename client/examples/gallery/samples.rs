//! Invented people, rooms and messages.

#[path = "people.rs"]
mod people;

use std::sync::Arc;

pub(crate) use people::{members, presence};

use super::faces;
use client::{
    render::{html, plain, text::one_line, time::Timestamp},
    rows::{
        AccountRow, Body, Delivery, DeviceRow, DirectoryRow, FileBody, HitRow, MediaBody, MediaKey,
        MessageRow, Notice, NoticeRow, Preview, PreviewKind, Progress, ReactionRow, ReplyRow, Role,
        RoomHeader, RoomRow, RowId, RowKind, Section, SpaceRow, StandingRow, StandingsRow,
        TextBody, TimelineRow,
    },
};
use matrix_sdk::ruma::{EventId, OwnedRoomId, OwnedUserId, RoomId, UserId};

/// 24 November 2026, 8:36 UTC.
const START: u64 = 1_795_509_360_000;
const MINUTE: u64 = 60_000;
/// When the pictures are taken.
pub(crate) const NOW: Timestamp = Timestamp(START + 80 * MINUTE);

/// The picture of somebody who has one.
pub(crate) fn face(id: &str) -> Option<MediaKey> {
    faces::has_one(id).then(|| MediaKey::new(&format!("{}{id}", faces::PREFIX)))
}

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
        avatar: face("a.deineka"),
        shared_computer: true,
        secrets_in_file: false,
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

const ROOMS: [RoomSample; 9] = [
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
        id: "databases",
        name: "Базы данных",
        section: Section::Groups,
        with: None,
        sender: Some("Лысенко"),
        text: "лаб. № 4 — до пятницы",
        unread: 2,
        minutes: 64,
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
        section: Section::Announcements,
        with: None,
        sender: None,
        text: "Расписание сессии",
        unread: 0,
        minutes: 1,
    },
];

/// A class and a club.
pub(crate) fn spaces() -> Vec<SpaceRow> {
    let space = |id: &str, name: &str, rooms: &[&str]| SpaceRow {
        id: room(id),
        name: name.to_owned(),
        avatar: None,
        rooms: rooms.iter().map(|id| room(id)).collect(),
    };
    vec![
        space(
            "is21",
            "Информационные системы",
            &["programming", "databases", "discrete"],
        ),
        space("photo", "Фото клуб", &[]),
    ]
}

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
        avatar: sample.with.and_then(face),
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
            failed: false,
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

/// The row of an open room: nothing in it is new, and its last message is the one below.
pub(crate) fn open_row(name: &str, rows: &[Arc<TimelineRow>]) -> Option<(usize, Arc<RoomRow>)> {
    let index = ROOMS.iter().position(|sample| sample.id == name)?;
    let last = rows.iter().rev().find_map(|row| match &row.kind {
        RowKind::Message(message) => Some(message),
        _ => None,
    })?;
    let mut row = room_row(&ROOMS[index]);
    (row.unread, row.mentions) = (0, 0);
    row.latest_at = Some(last.sent_at);
    if let Some(preview) = &mut row.preview {
        preview.own = last.own;
        preview.sender = (!last.own && row.direct_with.is_none())
            .then(|| last.sender_name.split(' ').next().map(str::to_owned))
            .flatten();
        preview.kind = match &last.body {
            Body::Text(text) => PreviewKind::Text(one_line(&text.plain, 80)),
            Body::Audio(_) => PreviewKind::Audio(Some(24)),
            Body::File(file) => PreviewKind::File(file.name.clone()),
            _ => PreviewKind::Encrypted,
        };
    }
    Some((index, Arc::new(row)))
}

pub(crate) fn header(direct: bool, members: u64) -> RoomHeader {
    RoomHeader {
        has_bot: members > 4,
        name: match (direct, members) {
            (true, _) => "София Гончар",
            (_, 0..=4) => "Курсовая «Склад»",
            _ => "Программирование",
        }
        .to_owned(),
        avatar: direct.then(|| face("gonchar")).flatten(),
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
        can_change_topic: true,
        can_change_avatar: true,
        can_pin: true,
        can_change_rights: true,
        read_only: false,
        pinned: Vec::new(),
        open: !direct,
        can_open: true,
        address: (!direct).then(|| "#kursovaya-sklad:academy.lan".to_owned()),
    }
}

/// Messages found, or pinned.
pub(crate) fn hits() -> Vec<HitRow> {
    let hit = |sender: &str, name: &str, text: &str, minutes: u64| HitRow {
        room: room("store"),
        room_name: "Курсовая «Склад»".to_owned(),
        event_id: EventId::parse(format!("$hit{minutes}:academy.lan"))
            .expect("sample ids are valid"),
        sender: user(sender),
        sender_name: name.to_owned(),
        sender_avatar: face(sender),
        sent_at: Timestamp(START + minutes * MINUTE),
        kind: PreviewKind::Text(text.to_owned()),
    };
    vec![
        hit(
            "lysenko",
            "Игорь Павлович Лысенко",
            "Черновик жду до пятницы. В накладная нужен составной ключ",
            1,
        ),
        hit(
            "gonchar",
            "София Гончар",
            "Накладную перерисовала, теперь связи один ко многим",
            4,
        ),
        hit(
            "aliev",
            "Тимур Алиев",
            "кто-нибудь понял про накладные и остатки? встречаемся в читальном зале в три",
            9,
        ),
    ]
}

/// Where the account is signed in.
pub(crate) fn devices() -> Vec<DeviceRow> {
    let device = |id: &str, name: &str, minutes: u64, own| DeviceRow {
        trusted: id != "C",
        id: id.into(),
        name: name.to_owned(),
        last_seen: Some(Timestamp(START + minutes * MINUTE)),
        last_address: Some("10.0.3.14".to_owned()),
        own,
    };
    vec![
        device("A", "Fialka (Linux)", 60, true),
        device("B", "Fialka (Windows)", 30, false),
        device("C", "Element Web", 2, false),
    ]
}

/// Rooms everybody may join.
pub(crate) fn directory() -> Vec<DirectoryRow> {
    let entry = |id: &str, name: &str, topic: &str, members, joined| DirectoryRow {
        room: room(id),
        alias: None,
        name: name.to_owned(),
        topic: topic.to_owned(),
        avatar: None,
        members,
        joined,
    };
    vec![
        entry(
            "chess",
            "Шахматный клуб",
            "Среда, 16:00, аудитория 301",
            24,
            false,
        ),
        entry("hostel", "Общежитие № 2", "", 112, true),
        entry("choir", "Хор академии", "Репетиции и концерты", 31, false),
        entry(
            "lost",
            "Бюро находок",
            "Потеряли или нашли? Пишите сюда",
            205,
            false,
        ),
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

    pub(crate) fn invited(self, actor: &str, target: &str, more: usize) -> Self {
        let notice = NoticeRow {
            actor: actor.to_owned(),
            target: Some(target.to_owned()),
            notice: Notice::Invited,
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
            sender_avatar: face(id),
            sender_role: match id {
                "lysenko" => Role::Administrator,
                _ => Role::Member,
            },
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

/// A voice message of 24 seconds.
pub(crate) fn voice() -> Body {
    let waveform = (0..76).map(|at| {
        let at = at as f32;
        (0.15 + 0.85 * (at * 0.9).sin().abs() * (at * 0.13).cos().abs()).min(1.0)
    });
    Body::Audio(FileBody {
        media: MediaKey::new("mxc://academy.lan/voice"),
        name: "Голосовое сообщение.ogg".to_owned(),
        mime_type: Some("audio/ogg".to_owned()),
        bytes: Some(96_000),
        seconds: Some(24),
        waveform: waveform.collect(),
        voice: true,
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
        may_move: false,
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

/// The best players of a week.
pub(crate) fn standings() -> StandingsRow {
    let row = |place: u64, (id, name, score): (&str, &str, i64)| StandingRow {
        place,
        user_id: user(id),
        name: name.to_owned(),
        score,
    };
    let best = [
        ("magomedova", "Камила Магомедова", 140),
        ("gonchar", "София Гончар", 128),
        ("aliev", "Тимур Алиев", 94),
        ("bondar", "Вероника Бондарь", 71),
        ("tkachenko", "Мирон Ткаченко", 66),
        ("prokopenko", "Данил Прокопенко", 40),
    ];
    StandingsRow {
        best: (1..)
            .zip(best)
            .map(|(place, who)| row(place, who))
            .collect(),
        own: Some(row(12, ("a.deineka", "Артём Дейнека", 24))),
    }
}
