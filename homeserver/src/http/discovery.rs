//! What a client asks before it signs in, and what it learns about this server afterwards.

use std::collections::BTreeMap;

use axum::{Router, extract::State, response::Response, routing::get};
use ruma::api::client::discovery::{get_capabilities, get_supported_versions};
use serde_json::json;

use super::{Raw, RouterExt, Ruma, Session, calls, json};
use crate::{
    ApiError, ApiResult, Server,
    delayed::{MAX_DELAY, MAX_SCHEDULED},
    events::versions,
};

/// The versions of the specification that clients may count on for what is here: they fetch media with authentication
/// only where 1.11 is listed.
const VERSIONS: [&str; 19] = [
    "v1.1", "v1.2", "v1.3", "v1.4", "v1.5", "v1.6", "v1.7", "v1.8", "v1.9", "v1.10", "v1.11",
    "v1.12", "v1.13", "v1.14", "v1.15", "v1.16", "v1.17", "v1.18", "v1.19",
];

/// Features outside the specification, one line each. A name stands here when, and only when, the feature works.
const UNSTABLE_FEATURES: &[&str] = &[
    // Cross-signing and the types of rooms in the directory are in the versions above, but Element looks for these names
    "org.matrix.e2e_cross_signing",
    "org.matrix.msc3827.stable",
    // MSC4186, simplified sliding sync
    "org.matrix.simplified_msc3575",
    // MSC3814, dehydrated devices
    "org.matrix.msc3814",
    // MSC4140, delayed events: at their first paths and at those of the accepted proposal
    "org.matrix.msc4140",
    "org.matrix.msc4140.stable",
    // MSC4143, the media servers of group calls
    "org.matrix.msc4143",
    // MSC3026, presence "busy"
    "org.matrix.msc3026.busy_presence",
    // MSC3882, login tokens
    "org.matrix.msc3882",
    // MSC4133, profile fields
    "uk.tcpip.msc4133",
    "uk.tcpip.msc4133.stable",
    // MSC4155, filtering of invitations
    "org.matrix.msc4155",
    // MSC4151, reporting rooms
    "org.matrix.msc4151",
    // MSC4306 and MSC4308, subscriptions to threads
    "org.matrix.msc4306",
    "org.matrix.msc4308",
    // MSC2666, mutual rooms: at their first path and at that of the accepted proposal
    "uk.half-shot.msc2666.query_mutual_rooms",
    "uk.half-shot.msc2666.query_mutual_rooms.stable",
];

/// `/versions`, `/capabilities` and `/.well-known/matrix/…`
pub fn router() -> Router<Server> {
    Router::new()
        .ruma_route(supported_versions)
        .ruma_route(capabilities)
        .route("/.well-known/matrix/client", get(well_known_client))
        .route("/.well-known/matrix/server", get(well_known_server))
        .route("/.well-known/matrix/support", get(well_known_support))
        .route(
            "/.well-known/matrix/policy_server",
            get(well_known_policy_server),
        )
}

/// The versions of the specification and the features this server has.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientversions)
async fn supported_versions(
    State(_): State<Server>,
    Ruma(_): Ruma<get_supported_versions::Request>,
) -> ApiResult<get_supported_versions::Response> {
    let versions = VERSIONS.iter().map(|&version| version.to_owned()).collect();
    let mut response = get_supported_versions::Response::new(versions);
    response.unstable_features = UNSTABLE_FEATURES
        .iter()
        .map(|&feature| (feature.to_owned(), true))
        .collect();
    Ok(response)
}

/// What users of this server may do.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#capabilities-negotiation)
async fn capabilities(
    State(server): State<Server>,
    session: Session,
    Ruma(_): Ruma<get_capabilities::v3::Request>,
) -> ApiResult<Raw> {
    let available: BTreeMap<&str, &str> = versions::OFFERED
        .iter()
        .map(|version| (version.as_str(), "stable"))
        .collect();
    // Written out in full: clients take a capability that is not mentioned for whatever suits them.
    let mut capabilities = json!({
        "m.change_password": { "enabled": true },
        "m.room_versions": { "default": server.config.rooms.default_version, "available": available },
        "m.set_displayname": { "enabled": true },
        "m.set_avatar_url": { "enabled": true },
        "m.profile_fields": { "enabled": true },
        "m.3pid_changes": { "enabled": false },
        "m.get_login_token": { "enabled": true },
        "org.matrix.msc4140.delayed_events": {
            "max_delay_ms": MAX_DELAY.as_millis() as u64,
            "max_scheduled": MAX_SCHEDULED,
        },
    });
    if session.is_admin {
        capabilities["m.account_moderation"] = json!({ "suspend": true, "lock": true });
    }
    json(&json!({ "capabilities": capabilities })).map(Raw)
}

/// Where clients find this server.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#getwell-knownmatrixclient)
async fn well_known_client(State(server): State<Server>) -> ApiResult<Response> {
    let url = server
        .config
        .well_known
        .client
        .as_deref()
        .ok_or_else(not_delegated)?;
    let mut body = json!({ "m.homeserver": { "base_url": url } });
    let foci = calls::transports_of(&server);
    if !foci.is_empty() {
        body["org.matrix.msc4143.rtc_foci"] = foci.into();
    }
    json(&body)
}

/// Where other homeservers find this server.
/// [spec](https://spec.matrix.org/v1.19/server-server-api/#getwell-knownmatrixserver)
async fn well_known_server(State(server): State<Server>) -> ApiResult<Response> {
    let name = server
        .config
        .well_known
        .server
        .as_deref()
        .ok_or_else(not_delegated)?;
    json(&json!({ "m.server": name }))
}

/// Whom people can ask for help.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#getwell-knownmatrixsupport)
async fn well_known_support(State(server): State<Server>) -> ApiResult<Response> {
    let support = server.config.well_known.support.as_ref();
    json(support.ok_or_else(|| ApiError::not_found("Nobody is named here who could help."))?)
}

/// The public keys of the policy server of this name.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#getwell-knownmatrixpolicy_server)
async fn well_known_policy_server(State(server): State<Server>) -> ApiResult<Response> {
    let key = server.config.well_known.policy_server_key.as_deref();
    let key = key.ok_or_else(|| ApiError::not_found("There is no policy server here."))?;
    json(&json!({ "public_keys": { "ed25519": key } }))
}

fn not_delegated() -> ApiError {
    ApiError::not_found("This server is found at its own name: nothing is configured here.")
}
