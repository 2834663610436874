//! What somebody sees who opens the server's address in a browser: where they are, and how to take part.

use axum::{extract::State, response::Response};

use crate::{
    Server,
    config::RegistrationMode,
    http::page::{Language, Page, Visitor, escape},
};

/// The page at the root.
pub(super) async fn show(State(server): State<Server>, visitor: Visitor) -> Response {
    let language = visitor.language;
    let title = language.pick("Здесь живёт мессенджер", "A messenger lives here");
    let content = content(&server, language);
    Page::new(title, &content).show(server.config.server_name.as_str(), &visitor)
}

fn content(server: &Server, language: Language) -> String {
    let address = escape(&server.join.address);
    let name = escape(server.config.server_name.as_str());
    let registration = match server.config.registration.mode {
        RegistrationMode::Open => language.pick(
            "Учётную запись можно завести прямо в программе.",
            "You can make an account in the program.",
        ),
        RegistrationMode::Token => language.pick(
            "Для регистрации нужен код: его даёт администратор или преподаватель.",
            "To register you need a code: ask the administrator or your teacher.",
        ),
        RegistrationMode::Closed => language.pick(
            "Учётные записи заводит администратор.",
            "Accounts are made by the administrator.",
        ),
    };
    let download = server.config.campus.download.as_deref();
    let download = download.map_or(String::new(), |link| {
        let words = language.pick("Скачать программу", "Download the program");
        format!(
            "<p><a class=\"button\" href=\"{}\">{words}</a></p>",
            escape(link)
        )
    });
    let file =
        format!("<a href=\"/_fialka/client/v1/join\" download=\"{name}.fialka\">{name}.fialka</a>");
    language.pick(
        format!(
            "<p>Это сервер <code>{name}</code>. Переписка идёт через программу на вашем компьютере или телефоне.</p>\
<h2>Фиалка</h2>{download}<ol><li>Скачайте файл {file} и откройте его в программе: она узнает сервер. \
Или введите адрес сервера: <code>{address}</code></li><li>Войдите или зарегистрируйтесь. {registration}</li></ol>\
<h2>Другая программа для Matrix</h2><p>Подойдёт любая: Element, nheko, FluffyChat. В качестве домашнего сервера \
укажите <code>{address}</code>. Ваше имя там — вида <code>@ivan:{name}</code>.</p>"
        ),
        format!(
            "<p>This is the server <code>{name}</code>. People talk through a program on a computer or a phone.</p>\
<h2>Fialka</h2>{download}<ol><li>Download the file {file} and open it with the program: it then knows the server. \
Or type the server’s address: <code>{address}</code></li><li>Sign in or register. {registration}</li></ol>\
<h2>Another program for Matrix</h2><p>Any will do: Element, nheko, FluffyChat. Enter \
<code>{address}</code> as the homeserver. Your name there looks like <code>@ivan:{name}</code>.</p>"
        ),
    )
}
