//! Beginning work that goes on after its request was answered, and beginning it again after a restart.

use ruma::{OwnedUserId, UserId};
use serde_json::Value;

use super::call::Call;
use crate::{
    ApiError, ApiResult, Server,
    admin::{
        store::{TaskRow, TaskStatus},
        tasks::NewTask,
    },
};

/// What can be done.
pub(super) const REDACT_USER: &str = "redact_user";

/// Begins work and returns its id.
pub(super) async fn begin(
    call: &Call,
    action: &'static str,
    subject: &str,
    request: Value,
) -> ApiResult<String> {
    let server = &call.server;
    let new = NewTask {
        action,
        subject,
        wanted_by: &call.session.user_id,
        request,
    };
    let id = server.admin.tasks().begin(new).await?;
    let row = server.admin.tasks().get(&id).await?;
    if let Some(row) = row {
        go_on(server, id.clone(), row);
    }
    Ok(id)
}

/// Goes on with what a restart interrupted.
pub(crate) async fn resume(server: &Server) -> ApiResult {
    for (id, row) in server.admin.tasks().all().await? {
        if row.status == TaskStatus::Active {
            go_on(server, id, row);
        }
    }
    Ok(())
}

fn go_on(server: &Server, id: String, row: TaskRow) {
    let working = server.clone();
    server.jobs.track(async move {
        let tasks = working.admin.tasks().clone();
        let done = tokio::select! {
            done = tasks.carry_out(&id, carry_out(&working, &row)) => done,
            // The row stays as it is, and the work begins again at the next start.
            () = working.jobs.stopping() => return,
        };
        if let Err(error) = done {
            tracing::error!("what came of work for an administrator cannot be written: {error:?}");
        }
    });
}

async fn carry_out(server: &Server, row: &TaskRow) -> ApiResult<Value> {
    let admin: OwnedUserId = UserId::parse(&row.wanted_by).map_err(ApiError::internal)?;
    match row.action.as_str() {
        REDACT_USER => {
            let user = UserId::parse(&row.subject).map_err(ApiError::internal)?;
            let wish = serde_json::from_str(&row.request).map_err(ApiError::internal)?;
            server.admin.redact_user(user, admin, wish).await
        }
        _ => Err(ApiError::internal(anyhow::anyhow!(
            "nobody knows how to {}",
            row.action
        ))),
    }
}

/// The row of work that a request asks about.
pub(super) async fn find(call: &Call, id: &str, action: &str) -> ApiResult<TaskRow> {
    let row = call.server.admin.tasks().get(id).await?;
    row.filter(|row| row.action == action).ok_or_else(|| {
        ApiError::not_found("There is no such work, or it was done more than a week ago.")
    })
}
