//! Other servers, and whether they answer.

use std::cmp::Ordering;

use axum::Router;
use http::Method;
use ruma::{OwnedServerName, api::error::ErrorKind};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    call::{AdminRoutes, Call},
    page::{Dir, Page},
};
use crate::{ApiError, ApiResult, Server, federation::Standing};

pub(super) fn router() -> Router<Server> {
    let one = "/_synapse/admin/v1/federation/destinations/{destination}";
    Router::new()
        .admin(
            Method::GET,
            "/_synapse/admin/v1/federation/destinations",
            list,
        )
        .admin(Method::GET, one, details)
        .admin(
            Method::GET,
            "/_synapse/admin/v1/federation/destinations/{destination}/rooms",
            rooms,
        )
        .admin(
            Method::POST,
            "/_synapse/admin/v1/federation/destinations/{destination}/reset_connection",
            reset_connection,
        )
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum OrderBy {
    #[default]
    Destination,
    RetryLastTs,
    RetryInterval,
    FailureTs,
    LastSuccessfulStreamOrdering,
}

#[derive(Clone, Debug, Deserialize)]
struct Query {
    from: Option<usize>,
    limit: Option<usize>,
    #[serde(default)]
    order_by: OrderBy,
    #[serde(default)]
    dir: Dir,
    /// A part of the name.
    destination: Option<String>,
}

async fn list(call: Call) -> ApiResult<Value> {
    let query: Query = call.query()?;
    let page = Page::new(query.from, query.limit)?;
    let part = query.destination.unwrap_or_default().to_lowercase();
    let federation = call.server.federation.clone();
    let read = call.server.storage.read(move |snapshot| {
        let mut all = Vec::new();
        for server in federation.known_servers(snapshot)? {
            if server.as_str().to_lowercase().contains(&part) {
                all.extend(federation.standing(snapshot, &server)?);
            }
        }
        Ok::<_, ApiError>(all)
    });
    let mut all = read.await?;
    all.sort_by(|a, b| {
        let order = compare(query.order_by, a, b);
        query.dir.turn(order.then_with(|| a.server.cmp(&b.server)))
    });
    let total = all.len();
    let shown: Vec<Value> = page.of(&all).into_iter().map(show).collect();
    let mut answer = json!({ "destinations": shown, "total": total });
    page.add_next_token(&mut answer, total);
    Ok(answer)
}

fn compare(order_by: OrderBy, a: &Standing, b: &Standing) -> Ordering {
    match order_by {
        OrderBy::Destination => Ordering::Equal,
        OrderBy::RetryLastTs | OrderBy::RetryInterval => {
            let (a, b) = (a.left_alone, b.left_alone);
            match order_by {
                OrderBy::RetryLastTs => a.map(|(at, _)| at).cmp(&b.map(|(at, _)| at)),
                _ => a.map(|(_, pause)| pause).cmp(&b.map(|(_, pause)| pause)),
            }
        }
        OrderBy::FailureTs => a.failing_since.cmp(&b.failing_since),
        OrderBy::LastSuccessfulStreamOrdering => a.told.cmp(&b.told),
    }
}

fn show(standing: &Standing) -> Value {
    let (last, pause) = standing.left_alone.unzip();
    json!({
        "destination": standing.server,
        "retry_last_ts": last.map_or(0, |last| u64::from(last.0)),
        "retry_interval": pause.map_or(0, |pause| pause.as_millis() as u64),
        "failure_ts": standing.failing_since,
        "last_successful_stream_ordering": standing.told.map(|told| told.0),
    })
}

async fn details(call: Call) -> ApiResult<Value> {
    find(&call).await.map(|standing| show(&standing))
}

/// The server that the path names.
async fn find(call: &Call) -> ApiResult<Standing> {
    let federation = call.server.federation.clone();
    // No server can have any other name.
    let Ok(server) = call.text(0).parse::<OwnedServerName>() else {
        return Err(unknown());
    };
    let read = call
        .server
        .storage
        .read(move |snapshot| federation.standing(snapshot, &server));
    read.await?.ok_or_else(unknown)
}

fn unknown() -> ApiError {
    ApiError::not_found("This server has nothing to do with a server of that name.")
}

#[derive(Clone, Debug, Deserialize)]
struct RoomsQuery {
    from: Option<usize>,
    limit: Option<usize>,
    #[serde(default)]
    dir: Dir,
}

async fn rooms(call: Call) -> ApiResult<Value> {
    let query: RoomsQuery = call.query()?;
    let page = Page::new(query.from, query.limit)?;
    let standing = find(&call).await?;
    let federation = call.server.federation.clone();
    let read = call.server.rooms.read(move |rooms, snapshot| {
        let mut all = Vec::new();
        for (room, pos) in federation.rooms_with(snapshot, &standing.server)? {
            all.push((rooms.room_id(room)?, pos));
        }
        Ok(all)
    });
    let mut all = read.await?;
    all.sort_by(|a, b| query.dir.turn(a.0.cmp(&b.0)));
    let total = all.len();
    let shown = page.of(all).into_iter();
    let shown = shown.map(|(room_id, pos)| json!({ "room_id": room_id, "stream_ordering": pos.0 }));
    let mut answer = json!({ "rooms": shown.collect::<Vec<_>>(), "total": total });
    page.add_next_token(&mut answer, total);
    Ok(answer)
}

async fn reset_connection(call: Call) -> ApiResult<Value> {
    let standing = find(&call).await?;
    if call.server.federation.try_again(&standing.server) {
        return Ok(json!({}));
    }
    let message = "This server is not left alone: there is nothing to reset.";
    Err(ApiError::bad_request(ErrorKind::Unknown, message))
}
