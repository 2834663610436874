//! [Keys of servers](https://spec.matrix.org/v1.19/server-server-api/#retrieving-server-keys).

use std::collections::BTreeMap;

use axum::{Router, extract::State};
use ruma::{
    MilliSecondsSinceUnixEpoch, OwnedServerName,
    api::federation::discovery::{
        get_remote_server_keys, get_remote_server_keys_batch, get_server_keys,
    },
};
use serde::Deserialize;

use crate::{
    ApiResult, Server,
    federation::Wanted,
    http::{Nothing, Own, RouterExt, Ruma},
};

pub(super) fn router() -> Router<Server> {
    Router::new()
        .ruma_route(own_keys)
        .ruma_route_at("/_matrix/key/v2/server/{key_id}", own_keys_by_id)
        .ruma_route(keys_of_server)
        .ruma_route_at(
            "/_matrix/key/v2/query/{server_name}/{key_id}",
            keys_of_server_by_id,
        )
        .ruma_route(keys_of_servers)
}

/// The keys of this server.
/// [spec](https://spec.matrix.org/v1.19/server-server-api/#get_matrixkeyv2server)
async fn own_keys(
    State(server): State<Server>,
    Ruma(_): Ruma<get_server_keys::v2::Request>,
) -> ApiResult<get_server_keys::v2::Response> {
    Ok(get_server_keys::v2::Response::new(
        server.federation.own_keys()?,
    ))
}

/// The same: older servers name the key they look for, and are told all.
async fn own_keys_by_id(
    State(server): State<Server>,
    Ruma(_): Ruma<Own<get_server_keys::v2::Request, (String,), Nothing>>,
) -> ApiResult<get_server_keys::v2::Response> {
    Ok(get_server_keys::v2::Response::new(
        server.federation.own_keys()?,
    ))
}

#[derive(Deserialize)]
struct Minimum {
    minimum_valid_until_ts: Option<MilliSecondsSinceUnixEpoch>,
}

/// The keys of another server.
/// [spec](https://spec.matrix.org/v1.19/server-server-api/#get_matrixkeyv2queryservername)
async fn keys_of_server(
    State(server): State<Server>,
    Ruma(request): Ruma<
        Own<get_remote_server_keys::v2::Request, (OwnedServerName,), Nothing, Minimum>,
    >,
) -> ApiResult<get_remote_server_keys::v2::Response> {
    let wanted = Wanted {
        minimum: request.query.minimum_valid_until_ts,
        ..Wanted::default()
    };
    let asked = BTreeMap::from([(request.path.0, wanted)]);
    let keys = server.federation.vouch(asked).await?;
    Ok(get_remote_server_keys::v2::Response::new(keys))
}

/// The same of the key that older servers look for.
async fn keys_of_server_by_id(
    State(server): State<Server>,
    Ruma(request): Ruma<
        Own<get_remote_server_keys::v2::Request, (OwnedServerName, String), Nothing, Minimum>,
    >,
) -> ApiResult<get_remote_server_keys::v2::Response> {
    let (name, key) = request.path;
    let wanted = Wanted {
        minimum: request.query.minimum_valid_until_ts,
        keys: [key].into(),
    };
    let asked = BTreeMap::from([(name, wanted)]);
    let keys = server.federation.vouch(asked).await?;
    Ok(get_remote_server_keys::v2::Response::new(keys))
}

/// The keys of other servers.
/// [spec](https://spec.matrix.org/v1.19/server-server-api/#post_matrixkeyv2query)
async fn keys_of_servers(
    State(server): State<Server>,
    Ruma(request): Ruma<get_remote_server_keys_batch::v2::Request>,
) -> ApiResult<get_remote_server_keys_batch::v2::Response> {
    let asked = request.server_keys.into_iter().map(|(server, keys)| {
        let minimum = keys
            .values()
            .filter_map(|criteria| criteria.minimum_valid_until_ts)
            .max();
        let keys = keys.keys().map(ToString::to_string).collect();
        (server, Wanted { minimum, keys })
    });
    let keys = server.federation.vouch(asked.collect()).await?;
    Ok(get_remote_server_keys_batch::v2::Response::new(keys))
}
