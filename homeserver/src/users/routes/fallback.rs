//! Stages of user-interactive authentication in a browser, for clients that do not know them.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#fallback)

use axum::{
    Router,
    body::Bytes,
    extract::{Path, Query, State},
    response::Response,
    routing::get,
};
use http::StatusCode;
use ruma::api::client::uiaa::AuthType;
use serde::Deserialize;

use crate::{
    ApiError, ApiResult, Server,
    config::Policy,
    http::{
        ClientAddress,
        limits::{Class, Subject},
        page::{Language, Page, Visitor, escape},
    },
    users::StageState,
};

/// Tells the client's window that the stage is done.
const DONE: &str = "if(window.onAuthDone){window.onAuthDone();}\
else if(window.opener&&window.opener.postMessage){window.opener.postMessage(\"authDone\",\"*\");}";

pub(super) fn router() -> Router<Server> {
    let paths = [
        "/_matrix/client/v3/auth/{v1}/fallback/web",
        "/_matrix/client/r0/auth/{v1}/fallback/web",
    ];
    paths.into_iter().fold(Router::new(), |router, path| {
        router.route(path, get(show).post(submit))
    })
}

#[derive(Deserialize)]
struct Asked {
    session: Option<String>,
}

/// What the forms of the pages send.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Form {
    session: Option<String>,
    token: Option<String>,
    accept: Vec<String>,
}

/// The page for a stage.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#fallback)
async fn show(
    State(server): State<Server>,
    visitor: Visitor,
    address: ClientAddress,
    Path(stage): Path<String>,
    Query(asked): Query<Asked>,
) -> ApiResult<Response> {
    check(&server, address)?;
    let session = asked.session.ok_or_else(no_session)?;
    let stage = AuthType::from(stage);
    let state = server.users.stage_state(&session, &stage)?;
    Ok(answer(&server, &visitor, &session, &stage, (state, None)))
}

/// What somebody filled in.
async fn submit(
    State(server): State<Server>,
    visitor: Visitor,
    address: ClientAddress,
    Path(stage): Path<String>,
    body: Bytes,
) -> ApiResult<Response> {
    check(&server, address)?;
    let form = parse(&body)?;
    let session = form.session.clone().ok_or_else(no_session)?;
    let stage = AuthType::from(stage);
    let mut state = server.users.stage_state(&session, &stage)?;
    let mut wrong = None;
    if state == StageState::Open {
        wrong = match stage {
            AuthType::RegistrationToken => {
                let token = form.token.as_deref().unwrap_or_default().trim();
                let done = server.users.complete_with_token(&session, token).await?;
                (!done).then_some(visitor.language.pick(
                    "Этот код регистрации не подходит.",
                    "This registration code is not valid.",
                ))
            }
            AuthType::Terms if form.accept.len() < server.config.registration.terms.len() => {
                Some(visitor.language.pick(
                    "Чтобы продолжить, примите их все.",
                    "Accept all of them to go on.",
                ))
            }
            _ => {
                server.users.complete_stage(&session, &stage)?;
                None
            }
        };
        if wrong.is_none() {
            state = StageState::Done;
        }
    }
    Ok(answer(&server, &visitor, &session, &stage, (state, wrong)))
}

fn check(server: &Server, ClientAddress(address): ClientAddress) -> ApiResult {
    match address {
        Some(address) => server.limits.check(Class::Register, Subject::from(address)),
        None => Ok(()),
    }
}

fn no_session() -> ApiError {
    ApiError::missing_param("\"session\" is missing.")
}

/// A form is read as a query is. Ticked boxes have one name each time.
fn parse(body: &[u8]) -> ApiResult<Form> {
    let malformed = || ApiError::invalid_param("The form is not as this page sends it.");
    let text = std::str::from_utf8(body).map_err(|_| malformed())?;
    let uri = format!("/?{text}").parse().map_err(|_| malformed())?;
    let Query(pairs) =
        Query::<Vec<(String, String)>>::try_from_uri(&uri).map_err(|_| malformed())?;
    let mut form = Form::default();
    for (name, value) in pairs {
        match name.as_str() {
            "session" => form.session = Some(value),
            "token" => form.token = Some(value),
            "accept" => form.accept.push(value),
            _ => {}
        }
    }
    Ok(form)
}

fn answer(
    server: &Server,
    visitor: &Visitor,
    session: &str,
    stage: &AuthType,
    (state, wrong): (StageState, Option<&str>),
) -> Response {
    let (language, name) = (visitor.language, server.config.server_name.as_str());
    if state == StageState::Done {
        let (title, text) = language.pick(
            (
                "Готово",
                "<p>Это окно можно закрыть и вернуться в приложение.</p>",
            ),
            (
                "Done",
                "<p>You can close this window and go back to the application.</p>",
            ),
        );
        let mut page = Page::new(title, text);
        page.script = DONE;
        return page.show(name, visitor);
    }
    let go_on = language.pick("Продолжить", "Go on");
    let (title, fields, button) = match stage {
        AuthType::Terms => (
            language.pick("Правила этого сервера", "Terms of this server"),
            terms(&server.config.registration.terms, language),
            language.pick("Принять", "Accept"),
        ),
        AuthType::RegistrationToken => (
            language.pick("Код регистрации", "Registration code"),
            format!(
                "<p><label>{}<input type=\"text\" name=\"token\" autocomplete=\"off\" required autofocus></label></p>",
                language.pick("Код, который вам дали", "The code you were given")
            ),
            go_on,
        ),
        AuthType::Dummy => (
            language.pick("Регистрация", "Registration"),
            String::new(),
            go_on,
        ),
        _ => {
            let (title, text) = language.pick(
                (
                    "Вход",
                    "<p>Этот шаг нельзя сделать в браузере. Вернитесь в приложение.</p>",
                ),
                (
                    "Sign in",
                    "<p>This step cannot be done in a browser. Go back to the application.</p>",
                ),
            );
            let mut page = Page::new(title, text);
            page.status = StatusCode::NOT_FOUND;
            return page.show(name, visitor);
        }
    };
    let wrong = wrong.map_or(String::new(), |wrong| {
        format!("<p class=\"wrong\" role=\"alert\">{}</p>", escape(wrong))
    });
    let session = escape(session);
    let content = format!(
        "{wrong}<form method=\"post\"><input type=\"hidden\" name=\"session\" value=\"{session}\">\
{fields}<p><button>{button}</button></p></form>"
    );
    Page::new(title, &content).show(name, visitor)
}

/// A box to tick for each document: in the reader's language if there is one, or else in all there are.
fn terms(policies: &[Policy], language: Language) -> String {
    let mut html = String::new();
    for policy in policies {
        let links: Vec<_> = policy
            .languages
            .iter()
            .filter(|(known, _)| {
                let own = language.code();
                *known == own || !policy.languages.contains_key(own)
            })
            .map(|(language, text)| {
                format!(
                    "<a href=\"{}\" target=\"_blank\" rel=\"noopener\" lang=\"{}\">{}</a>",
                    escape(&text.url),
                    escape(language),
                    escape(&text.name)
                )
            })
            .collect();
        html.push_str(&format!(
            "<label class=\"box\"><input type=\"checkbox\" name=\"accept\" value=\"{}\" required><span>{}</span></label>",
            escape(&policy.id),
            links.join(" · ")
        ));
    }
    html
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::config::PolicyText;

    #[test]
    fn forms_are_read() {
        let form = parse(b"session=a%26b&accept=x&accept=y&token=t+1").unwrap();
        assert_eq!(form.session.as_deref(), Some("a&b"));
        assert_eq!(form.accept, ["x", "y"]);
        assert_eq!(form.token.as_deref(), Some("t 1"));
        assert!(parse(b"\xff").is_err());
    }

    #[test]
    fn names_of_documents_are_no_markup() {
        let text = PolicyText {
            name: "<b>".to_owned(),
            url: "https://b.example/?a=\"".to_owned(),
        };
        let policy = Policy {
            id: "a".to_owned(),
            version: "1".to_owned(),
            languages: BTreeMap::from([("en".to_owned(), text)]),
        };
        let html = terms(&[policy], Language::Russian);
        assert!(html.contains("&lt;b&gt;") && html.contains("a=&quot;"));
        assert!(!html.contains("<b>"));
    }

    proptest::proptest! {
        #[test]
        fn any_form_is_read_or_refused(text in crate::any_input::text_like(&["session=abc&token=a%20b&accept=a&accept=b", "session=%D0%B0"])) {
            drop(parse(text.as_bytes()));
        }
    }
}
