//! Spaces with everything in them, whoever may know of it.

use axum::Router;
use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::call::{AdminRoutes, Call};
use crate::{
    ApiError, ApiResult, Server,
    admin::Admin,
    rooms::spaces::{HierarchyQuery, Walk},
};

pub(super) fn router() -> Router<Server> {
    Router::new().admin(
        Method::GET,
        "/_synapse/admin/v1/rooms/{room_id}/hierarchy",
        hierarchy,
    )
}

#[derive(Clone, Debug, Deserialize)]
struct Query {
    /// How many rooms the pages before had.
    from: Option<usize>,
    limit: Option<usize>,
    max_depth: Option<u64>,
}

async fn hierarchy(call: Call) -> ApiResult<Value> {
    let query: Query = call.query()?;
    if query.limit == Some(0) {
        return Err(ApiError::invalid_param(
            "limit has to be greater than zero.",
        ));
    }
    let root = call.room_id(0)?;
    let query = HierarchyQuery {
        suggested_only: false,
        max_depth: query.max_depth,
        limit: query.limit,
        skip: query.from.unwrap_or(0),
    };
    let page = call.server.rooms.read(move |rooms, snapshot| {
        Admin::room(rooms, snapshot, rooms.find(&root)?)?;
        let mut walk = Walk::new(None, &root, query);
        // Nobody else is asked: what this server does not know is passed by.
        while let Some(ahead) = walk.advance(rooms, snapshot)? {
            walk.enter(rooms, snapshot, &ahead, None)?;
        }
        Ok(walk.finish())
    });
    let page = page.await?;
    let mut answer = json!({ "rooms": page.rooms });
    if let Some(next) = page.next {
        answer["next_batch"] = next.to_string().into();
    }
    Ok(answer)
}
