//! Signing in in a browser, for clients that know none of the ways to sign in.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#login-fallback)

use axum::{Router, extract::State, response::Response, routing::get};

use crate::{
    Server,
    http::page::{Page, Visitor},
};

/// Signs in with what is filled in, and hands the answer to the client that shows the page.
const SIGN_IN: &str = include_str!("login.js");

pub(super) fn router() -> Router<Server> {
    let paths = [
        "/_matrix/static/client/login/",
        "/_matrix/static/client/login",
    ];
    paths
        .into_iter()
        .fold(Router::new(), |router, path| router.route(path, get(show)))
}

async fn show(State(server): State<Server>, visitor: Visitor) -> Response {
    let words = visitor.language.pick(RUSSIAN, ENGLISH);
    let content = format!(
        "<noscript><p class=\"wrong\">{script}</p></noscript><p class=\"wrong\" role=\"alert\" hidden></p>\
<form data-refused=\"{refused}\" data-failed=\"{failed}\">\
<p><label>{user}<input type=\"text\" name=\"user\" autocomplete=\"username\" autocapitalize=\"none\" spellcheck=\"false\" \
required autofocus></label></p>\
<p><label>{password}<input type=\"password\" name=\"password\" autocomplete=\"current-password\" required></label></p>\
<p><button>{button}</button></p></form><p class=\"done\" hidden>{done}</p>",
        script = words.script,
        refused = words.refused,
        failed = words.failed,
        user = words.user,
        password = words.password,
        button = words.title,
        done = words.done,
    );
    let mut page = Page::new(words.title, &content);
    page.script = SIGN_IN;
    page.show(server.config.server_name.as_str(), &visitor)
}

struct Words {
    title: &'static str,
    user: &'static str,
    password: &'static str,
    refused: &'static str,
    failed: &'static str,
    script: &'static str,
    done: &'static str,
}

const RUSSIAN: Words = Words {
    title: "Войти",
    user: "Имя",
    password: "Пароль",
    refused: "Имя или пароль не подходит.",
    failed: "Войти не получилось.",
    script: "Для этой страницы нужен JavaScript.",
    done: "Вы вошли. Вернитесь в приложение.",
};

const ENGLISH: Words = Words {
    title: "Sign in",
    user: "Name",
    password: "Password",
    refused: "The name or the password is wrong.",
    failed: "Signing in did not work.",
    script: "This page needs JavaScript.",
    done: "You are signed in. Go back to the application.",
};
