//! Sentences about what went wrong, in both languages.

use std::time::Duration;

use super::{
    Language::{self, English, Russian},
    size,
    text::plural,
    words::choose,
};
use crate::bridge::trouble::Trouble;

/// Something could not be done without the server.
#[must_use]
pub fn not_connected(language: Language) -> &'static str {
    choose(
        language,
        "Без связи это не получится. Повторите, когда она появится.",
        "This needs the connection. Try again when it is back.",
    )
}

/// The graphics card was tried, and did not draw the window.
#[must_use]
pub fn renderer_failed(language: Language) -> &'static str {
    choose(
        language,
        "Видеокарта не справилась: программа рисует без неё.",
        "The graphics card failed: the program draws without it.",
    )
}

/// What went wrong, and what to do about it.
#[must_use]
pub fn trouble(language: Language, trouble: &Trouble) -> String {
    let [russian, english] = match trouble {
        Trouble::NoConnection => [
            "Сервер не отвечает. Проверьте адрес и подключение к сети.",
            "The server does not answer. Check the address and the network.",
        ],
        Trouble::ServerNotFound => ["Такого сервера не нашлось.", "There is no such server."],
        Trouble::NotAMatrixServer => [
            "По этому адресу отвечает не сервер сообщений.",
            "What answers there is not a message server.",
        ],
        Trouble::CertificateNotTrusted => [
            "Этот компьютер не доверяет сертификату сервера. Обратитесь к администратору.",
            "This computer does not trust the server's certificate. Ask the administrator.",
        ],
        Trouble::CertificateOutOfDate => [
            "Срок сертификата сервера не подходит. Проверьте дату и время на этом компьютере.",
            "The server's certificate is out of date. Check the date and time of this computer.",
        ],
        Trouble::JoinFileUnreadable(path) => return join_file_unreadable(language, path),
        Trouble::JoinFileInvalid => [
            "Это не файл подключения, или он повреждён. Попросите новый.",
            "This is no join file, or it is damaged. Ask for a new one.",
        ],
        Trouble::JoinFileNewer => [
            "Этот файл для более новой программы. Обновите её.",
            "This file is for a newer program. Update this one.",
        ],
        Trouble::NameMissing => ["Введите имя для входа.", "Type your name for signing in."],
        Trouble::PasswordMissing => ["Введите пароль.", "Type the password."],
        Trouble::WrongPassword => ["Неверное имя или пароль.", "Wrong name or password."],
        Trouble::PasswordWrong => ["Неверный пароль.", "Wrong password."],
        Trouble::NameTaken => ["Это имя уже занято.", "This name is taken."],
        Trouble::NameInvalid => [
            "Только строчные латинские буквы, цифры и . _ - /",
            "Only lower-case Latin letters, digits and . _ - /",
        ],
        Trouble::PasswordWeak => [
            "Слишком простой пароль: нужно не меньше восьми знаков.",
            "This password is too simple: take eight characters or more.",
        ],
        Trouble::TokenNeeded => [
            "Введите код от преподавателя.",
            "Type the code your teacher gave you.",
        ],
        Trouble::TokenWrong => ["Этот код не подходит.", "This code is not valid."],
        Trouble::RegistrationClosed => [
            "На этом сервере нельзя зарегистрироваться самому.",
            "This server does not let you register yourself.",
        ],
        Trouble::AccountLocked => [
            "Учётная запись заблокирована. Обратитесь к администратору.",
            "This account is locked. Ask the administrator.",
        ],
        Trouble::SessionEnded => [
            "Сеанс завершён. Войдите снова.",
            "The session has ended. Sign in again.",
        ],
        Trouble::SessionExpired => [
            "Срок входа истёк. Введите пароль, и всё будет на месте, черновики тоже.",
            "The sign-in has expired. Type your password: everything is still here, drafts too.",
        ],
        Trouble::SlowDown(wait) => return slow_down(language, *wait),
        Trouble::NotAllowed => ["У вас нет на это прав.", "You are not allowed to do this."],
        Trouble::BotSilent => [
            "Бот сейчас не отвечает.",
            "The bot does not answer just now.",
        ],
        Trouble::NotFound => ["Этого больше нет.", "This no longer exists."],
        Trouble::TooLarge(limit) => return too_large(language, *limit),
        Trouble::FileUnreadable => [
            "Не удалось прочитать или записать файл.",
            "The file cannot be read or written.",
        ],
        Trouble::NotPlayable => [
            "Этот звук нечем проиграть. Его можно сохранить.",
            "Nothing here can play this sound. It can be saved.",
        ],
        Trouble::NotAPicture => [
            "Эту картинку не удалось показать.",
            "This picture cannot be shown.",
        ],
        Trouble::WrongRecoveryKey => [
            "Этот пароль не подходит к ключам.",
            "This password does not open the keys.",
        ],
        Trouble::LocalData => [
            "Данные на этом компьютере повреждены. Войдите снова.",
            "The data on this computer is damaged. Sign in again.",
        ],
        Trouble::DataLeft => [
            "Вы вышли, но не всё удалось стереть с этого компьютера. Оставшееся сотрётся при следующем входе.",
            "You are signed out, but not everything could be wiped here. The rest goes at the next sign-in.",
        ],
        Trouble::DiskFull => [
            "На этом компьютере закончилось место. Удалите ненужное.",
            "The disk of this computer is full. Delete something you do not need.",
        ],
        Trouble::Unsupported => ["Этот сервер так не умеет.", "This server cannot do that."],
        Trouble::Other(_) => [
            "Что-то пошло не так. Попробуйте ещё раз.",
            "Something went wrong. Please try again.",
        ],
    };
    choose(language, russian, english).to_owned()
}

fn join_file_unreadable(language: Language, path: &str) -> String {
    match language {
        Russian => format!("Не удалось прочитать файл подключения {path}."),
        English => format!("The join file {path} cannot be read."),
    }
}

fn slow_down(language: Language, wait: Option<Duration>) -> String {
    let seconds = wait.map_or(0, |wait| wait.as_secs().max(1));
    match (language, seconds) {
        (Russian, 0) => "Слишком много попыток. Подождите немного.".to_owned(),
        (English, 0) => "Too many attempts. Wait a little.".to_owned(),
        (Russian, n) => {
            let word = plural(Russian, n, ["секунду", "секунды", "секунд"]);
            format!("Слишком много попыток. Подождите {n} {word}.")
        }
        (English, n) => {
            format!(
                "Too many attempts. Wait {n} {}.",
                plural(English, n, ["second", "seconds", ""])
            )
        }
    }
}

fn too_large(language: Language, limit: Option<u64>) -> String {
    match (language, limit.map(|limit| size::bytes(language, limit))) {
        (Russian, Some(limit)) => format!("Файл слишком большой: сервер принимает до {limit}."),
        (Russian, None) => "Файл слишком большой для этого сервера.".to_owned(),
        (English, Some(limit)) => format!("The file is too large: the server takes up to {limit}."),
        (English, None) => "The file is too large for this server.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_times_are_spelled_with_the_right_form() {
        let say = |seconds| {
            trouble(
                Russian,
                &Trouble::SlowDown(Some(Duration::from_secs(seconds))),
            )
        };
        assert_eq!(say(1), "Слишком много попыток. Подождите 1 секунду.");
        assert_eq!(say(5), "Слишком много попыток. Подождите 5 секунд.");
    }
}
