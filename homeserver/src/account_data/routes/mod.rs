//! The endpoints of account data.

mod data;
mod filters;
mod push_rules;
mod tags;

use axum::Router;
use ruma::UserId;

use crate::{
    ApiError, ApiResult, Server,
    http::{RouterExt, Session},
};

/// The routes.
pub fn router() -> Router<Server> {
    Router::new()
        .ruma_route(data::global)
        .ruma_route(data::set_global)
        .ruma_route(data::of_room)
        .ruma_route(data::set_of_room)
        .ruma_route(tags::tags)
        .ruma_route(tags::set_tag)
        .ruma_route(tags::delete_tag)
        .ruma_route(filters::create_filter)
        .ruma_route(filters::filter)
        .ruma_route(push_rules::all)
        .ruma_route(push_rules::global)
        .ruma_route(push_rules::rule)
        .ruma_route(push_rules::set_rule)
        .ruma_route(push_rules::delete_rule)
        .ruma_route(push_rules::enabled)
        .ruma_route(push_rules::set_enabled)
        .ruma_route(push_rules::actions)
        .ruma_route(push_rules::set_actions)
}

fn check_own(session: &Session, user_id: &UserId) -> ApiResult {
    if session.user_id == user_id {
        return Ok(());
    }
    Err(ApiError::forbidden(
        "Account data can be read and written only by the user it belongs to.",
    ))
}
