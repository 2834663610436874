//! What the bundled client asks. These endpoints are Fialka's own; they look and refuse like Matrix's.

pub mod admin;
mod screenshot;

use axum::{
    Router,
    extract::{FromRequestParts, Request},
    response::Response,
};
use http::Method;
use ruma::{MilliSecondsSinceUnixEpoch, OwnedUserId, UInt};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

use self::screenshot::Screenshot;
use super::{Category, NewFeedback, ProblemId, Seen, Status};
use crate::{
    ApiError, ApiResult, Server,
    http::{RouterExt, Session, json as answer, parse_body, read_body},
    ids::UserNid,
    join::routes::room_bot,
};

const PATH: &str = "/_fialka/client/v1/feedback";
const SIMILAR: &str = "/_fialka/client/v1/feedback/similar";
/// Characters of a draft that are compared; more make nothing clearer.
const MAX_DRAFT_LENGTH: usize = 4_000;

/// The routes.
pub fn router() -> Router<Server> {
    Router::new()
        .plain_route(
            &Method::POST,
            PATH,
            Box::new(|server, request| Box::pin(send(server, request))),
        )
        .plain_route(
            &Method::GET,
            PATH,
            Box::new(|server, request| Box::pin(own(server, request))),
        )
        .plain_route(
            &Method::POST,
            SIMILAR,
            Box::new(|server, request| Box::pin(similar(server, request))),
        )
}

/// A problem as clients see it.
#[derive(Serialize)]
struct ShownProblem {
    id: ProblemId,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    category: Category,
    people: u32,
    status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    fixed_in: Option<String>,
    mine: bool,
}

impl From<Seen> for ShownProblem {
    fn from(seen: Seen) -> Self {
        let title = seen.title().map(str::to_owned);
        let row = seen.problem.row;
        Self {
            id: seen.problem.id,
            title,
            category: row.category,
            people: row.people,
            status: row.status,
            fixed_in: row.fixed_in,
            mine: seen.mine,
        }
    }
}

async fn receive<B: DeserializeOwned>(
    server: &Server,
    request: Request,
) -> ApiResult<(Session, B)> {
    let (mut parts, body) = request.into_parts();
    let session = Session::from_request_parts(&mut parts, server).await?;
    let body = parse_body(&read_body(&parts, body).await?)?;
    Ok((session, body))
}

#[derive(Deserialize)]
struct SendBody {
    id: String,
    category: Category,
    text: String,
    same_as: Option<ProblemId>,
    written_at: Option<UInt>,
    screenshot: Option<Screenshot>,
    diagnostics: Option<Map<String, Value>>,
    /// Whose words the room bot hands over.
    reporter: Option<OwnedUserId>,
}

/// Takes a report.
async fn send(server: Server, request: Request) -> ApiResult<Response> {
    let (session, body): (_, SendBody) = receive(&server, request).await?;
    let mut new = NewFeedback {
        client_id: body.id,
        category: body.category,
        text: body.text,
        same_as: body.same_as,
        written_at: body.written_at.map(MilliSecondsSinceUnixEpoch),
        screenshot: None,
        diagnostics: body.diagnostics.map(|all| Value::Object(all).to_string()),
    };
    new.check()?;
    let (user, user_id) = match body.reporter {
        Some(reporter) => (handed_over(&server, &session, &reporter).await?, reporter),
        None => (session.user, session.user_id.clone()),
    };
    let known = server.feedback.sent(user, &new.client_id).await?;
    let seen = match known {
        // Its answer was lost.
        Some(seen) => seen,
        None => {
            if let Some(screenshot) = body.screenshot {
                new.screenshot = Some(screenshot.keep(&server, &session).await?);
            }
            server.feedback.send(user, user_id, new).await?
        }
    };
    answer(&json!({ "problem": ShownProblem::from(seen) }))
}

/// The number of somebody for whom the room bot speaks; nobody else may.
async fn handed_over(
    server: &Server,
    session: &Session,
    reporter: &OwnedUserId,
) -> ApiResult<UserNid> {
    if room_bot(server).await?.as_ref() != Some(&session.user_id) {
        return Err(ApiError::forbidden(
            "Only the room bot hands over what others say.",
        ));
    }
    let (storage, reporter) = (server.storage.clone(), reporter.clone());
    let number = server
        .storage
        .read(move |_| Ok(storage.interner().user(&reporter)?));
    number.await
}

/// Lists what the user has reported.
async fn own(server: Server, request: Request) -> ApiResult<Response> {
    let (mut parts, _) = request.into_parts();
    let session = Session::from_request_parts(&mut parts, &server).await?;
    let own = server.feedback.own(session.user).await?;
    let own: Vec<Value> = own
        .into_iter()
        .map(|own| {
            json!({
                "id": own.row.client_id,
                "text": own.row.text,
                "category": own.row.category,
                "sent_at": own.row.at,
                "problem": ShownProblem::from(own.seen),
            })
        })
        .collect();
    answer(&json!({ "feedback": own }))
}

#[derive(Deserialize)]
struct SimilarBody {
    text: String,
    category: Option<Category>,
}

/// Lists problems that the user may be about to report again. A draft is in the body and not in the address: proxies
/// write addresses into their logs.
async fn similar(server: Server, request: Request) -> ApiResult<Response> {
    let (session, body): (_, SimilarBody) = receive(&server, request).await?;
    if body.text.chars().count() > MAX_DRAFT_LENGTH {
        return Err(ApiError::invalid_param(
            "\"text\" may have 4000 characters.",
        ));
    }
    let seen = server
        .feedback
        .similar(session.user, &body.text, body.category)
        .await?;
    let problems: Vec<ShownProblem> = seen.into_iter().map(Into::into).collect();
    answer(&json!({ "problems": problems }))
}
