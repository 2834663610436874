//! Stored filters.

use axum::extract::State;
use ruma::{
    OwnedUserId,
    api::client::filter::{create_filter, get_filter},
};
use serde_json::value::RawValue;

use super::check_own;
use crate::{
    ApiError, ApiResult, Server,
    http::{Own, Raw, Ruma, Session, json},
};

/// Stores a filter.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3useruseridfilter)
pub(super) async fn create_filter(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<Own<create_filter::v3::Request, (OwnedUserId,), Box<RawValue>>>,
) -> ApiResult<create_filter::v3::Response> {
    let (user_id,) = request.path;
    check_own(&session, &user_id)?;
    let filter_id = server
        .account_data
        .create_filter(session.user, &request.body)
        .await?;
    Ok(create_filter::v3::Response::new(filter_id))
}

/// A stored filter.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3useruseridfilterfilterid)
pub(super) async fn filter(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<get_filter::v3::Request>,
) -> ApiResult<Raw> {
    check_own(&session, &request.user_id)?;
    let filter = server
        .account_data
        .filter(session.user, &request.filter_id)
        .await?;
    let filter = filter.ok_or_else(|| ApiError::not_found("You have no such filter."))?;
    json(&filter).map(Raw)
}
