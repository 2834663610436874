//! Who stores how much.

use std::{cmp::Ordering, collections::HashMap};

use axum::Router;
use http::Method;
use ruma::MilliSecondsSinceUnixEpoch;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    call::{AdminRoutes, Call},
    page::{Dir, Page},
};
use crate::{ApiError, ApiResult, Server, media::Usage, users::Listed};

pub(super) fn router() -> Router<Server> {
    Router::new().admin(
        Method::GET,
        "/_synapse/admin/v1/statistics/users/media",
        users_media,
    )
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum OrderBy {
    #[default]
    UserId,
    #[serde(rename = "displayname")]
    DisplayName,
    MediaLength,
    MediaCount,
}

#[derive(Clone, Debug, Deserialize)]
struct Query {
    from: Option<usize>,
    limit: Option<usize>,
    #[serde(default)]
    order_by: OrderBy,
    #[serde(default)]
    dir: Dir,
    from_ts: Option<MilliSecondsSinceUnixEpoch>,
    until_ts: Option<MilliSecondsSinceUnixEpoch>,
    search_term: Option<String>,
}

async fn users_media(call: Call) -> ApiResult<Value> {
    let query: Query = call.query()?;
    let page = Page::new(query.from, query.limit)?;
    if query.search_term.as_deref() == Some("") {
        return Err(ApiError::invalid_param("search_term cannot be empty."));
    }
    if let (Some(from), Some(until)) = (query.from_ts, query.until_ts)
        && until <= from
    {
        return Err(ApiError::invalid_param(
            "until_ts has to be later than from_ts.",
        ));
    }
    let media = &call.server.media;
    let usage: HashMap<_, Usage> = media.usage_by_user(query.from_ts, query.until_ts).await?;
    let uploaders: Vec<_> = usage.keys().copied().collect();
    let term = query.search_term.as_ref().map(|term| term.to_lowercase());
    let users = call.server.users.list(move |listed| {
        uploaders.contains(&listed.account.user)
            && term.as_ref().is_none_or(|term| mentions(listed, term))
    });
    let mut rows: Vec<(Listed, Usage)> = users
        .await?
        .into_iter()
        .filter_map(|listed| {
            let usage = *usage.get(&listed.account.user)?;
            Some((listed, usage))
        })
        .collect();
    rows.sort_by(|a, b| {
        query
            .dir
            .turn(compare(query.order_by, a, b))
            .then_with(|| a.0.account.user_id.cmp(&b.0.account.user_id))
    });
    let total = rows.len();
    let shown: Vec<_> = page.of(&rows).into_iter().map(show).collect();
    let mut answer = json!({ "users": shown, "total": total });
    if let Some(next) = page.next(total) {
        answer["next_token"] = next.into();
    }
    Ok(answer)
}

fn mentions(listed: &Listed, term: &str) -> bool {
    let name = listed.display_name.as_deref().unwrap_or_default();
    listed
        .account
        .user_id
        .as_str()
        .to_lowercase()
        .contains(term)
        || name.to_lowercase().contains(term)
}

fn compare(order_by: OrderBy, a: &(Listed, Usage), b: &(Listed, Usage)) -> Ordering {
    match order_by {
        OrderBy::UserId => a.0.account.user_id.cmp(&b.0.account.user_id),
        OrderBy::DisplayName => a.0.display_name.cmp(&b.0.display_name),
        OrderBy::MediaLength => a.1.bytes.cmp(&b.1.bytes),
        OrderBy::MediaCount => a.1.files.cmp(&b.1.files),
    }
}

fn show((listed, usage): &(Listed, Usage)) -> Value {
    json!({
        "user_id": listed.account.user_id,
        "displayname": listed.display_name,
        "media_count": usage.files,
        "media_length": usage.bytes,
    })
}
