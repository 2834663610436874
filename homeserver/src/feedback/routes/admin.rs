//! What the command line asks of the running server, over the admin socket.

use axum::{Router, extract::State, response::Response, routing::post};
use ruma::MilliSecondsSinceUnixEpoch;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    ApiResult, Server,
    feedback::{Category, Details, Listed, ProblemChange, ProblemId, Status, Wanted},
    http::{JsonBody, json},
    users::routes::admin::Done,
};

/// Which problems to list.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct ListFeedback {
    /// Only those that are dealt with so far.
    pub status: Option<Status>,
    /// Only those of this kind.
    pub category: Option<Category>,
    /// How many at most.
    pub limit: usize,
}

/// Which problem to show.
#[derive(Debug, Serialize, Deserialize)]
pub struct ShowFeedback {
    /// Its number.
    pub id: ProblemId,
}

/// What to change of a problem: what is not given stays.
#[derive(Debug, Serialize, Deserialize)]
pub struct SetFeedback {
    /// Its number.
    pub id: ProblemId,
    /// How far it is dealt with.
    pub status: Option<Status>,
    /// The version in which it is solved.
    pub fixed_in: Option<String>,
    /// What it is called.
    pub title: Option<String>,
    /// The problem it turned out to be the same as.
    pub same_as: Option<ProblemId>,
}

/// An answer to everybody who reported a problem.
#[derive(Debug, Serialize, Deserialize)]
pub struct ReplyToFeedback {
    /// Its number.
    pub id: ProblemId,
    /// What it says.
    pub text: String,
}

/// To how many people an answer goes.
#[derive(Debug, Serialize, Deserialize)]
pub struct Replied {
    /// How many.
    pub people: u32,
}

/// A problem as administrators see it.
#[derive(Debug, Serialize, Deserialize)]
pub struct ShownProblem {
    /// Its number.
    pub id: ProblemId,
    /// What it is called.
    pub title: String,
    /// Of what kind it is.
    pub category: Category,
    /// How far it is dealt with.
    pub status: Status,
    /// The version in which it is solved.
    pub fixed_in: Option<String>,
    /// How many different people reported it.
    pub people: u32,
    /// How many of them within the last thirty days.
    pub people_recently: u32,
    /// How often it was reported.
    pub reports: u32,
    /// When it was first reported.
    pub first_at: MilliSecondsSinceUnixEpoch,
    /// When it was last reported.
    pub last_at: MilliSecondsSinceUnixEpoch,
}

/// A problem with all that was written about it.
#[derive(Debug, Serialize, Deserialize)]
pub struct ShownDetails {
    /// The problem.
    pub problem: ShownProblem,
    /// What people wrote, oldest first.
    pub reports: Vec<ShownReport>,
    /// What they were answered, oldest first.
    pub replies: Vec<ShownReply>,
    /// How many answers are still to be sent.
    pub untold: u32,
}

/// What one person wrote.
#[derive(Debug, Serialize, Deserialize)]
pub struct ShownReport {
    /// Who.
    pub reporter: String,
    /// When it came.
    pub at: MilliSecondsSinceUnixEpoch,
    /// When it was written, if it waited for the network.
    pub written_at: Option<MilliSecondsSinceUnixEpoch>,
    /// Their words.
    pub text: String,
    /// The address of a picture of the window.
    pub screenshot: Option<String>,
    /// What the client says of itself.
    pub diagnostics: Option<Value>,
}

/// An answer that was given.
#[derive(Debug, Serialize, Deserialize)]
pub struct ShownReply {
    /// When.
    pub at: MilliSecondsSinceUnixEpoch,
    /// What it says.
    pub text: String,
    /// To how many people it went.
    pub people: u32,
}

impl From<Listed> for ShownProblem {
    fn from(listed: Listed) -> Self {
        let row = listed.problem.row;
        Self {
            id: listed.problem.id,
            title: row.title,
            category: row.category,
            status: row.status,
            fixed_in: row.fixed_in,
            people: row.people,
            people_recently: listed.people_recently,
            reports: row.reports,
            first_at: row.first_at,
            last_at: row.last_at,
        }
    }
}

impl From<Details> for ShownDetails {
    fn from(details: Details) -> Self {
        let reports = details.reports.into_iter().map(|row| ShownReport {
            reporter: row.reporter.to_string(),
            at: row.at,
            written_at: row.written_at,
            text: row.text,
            screenshot: row.screenshot.map(|uri| uri.to_string()),
            diagnostics: row
                .diagnostics
                .and_then(|text| serde_json::from_str(&text).ok()),
        });
        let replies = details.replies.into_iter().map(|row| ShownReply {
            at: row.at,
            text: row.text,
            people: row.people,
        });
        Self {
            reports: reports.collect(),
            replies: replies.collect(),
            untold: details.untold,
            problem: details.listed.into(),
        }
    }
}

/// The commands, behind the prefix of the admin socket.
pub(crate) fn router() -> Router<Server> {
    Router::new()
        .route("/feedback/list", post(list))
        .route("/feedback/show", post(show))
        .route("/feedback/set", post(set))
        .route("/feedback/reply", post(reply))
}

async fn list(
    State(server): State<Server>,
    JsonBody(request): JsonBody<ListFeedback>,
) -> ApiResult<Response> {
    let wanted = Wanted {
        status: request.status,
        category: request.category,
        limit: request.limit,
    };
    let listed = server.feedback.list(wanted).await?;
    let shown: Vec<ShownProblem> = listed.into_iter().map(Into::into).collect();
    json(&shown)
}

async fn show(
    State(server): State<Server>,
    JsonBody(request): JsonBody<ShowFeedback>,
) -> ApiResult<Response> {
    let details = server.feedback.details(request.id).await?;
    json(&ShownDetails::from(details))
}

async fn set(
    State(server): State<Server>,
    JsonBody(request): JsonBody<SetFeedback>,
) -> ApiResult<Response> {
    let SetFeedback { id, same_as, .. } = request;
    if let Some(same_as) = same_as {
        server.feedback.merge(id, same_as).await?;
    }
    let change = ProblemChange {
        status: request.status,
        fixed_in: request.fixed_in,
        title: request.title,
    };
    server.feedback.change(id, change).await?;
    json(&Done {})
}

async fn reply(
    State(server): State<Server>,
    JsonBody(request): JsonBody<ReplyToFeedback>,
) -> ApiResult<Response> {
    // Otherwise the answers would wait for ever.
    server.admin.check_notices_enabled()?;
    let people = server.feedback.reply(request.id, request.text).await?;
    json(&Replied { people })
}
