//! [Searching](https://spec.matrix.org/v1.19/client-server-api/#server-side-search) messages and people.

use axum::{Router, extract::State};
use ruma::{
    UInt,
    api::client::{
        search::search_events::{self, v3::ResultCategories},
        user_directory::search_users,
    },
};
use serde_json::{Map, Value, json};

use super::Ask;
use crate::{
    ApiError, ApiResult, Server,
    http::{self, Raw, RouterExt, Ruma},
    rooms::{
        look::Reader,
        routes::amended::{Amend, Amended},
    },
    users::Session,
};

/// The endpoints of searches.
pub fn router() -> Router<Server> {
    Router::new().ruma_route(search).ruma_route(search_people)
}

/// Clients get what surrounds a result only if they ask for it, with whatever limits. Ruma does not tell an absent
/// `event_context` from an empty one, so the absence is written down as no events at all.
struct ContextOnRequest;

impl Amend for ContextOnRequest {
    type Request = search_events::v3::Request;

    fn amend(body: &mut Map<String, Value>) {
        let Some(Value::Object(criteria)) = body
            .get_mut("search_categories")
            .and_then(|categories| categories.get_mut("room_events"))
        else {
            return;
        };
        criteria
            .entry("event_context")
            .or_insert_with(|| json!({ "before_limit": 0, "after_limit": 0 }));
    }
}

/// Searches the messages of the rooms the user has been in.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3search)
async fn search(
    State(server): State<Server>,
    session: Session,
    Ruma(Amended(request)): Ruma<Amended<ContextOnRequest>>,
) -> ApiResult<Raw> {
    let mut categories = ResultCategories::new();
    if let Some(criteria) = request.search_categories.room_events {
        let wanted = criteria.event_context.clone();
        let nothing = wanted.before_limit == UInt::MIN && wanted.after_limit == UInt::MIN;
        let ask = Ask {
            reader: Reader {
                user: session.user_id.clone(),
                device: session.device_id.clone(),
            },
            context: (!nothing || wanted.include_profile).then_some(wanted),
            criteria,
            next_batch: request.next_batch,
        };
        categories.room_events = server.search.messages(ask).await?;
    }
    let mut categories = serde_json::to_value(&categories).map_err(ApiError::internal)?;
    // Ruma leaves a list without results out; clients look into it.
    if let Some(Value::Object(found)) = categories.get_mut("room_events") {
        found.entry("results").or_insert_with(|| json!([]));
    }
    http::json(&json!({ "search_categories": categories })).map(Raw)
}

/// Searches people by their names.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3user_directorysearch)
async fn search_people(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<search_users::v3::Request>,
) -> ApiResult<search_users::v3::Response> {
    let limit = usize::try_from(request.limit).unwrap_or(usize::MAX);
    let found = server
        .search
        .people(session.user, request.search_term, limit)
        .await?;
    let people = found.people.into_iter().map(|person| {
        let mut user = search_users::v3::User::new(person.user_id);
        user.display_name = person.display_name;
        user.avatar_url = person.avatar_url;
        user
    });
    Ok(search_users::v3::Response::new(
        people.collect(),
        found.limited,
    ))
}
