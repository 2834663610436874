//! What the command line asks of the running server, over the admin socket.

use axum::{
    Router,
    extract::State,
    response::Response,
    routing::{get, post},
};
use serde::{Deserialize, Serialize};

use crate::{
    ApiResult, Server,
    http::{JsonBody, json},
    roster::{Change, Entry, Person},
};

/// A file to be compared or applied.
#[derive(Debug, Serialize, Deserialize)]
pub struct RosterFile {
    /// Its text.
    pub text: String,
    /// Whether to make the server so. Otherwise nothing is changed.
    pub apply: bool,
}

/// What is different, or was.
#[derive(Debug, Serialize, Deserialize)]
pub struct RosterChanges {
    /// The differences.
    pub changes: Vec<Change>,
    /// Memberships that were changed.
    pub memberships: usize,
}

/// For whom to make codes.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct PrintCodes {
    /// Only for this class.
    pub class: Option<String>,
}

/// Somebody in the list.
#[derive(Debug, Serialize, Deserialize)]
pub struct ShownEntry {
    /// They.
    pub person: Person,
    /// Whether they have left.
    pub gone: bool,
    /// Whether they have signed in.
    pub claimed: bool,
}

impl From<Entry> for ShownEntry {
    fn from(entry: Entry) -> Self {
        Self {
            person: entry.person,
            gone: entry.gone,
            claimed: entry.claimed,
        }
    }
}

/// The commands, behind the prefix of the admin socket.
pub(crate) fn admin_router() -> Router<Server> {
    Router::new()
        .route("/roster", get(list))
        .route("/roster/import", post(import))
        .route("/roster/codes", post(codes))
}

async fn list(State(server): State<Server>) -> ApiResult<Response> {
    let entries = server.roster.entries().await?;
    let shown: Vec<ShownEntry> = entries.into_iter().map(Into::into).collect();
    json(&shown)
}

async fn import(
    State(server): State<Server>,
    JsonBody(file): JsonBody<RosterFile>,
) -> ApiResult<Response> {
    if !file.apply {
        let changes = server.roster.compare(&file.text).await?;
        return json(&RosterChanges {
            changes,
            memberships: 0,
        });
    }
    // Goes on should the one who asked not wait.
    let roster = server.roster.clone();
    let applying = tokio::spawn(async move { roster.apply(&file.text).await });
    let applied = applying.await.map_err(crate::ApiError::internal)??;
    json(&RosterChanges {
        changes: applied.changes,
        memberships: applied.memberships,
    })
}

async fn codes(
    State(server): State<Server>,
    JsonBody(request): JsonBody<PrintCodes>,
) -> ApiResult<Response> {
    json(&server.roster.print_codes(request.class.as_deref()).await?)
}
