//! The screens, each as the updates that lead to it.

use client::{
    bridge::command::{
        AccountCommand, Command, FileSource, MediaCommand, PeopleCommand, RoomsCommand,
        TimelineCommand,
    },
    bridge::{
        command::Envelope,
        trouble::Trouble,
        update::{
            Answer, Connection, KeyStorage, NewerVersion, PictureSize, ServerFacts, SessionState,
            TimelineUpdate, Update,
        },
    },
    rows::{
        Body, Delivery, FoundServerRow, PersonRow, Registrations, ServerRow, TimelineRow,
        Undecryptable, VerificationEnd, VerificationRow, VerificationStage,
    },
    view::{
        AppAdapter, ComposerAdapter, EmptyAdapter, FeedbackAdapter, GamesAdapter, HeaderAdapter,
        HelpAdapter, KeysAdapter, MembersAdapter, MessageMenu, OnboardingAdapter, PaneKind,
        PeopleAdapter, QuizAdapter, RailAdapter, RoomListAdapter, SearchAdapter, SettingsAdapter,
        TextAdapter, TimelineAdapter, TourAdapter, Ui, WelcomeAdapter,
    },
};
use eyeball_im::VectorDiff;
use matrix_sdk::ruma::UserId;
use slint::{ComponentHandle, Model, ModelRc, SharedString, Timer, TimerMode};
use std::{rc::Rc, sync::Arc, time::Duration};
use tokio::sync::mpsc::UnboundedReceiver;

use super::faces;
use super::samples::{self, Story, file, half_sent, picture, reactions, reply, text, voice};

pub(crate) const NAMES: [&str; 57] = [
    "server",
    "sign-in",
    "register",
    "main",
    "class",
    "direct",
    "offline",
    "update",
    "clock",
    "disk",
    "sign-in-help",
    "empty",
    "no-rooms",
    "coming",
    "narrow",
    "narrow-list",
    "new-chat",
    "new-group",
    "members",
    "viewer",
    "settings",
    "settings-computers",
    "settings-appearance",
    "settings-notices",
    "settings-about",
    "search",
    "pinned",
    "files",
    "room",
    "help",
    "article",
    "emoji",
    "mention",
    "menu",
    "text",
    "switcher",
    "person",
    "attach",
    "directory",
    "keys",
    "leave",
    "compact",
    "failure",
    "servers",
    "welcome",
    "tour-1",
    "tour-2",
    "tour-4",
    "verify-asked",
    "verify",
    "verify-same",
    "feedback",
    "feedback-facts",
    "ask",
    "games",
    "leaders",
    "quiz",
];

const LYSENKO: (&str, &str) = ("lysenko", "Игорь Павлович Лысенко");
const SOFIA: (&str, &str) = ("gonchar", "София Гончар");
const MIRON: (&str, &str) = ("tkachenko", "Мирон Ткаченко");
const OWN: (&str, &str) = ("a.deineka", "Артём Дейнека");

/// The window a screen is shown in, `None` for a name that is none.
pub(crate) fn size(screen: &str) -> Option<(f32, f32)> {
    match screen {
        "offline" | "update" | "empty" | "no-rooms" => Some((900.0, 560.0)),
        "narrow" | "narrow-list" => Some((700.0, 740.0)),
        "clock" | "disk" => Some((360.0, 640.0)),
        "class" | "members" | "games" | "leaders" => Some((1366.0, 768.0)),
        name if NAMES.contains(&name) => Some((1180.0, 740.0)),
        _ => None,
    }
}

/// Brings the window to a screen. The timer answers what the views ask later, e.g. for pictures.
pub(crate) fn fill(ui: &Rc<Ui>, mut commands: UnboundedReceiver<Envelope>, screen: &str) -> Timer {
    match screen {
        "server" | "servers" | "sign-in" | "sign-in-help" | "register" => onboarding(ui, screen),
        _ => chats(ui, screen),
    }
    answer(ui, &mut commands);
    if screen == "leaders" {
        ui.window().global::<GamesAdapter>().invoke_page_chosen(1);
    }
    if screen == "sign-in-help" {
        let adapter = ui.window().global::<OnboardingAdapter>();
        adapter.set_password("".into());
        adapter.invoke_sign_in();
        ui.window().global::<AppAdapter>().invoke_help();
    }
    if screen == "register" {
        ui.window().global::<OnboardingAdapter>().invoke_register();
    }
    let timer = Timer::default();
    let ui = Rc::clone(ui);
    timer.start(TimerMode::Repeated, Duration::from_millis(50), move || {
        answer(&ui, &mut commands);
    });
    timer
}

fn onboarding(ui: &Ui, screen: &str) {
    let server = (!screen.starts_with("server")).then(|| "chat.academy.lan".to_owned());
    ui.apply(Update::Session(SessionState::SignedOut {
        server,
        user: Some("a.deineka".to_owned()),
        reason: None,
    }));
    let adapter = ui.window().global::<OnboardingAdapter>();
    adapter.set_tab(i32::from(screen == "register"));
    adapter.set_password("семь тайн".into());
    adapter.set_token("7K2M-94HT-IS21".into());
    adapter.set_shared_computer(true);
    if screen == "server" {
        adapter.set_address("chat.academy.lan:8008".into());
        adapter.invoke_check_server(adapter.get_address());
    }
}

fn chats(ui: &Ui, screen: &str) {
    let account = samples::account();
    let bot = UserId::parse(format!("@bot:{}", account.server_name)).ok();
    ui.apply(Update::Session(SessionState::SignedIn(account)));
    ui.apply(Update::Server(ServerFacts {
        bot,
        ..ServerFacts::default()
    }));
    if screen != "no-rooms" {
        let values = samples::rooms().into_iter().collect();
        ui.apply(Update::Rooms(vec![VectorDiff::Reset { values }]));
        ui.apply(Update::Spaces(samples::spaces()));
    }
    ui.apply(Update::RoomsComplete);
    let window = ui.window();
    match screen {
        "empty" | "no-rooms" | "coming" | "narrow-list" => {}
        name if name.starts_with("settings") => {
            window.global::<RailAdapter>().invoke_settings();
            let pages = ["", "computers", "appearance", "notices", "about"];
            let page = pages
                .iter()
                .position(|page| name.ends_with(&format!("-{page}")));
            let page = page.and_then(|page| i32::try_from(page).ok()).unwrap_or(0);
            window.global::<SettingsAdapter>().invoke_page_chosen(page);
        }
        "direct" | "narrow" => open(ui, "gonchar", true, 2, direct()),
        "offline" => {
            open(ui, "gonchar", true, 2, failing());
            window.global::<AppAdapter>().set_offline(true);
            window.global::<RailAdapter>().set_online(false);
        }
        "class" | "games" | "leaders" => open(ui, "programming", false, 28, class()),
        _ => open(ui, "store", false, 4, group()),
    }
    match screen {
        "main" => ui.apply(Update::KeyStorage(KeyStorage::Ready)),
        "update" => ui.apply(Update::Server(ServerFacts {
            newer: Some(NewerVersion {
                version: "0.2.0".to_owned(),
                download: Some("https://chat.academy.lan/fialka".to_owned()),
            }),
            ..ServerFacts::default()
        })),
        "clock" => ui.apply(Update::Server(ServerFacts {
            clock_ahead: Some(-42 * 60),
            ..ServerFacts::default()
        })),
        "disk" => ui.apply(Update::DiskFull(true)),
        "coming" => ui.apply(Update::RoomsComing {
            here: 1240,
            all: 5001,
        }),
        "direct" => {
            ui.apply(Update::KeyStorage(KeyStorage::Locked));
            window
                .global::<TimelineAdapter>()
                .invoke_reply_requested("row2".into());
            window
                .global::<ComposerAdapter>()
                .set_text("Связи проверил, всё сходится".into());
        }
        "new-chat" => window.global::<EmptyAdapter>().invoke_new_chat(),
        "new-group" => window.global::<RoomListAdapter>().invoke_new_group(),
        "search" => {
            window.global::<AppAdapter>().invoke_search(true);
            let adapter = window.global::<SearchAdapter>();
            adapter.set_term("накладная".into());
            adapter.invoke_accepted("накладная".into());
        }
        "members" | "pinned" | "files" | "room" | "games" | "leaders" => {
            let kind = match screen {
                "members" => PaneKind::People,
                "pinned" => PaneKind::Pinned,
                "files" => PaneKind::Files,
                "room" => PaneKind::Room,
                _ => PaneKind::Games,
            };
            window.global::<HeaderAdapter>().invoke_pane(kind);
        }
        "help" | "article" => {
            window.global::<AppAdapter>().invoke_help();
            if screen == "article" {
                window.global::<HelpAdapter>().invoke_open("start".into());
            }
        }
        "emoji" => window.global::<ComposerAdapter>().invoke_emoji_toggled(),
        "mention" => {
            let text = "Спросим @";
            let adapter = window.global::<ComposerAdapter>();
            adapter.set_text(text.into());
            adapter.set_caret(i32::try_from(text.len()).unwrap_or(0));
            adapter.set_caret_epoch(adapter.get_caret_epoch().wrapping_add(1));
            adapter.invoke_caret_moved(text.into(), i32::try_from(text.len()).unwrap_or(0));
        }
        "menu" => {
            let rows = window.global::<TimelineAdapter>().get_rows();
            let row = rows.iter().find(|row| row.id == "row5");
            let menu = window.global::<MessageMenu>();
            menu.invoke_offer(row.unwrap_or_default(), 640.0, 420.0);
        }
        "text" => {
            let adapter = window.global::<TextAdapter>();
            let page = "Длинное сообщение, которое не помещается в переписку целиком. ".repeat(60);
            adapter.set_title(LYSENKO.1.into());
            adapter.set_pages(ModelRc::from([page.as_str().into()]));
            adapter.set_open(true);
        }
        "switcher" => window.global::<AppAdapter>().invoke_switch(),
        "person" => window
            .global::<MembersAdapter>()
            .invoke_person_chosen(samples::user("gonchar").as_str().into()),
        "attach" => ui.offer_files(vec![FileSource::Bytes {
            name: "отчёт.pdf".to_owned(),
            bytes: vec![0; 240_000].into(),
        }]),
        "directory" => window.global::<RoomListAdapter>().invoke_directory(),
        "keys" => window.global::<KeysAdapter>().set_open(true),
        "leave" => window.global::<HeaderAdapter>().invoke_leave(),
        "compact" => window
            .global::<SettingsAdapter>()
            .invoke_set_compact_rooms(true),
        "failure" => window.global::<AppAdapter>().set_failure(say(
            ui,
            "У вас нет на это прав.",
            "You are not allowed to do this.",
        )),
        "welcome" => window.global::<WelcomeAdapter>().set_open(true),
        "tour-1" => window.global::<TourAdapter>().set_step(1),
        "tour-2" => window.global::<TourAdapter>().set_step(2),
        "tour-4" => window.global::<TourAdapter>().set_step(4),
        "verify-asked" => verify(ui, SOFIA.1, VerificationStage::Asked),
        "verify" => verify(
            ui,
            "",
            VerificationStage::Compare([0, 47, 34, 8, 60, 17, 54]),
        ),
        "verify-same" => verify(ui, SOFIA.1, VerificationStage::Ended(VerificationEnd::Same)),
        "feedback" | "feedback-facts" => {
            window.global::<AppAdapter>().invoke_help();
            window.global::<HelpAdapter>().invoke_report();
            let adapter = window.global::<FeedbackAdapter>();
            adapter.set_text(say(ui, "Файл PDF скачался, но не открывается: пишет, что нет программы. Аудитория 214, место 7.", "The PDF was downloaded but does not open: there is no program for it. Room 214, seat 7."));
            adapter.set_similar(say(
                ui,
                "Об этом уже сообщили 7 человек",
                "7 people have reported this",
            ));
            adapter.set_similar_title(say(
                ui,
                "«Не открываются файлы PDF в 214»",
                "“PDF files do not open in 214”",
            ));
            adapter.set_showing(screen == "feedback-facts");
        }
        "ask" => {
            window.global::<AppAdapter>().invoke_help();
            let adapter = window.global::<HelpAdapter>();
            adapter.set_question("как отправить документ".into());
            adapter.invoke_asked("как отправить документ".into());
        }
        "quiz" => quiz(ui),
        "viewer" => window
            .global::<TimelineAdapter>()
            .invoke_picture_opened("row5".into()),
        _ => {}
    }
    if screen.starts_with("new-") {
        let adapter = window.global::<PeopleAdapter>();
        adapter.set_term("а".into());
        adapter.invoke_term_edited("а".into());
    }
    ui.apply(Update::Connection(Connection::Online));
    if screen == "offline" {
        window.global::<AppAdapter>().set_offline(true);
        window.global::<AppAdapter>().set_retry_in(5);
        window.global::<HeaderAdapter>().set_offline(true);
        window.global::<RailAdapter>().set_online(false);
    }
}

fn say(ui: &Ui, russian: &str, english: &str) -> SharedString {
    let settings = ui.window().global::<SettingsAdapter>();
    [russian, english][usize::from(settings.get_language() != 0)].into()
}

fn quiz(ui: &Ui) {
    let window = ui.window();
    window.global::<GamesAdapter>().invoke_write_quiz();
    let adapter = window.global::<QuizAdapter>();
    adapter.set_title("Сети, первый модуль".into());
    adapter.set_question("Сколько бит в байте?".into());
    adapter.set_right("8".into());
    adapter.set_wrong1("10".into());
    adapter.set_wrong2("16".into());
    adapter.set_why("Так договорились ещё в шестидесятых.".into());
    adapter.set_can_send(true);
    adapter.invoke_edited();
}

fn verify(ui: &Ui, name: &str, stage: VerificationStage) {
    ui.apply(Update::Verification(Some(VerificationRow {
        name: name.to_owned(),
        stage,
    })));
}

fn open(ui: &Ui, room: &str, direct: bool, members: u64, rows: Vec<Arc<TimelineRow>>) {
    let id = samples::room(room);
    if let Some((index, value)) = samples::open_row(room, &rows) {
        ui.apply(Update::Rooms(vec![VectorDiff::Set { index, value }]));
    }
    ui.window()
        .global::<RoomListAdapter>()
        .invoke_room_chosen(id.as_str().into());
    let updates = [
        TimelineUpdate::Header(samples::header(direct, members)),
        TimelineUpdate::Rows(vec![VectorDiff::Reset {
            values: rows.into_iter().collect(),
        }]),
        TimelineUpdate::Typing(vec!["Мирон".to_owned()]),
        TimelineUpdate::Members(samples::members()),
    ];
    for update in updates {
        ui.apply(Update::Timeline(id.clone(), update));
    }
}

fn group() -> Vec<Arc<TimelineRow>> {
    Story::new()
        .day()
        .message(LYSENKO, text("Черновик жду до пятницы. В <code>накладная</code> нужен составной ключ"), |row| {
            row.reactions = reactions(&[("👍", 3, true), ("🫡", 1, false)]);
        })
        .message(OWN, text("Ключ готов, ER-диаграмму приложил."), |row| {
            row.reply = Some(reply("lysenko", LYSENKO.1, "Черновик жду до пятницы. В накладная нужен составной ключ"));
            row.ends_group = false;
        })
        .message(OWN, file("ER-диаграмма_склад_v3.pdf", 1_887_437), |row| row.starts_group = false)
        .unread()
        .message(SOFIA, picture("Решили на паре 👀 <a href=\"https://matrix.to/#/@a.deineka:academy.lan\">@Артём</a>, глянь связи"), |row| {
            row.ends_group = false;
        })
        .message(SOFIA, voice(), |row| row.starts_group = false)
        .rows()
}

fn class() -> Vec<Arc<TimelineRow>> {
    Story::new()
        .day()
        .invited(LYSENKO.1, "Данил Прокопенко", 4)
        .joined("Данил Прокопенко", 4)
        .message(LYSENKO, text("<p>Разминка. Что напечатает программа — и почему?</p><pre><code class=\"language-python\">def add(item, box=[]):\n    box.append(item)\n    return box\nadd(\"фиалка\")\nprint(add(\"роза\"))\n</code></pre>"), |row| {
            row.reactions = reactions(&[("🤔", 12, false), ("👀", 5, true)]);
        })
        .says(MIRON, "<code>['фиалка', 'роза']</code> — список по умолчанию создаётся один раз")
        .says(SOFIA, "<p>Верно! И ещё:</p><ul><li>значение по умолчанию вычисляется <b>один раз</b></li><li>подробнее — в <a href=\"https://docs.python.org\">документации</a></li></ul><blockquote>Явное лучше неявного.</blockquote>")
        .message(("games", "Игротека"), bot("❌2️⃣⭕\n4️⃣❌6️⃣\n7️⃣8️⃣⭕"), |row| {
            row.reactions = reactions(&[("2️⃣", 1, false), ("4️⃣", 3, true), ("🏳️", 1, false)]);
            for reaction in &mut row.reactions {
                reaction.senders.push(row.sender.clone());
            }
        })
        .rows()
}

fn bot(source: &str) -> Body {
    match text(source) {
        Body::Text(mut body) => {
            body.from_bot = true;
            body.emoji_only = true;
            Body::Text(body)
        }
        other => other,
    }
}

fn direct() -> Vec<Arc<TimelineRow>> {
    Story::new()
        .day()
        .message(SOFIA, text("<p>Посмотри, как считаю остатки. Запрос долгий, секунды три</p><pre><code class=\"language-python\">for row in stock.rows():\n    total += row.qty * row.price\nprint(f\"Итого: {total:.2f}\")\n</code></pre>"), |row| {
            row.reactions = reactions(&[("💡", 1, true)]);
        })
        .message(OWN, text("Считай сумму в самом запросе: <code>SUM(qty * price)</code>"), |row| {
            row.reply = Some(reply("gonchar", SOFIA.1, "Посмотри, как считаю остатки. Запрос…"));
            row.ends_group = false;
        })
        .message(OWN, text("И добавь индекс по складу 🙂"), |row| {
            row.starts_group = false;
            row.edited = true;
        })
        .message(SOFIA, text("Сейчас попробую"), |row| row.ends_group = false)
        .message(SOFIA, text("Работает, 40 мс! 🎉"), |row| {
            row.starts_group = false;
            row.ends_group = false;
        })
        .message(SOFIA, Body::Deleted, |row| {
            row.can_reply = false;
            row.starts_group = false;
            row.ends_group = false;
        })
        .message(SOFIA, Body::Undecryptable(Undecryptable::Waiting), |row| row.starts_group = false)
        .rows()
}

fn failing() -> Vec<Arc<TimelineRow>> {
    Story::new()
        .day()
        .message(
            SOFIA,
            text("Ты сможешь доделать отчёт до вечера?"),
            |row| row.ends_group = false,
        )
        .message(SOFIA, text("Лысенко ждёт к шести"), |row| {
            row.starts_group = false;
        })
        .message(
            OWN,
            text("Да, осталась последняя таблица"),
            |row| {
                row.delivery = Delivery::Sent;
                row.ends_group = false;
            },
        )
        .message(
            OWN,
            text("Проверь формулу в строке 14"),
            |row| {
                row.starts_group = false;
                row.delivery = Delivery::Failed { can_retry: true };
            },
        )
        .message(
            OWN,
            file("отчёт_остатки.xlsx", 3_565_158),
            |row| row.delivery = half_sent(),
        )
        .rows()
}

/// Plays the session: answers what the views ask.
fn answer(ui: &Ui, commands: &mut UnboundedReceiver<Envelope>) {
    while let Ok(Envelope { request, command }) = commands.try_recv() {
        let result = match command {
            Command::Account(AccountCommand::CheckServer { address })
                if address.ends_with(":8008") =>
            {
                Err(Trouble::NoConnection)
            }
            Command::Account(AccountCommand::CheckServer { address }) => {
                Ok(Answer::Server(ServerRow {
                    base_url: format!("https://{address}"),
                    name: address,
                    registrations: Registrations::WithToken,
                    password_sign_in: true,
                }))
            }
            Command::Account(AccountCommand::FindServers) => Ok(Answer::Servers(found_servers())),
            Command::Account(AccountCommand::Register(_)) => Err(Trouble::NameTaken),
            Command::People(PeopleCommand::Presence { users }) => {
                Ok(Answer::Presence(samples::presence(users)))
            }
            Command::Account(AccountCommand::MeasureStorage) => Ok(Answer::Storage(18 << 20)),
            Command::Games(_) => Ok(Answer::Standings(samples::standings())),
            Command::People(PeopleCommand::Search { .. }) => Ok(Answer::People(people())),
            Command::Account(AccountCommand::LoadDevices) => {
                Ok(Answer::Devices(samples::devices()))
            }
            Command::Rooms(RoomsCommand::Directory { .. }) => {
                Ok(Answer::Directory(samples::directory()))
            }
            Command::Rooms(RoomsCommand::Search { .. })
            | Command::Timeline(_, TimelineCommand::LoadPinned) => {
                Ok(Answer::Hits(samples::hits()))
            }
            Command::Media(media) => {
                send_picture(ui, media);
                Ok(Answer::Done)
            }
            _ => Ok(Answer::Done),
        };
        ui.apply(Update::Answered { request, result });
    }
}

fn found_servers() -> Vec<FoundServerRow> {
    ["academy.lan", "b2.academy.lan"]
        .map(|name| FoundServerRow {
            name: name.to_owned(),
            address: format!("https://chat.{name}"),
            trusted: true,
        })
        .to_vec()
}

fn people() -> Vec<PersonRow> {
    [
        ("gonchar", "София Гончар"),
        ("aliev", "Тимур Алиев"),
        ("ryabova", "Наталья Рябова"),
    ]
    .into_iter()
    .map(|(id, name)| person(id, name))
    .collect()
}

fn person(id: &str, name: &str) -> PersonRow {
    PersonRow {
        user_id: samples::user(id),
        name: name.to_owned(),
        avatar: None,
    }
}

fn send_picture(ui: &Ui, command: MediaCommand) {
    let (media, size) = match command {
        MediaCommand::Thumbnail {
            media,
            max_width,
            max_height,
        } => (
            media,
            PictureSize::Thumbnail {
                max_width,
                max_height,
            },
        ),
        MediaCommand::Full { media } => (media, PictureSize::Full),
        MediaCommand::Save { .. }
        | MediaCommand::Play { .. }
        | MediaCommand::Animate { .. }
        | MediaCommand::Still { .. } => return,
    };
    let pixels = match media.as_str().strip_prefix(faces::PREFIX) {
        Some(id) => faces::draw(id),
        None => faces::whiteboard(),
    };
    ui.apply(Update::Picture {
        media,
        size,
        pixels,
    });
}
