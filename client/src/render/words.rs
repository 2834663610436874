//! Sentences about events, in both languages.

use std::time::Duration;

use super::{
    Language,
    text::{inside_quotes, plural},
};
use crate::rows::{Notice, NoticeRow, Section, Undecryptable};

pub use super::{
    previews::{preview, preview_sender},
    troubles::{not_connected, renderer_failed, trouble},
};

use Language::{English, Russian};

/// Why a message cannot be read, in one line.
#[must_use]
pub fn undecryptable(language: Language, reason: Undecryptable) -> &'static str {
    let [russian, english] = match reason {
        Undecryptable::Waiting => [
            "Ключ к этому сообщению ещё не пришёл: оно откроется само",
            "The key to this message has not arrived yet: it will open by itself",
        ],
        Undecryptable::BeforeJoining => [
            "Отправлено до того, как вы пришли в чат",
            "Sent before you came to the chat",
        ],
        Undecryptable::BeforeSignIn => [
            "Отправлено до входа на этом компьютере, ключ не сохранился",
            "Sent before you signed in on this computer, and its key was not kept",
        ],
        Undecryptable::Withheld => [
            "Отправитель не передал ключ на этот компьютер",
            "The sender did not give this computer the key",
        ],
        Undecryptable::Untrusted => [
            "Отправлено с компьютера, за который отправитель не поручился",
            "Sent from a computer its sender has not vouched for",
        ],
    };
    choose(language, russian, english)
}

/// A line about something that happened to the room, with how many others did the same, or to how many others it
/// happened.
#[must_use]
pub fn notice(language: Language, row: &NoticeRow) -> String {
    let counted = |name: &str| match (row.more, language) {
        (0, _) => name.to_owned(),
        (more, Russian) => format!("{name} и ещё {more}"),
        (more, English) => format!("{name} and {more} more"),
    };
    match &row.target {
        Some(target) => notice_of(language, &row.actor, Some(&counted(target)), &row.notice),
        None if matches!(row.notice, Notice::Joined | Notice::Left) => {
            notice_of(language, &counted(&row.actor), None, &row.notice)
        }
        // Somebody changed the same again: once is enough.
        None => notice_of(language, &row.actor, None, &row.notice),
    }
}

/// Present tense in Russian: the past would need the person's gender.
pub(super) fn notice_of(
    language: Language,
    actor: &str,
    target: Option<&str>,
    notice: &Notice,
) -> String {
    let target = target.unwrap_or("…");
    match (language, notice) {
        (Russian, Notice::Joined) => format!("{actor} теперь в чате"),
        (English, Notice::Joined) => format!("{actor} joined"),
        (Russian, Notice::Left) => format!("{actor} больше не в чате"),
        (English, Notice::Left) => format!("{actor} left"),
        (Russian, Notice::Invited) => format!("{actor} приглашает: {target}"),
        (English, Notice::Invited) => format!("{actor} invited {target}"),
        (Russian, Notice::InvitationEnded) => format!("Приглашение отменено: {target}"),
        (English, Notice::InvitationEnded) => format!("The invitation of {target} has ended"),
        (Russian, Notice::Removed) => format!("{actor} удаляет из чата: {target}"),
        (English, Notice::Removed) => format!("{actor} removed {target}"),
        (Russian, Notice::Banned) => format!("{actor} блокирует: {target}"),
        (English, Notice::Banned) => format!("{actor} banned {target}"),
        (Russian, Notice::Unbanned) => format!("{actor} снимает блокировку: {target}"),
        (English, Notice::Unbanned) => format!("{actor} unbanned {target}"),
        (Russian, Notice::Knocked) => format!("{actor} просит впустить в чат"),
        (English, Notice::Knocked) => format!("{actor} asks to join"),
        (Russian, Notice::NameChanged(Some(name))) => format!("{actor} теперь пишет как {name}"),
        (English, Notice::NameChanged(Some(name))) => format!("{actor} is now called {name}"),
        (Russian, Notice::NameChanged(None)) => format!("{actor} убирает своё имя"),
        (English, Notice::NameChanged(None)) => format!("{actor} removed their name"),
        (Russian, Notice::AvatarChanged) => format!("{actor} меняет своё фото"),
        (English, Notice::AvatarChanged) => format!("{actor} changed their picture"),
        (_, room) => room_notice(language, actor, room),
    }
}

fn room_notice(language: Language, actor: &str, notice: &Notice) -> String {
    match (language, notice) {
        (Russian, Notice::RoomCreated) => format!("{actor} создаёт чат"),
        (English, Notice::RoomCreated) => format!("{actor} created the chat"),
        (Russian, Notice::RoomNamed(name)) => {
            format!("{actor} называет чат «{}»", inside_quotes(Russian, name))
        }
        (English, Notice::RoomNamed(name)) => {
            format!("{actor} named the chat “{}”", inside_quotes(English, name))
        }
        (Russian, Notice::TopicChanged(topic)) => format!("{actor} меняет тему: {topic}"),
        (English, Notice::TopicChanged(topic)) => format!("{actor} changed the topic: {topic}"),
        (Russian, Notice::RoomAvatarChanged) => format!("{actor} меняет картинку чата"),
        (English, Notice::RoomAvatarChanged) => format!("{actor} changed the chat's picture"),
        (Russian, Notice::EncryptionEnabled) => "Сообщения здесь зашифрованы".to_owned(),
        (English, Notice::EncryptionEnabled) => "Messages here are encrypted".to_owned(),
        (Russian, Notice::RightsChanged) => format!("{actor} меняет права"),
        (English, Notice::RightsChanged) => format!("{actor} changed the rights"),
        (Russian, Notice::PinsChanged) => format!("{actor} меняет закреплённые сообщения"),
        (English, Notice::PinsChanged) => format!("{actor} changed the pinned messages"),
        (Russian, _) => format!("{actor} меняет настройки чата"),
        (English, _) => format!("{actor} changed the chat's settings"),
    }
}

/// Before signing out: nobody could read the messages later.
#[must_use]
pub fn keys_lost(language: Language) -> &'static str {
    choose(
        language,
        "Зашифрованные сообщения больше нельзя будет прочитать: ключи к ним только здесь.",
        "Encrypted messages can no longer be read then: their keys are only here.",
    )
}

/// Before signing out: what waits would be lost.
#[must_use]
pub fn unsent(language: Language, count: u64) -> String {
    let forms = match language {
        Russian => [
            "сообщение ещё не отправлено и пропадёт",
            "сообщения ещё не отправлены и пропадут",
            "сообщений ещё не отправлены и пропадут",
        ],
        English => [
            "message has not been sent and will be lost",
            "messages have not been sent and will be lost",
            "",
        ],
    };
    format!("{count} {}.", plural(language, count, forms))
}

/// Who is typing: `София печатает…`.
#[must_use]
pub fn typing(language: Language, names: &[String]) -> String {
    match (language, names) {
        (_, []) => String::new(),
        (Russian, [one]) => format!("{one} печатает…"),
        (English, [one]) => format!("{one} is typing…"),
        (Russian, [one, two]) => format!("{one} и {two} печатают…"),
        (English, [one, two]) => format!("{one} and {two} are typing…"),
        (Russian, [one, rest @ ..]) => format!("{one} и ещё {} печатают…", rest.len()),
        (English, [one, rest @ ..]) => format!("{one} and {} more are typing…", rest.len()),
    }
}

/// The number of people in a room: `4 участника`.
#[must_use]
pub fn members(language: Language, count: u64) -> String {
    let forms = match language {
        Russian => ["участник", "участника", "участников"],
        English => ["member", "members", ""],
    };
    format!("{count} {}", plural(language, count, forms))
}

/// The number of people in a room, and how many of them are there: `4 участника, 3 в сети`.
#[must_use]
pub fn members_online(language: Language, count: u64, online: Option<u64>) -> String {
    let all = members(language, count);
    match (language, online) {
        (_, None | Some(0)) => all,
        (Russian, Some(online)) => format!("{all}, {online} в сети"),
        (English, Some(online)) => format!("{all}, {online} online"),
    }
}

/// Whether somebody is there: `в сети`, `не в сети 5 минут`. Without a word that would need the person's gender.
#[must_use]
pub fn presence(language: Language, online: bool, active_ago: Option<Duration>) -> String {
    let minutes = active_ago.map(|ago| ago.as_secs() / 60);
    let (russian, english, count) = match minutes {
        _ if online => return choose(language, "в сети", "online").to_owned(),
        None | Some(0) => return choose(language, "не в сети", "offline").to_owned(),
        Some(minutes @ 1..60) => (
            ["минуту", "минуты", "минут"],
            ["minute", "minutes", ""],
            minutes,
        ),
        Some(minutes @ 60..1440) => (
            ["час", "часа", "часов"],
            ["hour", "hours", ""],
            minutes / 60,
        ),
        Some(minutes) => (["день", "дня", "дней"], ["day", "days", ""], minutes / 1440),
    };
    match language {
        Russian => format!("не в сети {count} {}", plural(Russian, count, russian)),
        English => format!("offline for {count} {}", plural(English, count, english)),
    }
}

/// The title of a section of the room list.
#[must_use]
pub fn section(language: Language, section: Section) -> &'static str {
    match section {
        Section::Invitations => choose(language, "Приглашения", "Invitations"),
        Section::Favourites => choose(language, "Закреплённые", "Pinned"),
        Section::Classes => choose(language, "Мои занятия", "My classes"),
        Section::Direct => choose(language, "Личные", "Direct"),
        Section::Groups => choose(language, "Группы", "Groups"),
        Section::Announcements => choose(language, "Объявления", "Announcements"),
        Section::LowPriority => choose(language, "Неважные", "Low priority"),
    }
}

/// What a chat is, by its section.
#[must_use]
pub fn kind_of_chat(language: Language, section: Section) -> &'static str {
    match section {
        Section::Invitations => choose(language, "Приглашение", "Invitation"),
        Section::Classes => choose(language, "Занятие", "Class"),
        Section::Direct => choose(language, "Личный чат", "Direct chat"),
        Section::Announcements => choose(language, "Объявления", "Announcements"),
        Section::Favourites | Section::Groups | Section::LowPriority => {
            choose(language, "Группа", "Group")
        }
    }
}

pub(super) fn choose<'a>(language: Language, russian: &'a str, english: &'a str) -> &'a str {
    match language {
        Russian => russian,
        English => english,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::time::Timestamp;

    fn joined(more: usize) -> NoticeRow {
        let (target, sent_at) = (None, Timestamp(0));
        NoticeRow {
            actor: "Иван".to_owned(),
            target,
            notice: Notice::Joined,
            sent_at,
            more,
            collapsed: false,
        }
    }

    #[test]
    fn notices_count_the_others() {
        assert_eq!(notice(Russian, &joined(0)), "Иван теперь в чате");
        assert_eq!(notice(Russian, &joined(4)), "Иван и ещё 4 теперь в чате");
        assert_eq!(notice(English, &joined(4)), "Иван and 4 more joined");
        let invited = NoticeRow {
            target: Some("Мирон".to_owned()),
            notice: Notice::Invited,
            ..joined(2)
        };
        assert_eq!(notice(Russian, &invited), "Иван приглашает: Мирон и ещё 2");
        assert_eq!(notice(English, &invited), "Иван invited Мирон and 2 more");
    }

    #[test]
    fn presence_is_told_without_gender() {
        let ago = |minutes: u64| Some(Duration::from_secs(minutes * 60));
        assert_eq!(presence(Russian, true, ago(90)), "в сети");
        assert_eq!(presence(Russian, false, None), "не в сети");
        assert_eq!(presence(Russian, false, ago(22)), "не в сети 22 минуты");
        assert_eq!(presence(Russian, false, ago(61)), "не в сети 1 час");
        assert_eq!(presence(English, false, ago(2881)), "offline for 2 days");
        assert_eq!(members_online(Russian, 4, Some(3)), "4 участника, 3 в сети");
        assert_eq!(members_online(English, 4, None), "4 members");
    }

    #[test]
    fn typing_names_at_most_two() {
        let names = ["София".to_owned(), "Тимур".to_owned(), "Мирон".to_owned()];
        assert_eq!(typing(Russian, &names[..2]), "София и Тимур печатают…");
        assert_eq!(typing(Russian, &names), "София и ещё 2 печатают…");
    }
}
