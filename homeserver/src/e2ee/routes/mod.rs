//! The endpoints of end-to-end encryption.

mod cross_signing;
mod dehydrated;
mod key_backup;
mod keys;
mod to_device;

use axum::Router;

use crate::{Server, http::RouterExt};

/// The endpoints of end-to-end encryption.
pub fn router() -> Router<Server> {
    let keys = Router::new()
        .ruma_route(keys::upload_keys)
        .ruma_route(keys::query_keys)
        .ruma_route(keys::claim_keys)
        .ruma_route(keys::key_changes)
        .ruma_route(cross_signing::upload_signing_keys)
        .ruma_route(cross_signing::upload_signatures)
        .ruma_route(to_device::send_to_device);
    let dehydrated = Router::new()
        .ruma_route(dehydrated::put)
        .ruma_route(dehydrated::get)
        .ruma_route(dehydrated::delete)
        .ruma_route_at(dehydrated::MESSAGES_PATH, dehydrated::messages)
        .ruma_route(dehydrated::messages_by_post);
    let versions = Router::new()
        .ruma_route(key_backup::create_version)
        .ruma_route(key_backup::latest_version)
        .ruma_route(key_backup::version)
        .ruma_route(key_backup::update_version)
        .ruma_route(key_backup::delete_version);
    let backed_up = Router::new()
        .ruma_route(key_backup::add_keys)
        .ruma_route(key_backup::add_keys_for_room)
        .ruma_route(key_backup::add_key)
        .ruma_route(key_backup::keys)
        .ruma_route(key_backup::keys_for_room)
        .ruma_route(key_backup::key)
        .ruma_route(key_backup::delete_keys)
        .ruma_route(key_backup::delete_keys_for_room)
        .ruma_route(key_backup::delete_key);
    keys.merge(dehydrated).merge(versions).merge(backed_up)
}
