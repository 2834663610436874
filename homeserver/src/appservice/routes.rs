//! What application services ask for, and what clients ask of them.

use std::collections::BTreeMap;

use axum::{Router, extract::State};
use http::StatusCode;
use ruma::{
    OwnedRoomId,
    api::client::{
        alias::delete_alias,
        appservice::{request_ping, set_room_visibility},
        room::Visibility,
        thirdparty::{
            get_location_for_protocol, get_location_for_room_alias, get_protocol, get_protocols,
            get_user_for_protocol, get_user_for_user_id,
        },
    },
};
use serde_json::json;

use super::{network::Kind, ping::Pinged};
use crate::{
    ApiError, ApiResult, Server,
    http::{Nothing, Own, Raw, RouterExt, Ruma, Session, json},
};

/// The routes.
pub fn router() -> Router<Server> {
    Router::new()
        .ruma_route(ping)
        .ruma_route(set_visibility)
        .ruma_route_at(
            "/_matrix/client/r0/directory/list/appservice/{network_id}/{room_id}",
            hide,
        )
        .ruma_route_at(
            "/_matrix/client/v3/directory/list/appservice/{network_id}/{room_id}",
            hide,
        )
        .ruma_route(protocols)
        .ruma_route(protocol)
        .ruma_route(locations)
        .ruma_route(users)
        .ruma_route(behind_alias)
        .ruma_route(behind_user)
}

/// The application service that asks.
fn asking(session: &Session) -> ApiResult<&str> {
    session.appservice.as_deref().ok_or_else(|| {
        ApiError::forbidden("This is for application services: the access token is none of theirs.")
    })
}

/// Calls the service that asks, to show that it can be reached.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv1appserviceappserviceidping)
async fn ping(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<request_ping::v1::Request>,
) -> ApiResult<Raw> {
    let transaction = request.transaction_id.map(|id| id.to_string());
    let pinged = server
        .appservices
        .ping(asking(&session)?, &request.appservice_id, transaction)
        .await?;
    match pinged {
        Pinged::Fine(took) => {
            let took = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
            json(&json!({ "duration_ms": took })).map(Raw)
        }
        Pinged::Refused { status, body } => {
            let mut answer = json(&json!({
                "errcode": "M_BAD_STATUS",
                "error": format!("The application service answered with status {}.", status.as_u16()),
                "status": status.as_u16(),
                "body": body,
            }))?;
            *answer.status_mut() = StatusCode::BAD_GATEWAY;
            Ok(Raw(answer))
        }
    }
}

/// Puts a room into the directory of a network, or takes it out.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3directorylistappservicenetworkidroomid)
async fn set_visibility(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<set_room_visibility::v3::Request>,
) -> ApiResult<set_room_visibility::v3::Response> {
    let service = asking(&session)?;
    let is_public = match request.visibility {
        Visibility::Public => true,
        Visibility::Private => false,
        _ => {
            return Err(ApiError::invalid_param(
                "visibility is \"public\" or \"private\".",
            ));
        }
    };
    server
        .appservices
        .set_visible(service, &request.network_id, request.room_id, is_public)
        .await?;
    Ok(set_room_visibility::v3::Response::new())
}

/// Takes a room out of the directory of a network, as bridges also do it.
async fn hide(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<Own<delete_alias::v3::Request, (String, OwnedRoomId), Nothing>>,
) -> ApiResult<Raw> {
    let (network, room_id) = request.path;
    let service = asking(&session)?;
    server
        .appservices
        .set_visible(service, &network, room_id, false)
        .await?;
    json(&json!({})).map(Raw)
}

/// The networks that bridges here know.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3thirdpartyprotocols)
async fn protocols(
    State(server): State<Server>,
    _session: Session,
    Ruma(_): Ruma<get_protocols::v3::Request>,
) -> ApiResult<Raw> {
    json(&server.appservices.protocols().await).map(Raw)
}

/// One of those networks.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3thirdpartyprotocolprotocol)
async fn protocol(
    State(server): State<Server>,
    _session: Session,
    Ruma(request): Ruma<get_protocol::v3::Request>,
) -> ApiResult<Raw> {
    match server.appservices.protocol(&request.protocol).await {
        Some(protocol) => json(&protocol).map(Raw),
        None => Err(ApiError::not_found("No bridge here knows this protocol.")),
    }
}

/// Rooms of a network.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3thirdpartylocationprotocol)
async fn locations(
    State(server): State<Server>,
    _session: Session,
    Ruma(request): Ruma<get_location_for_protocol::v3::Request>,
) -> ApiResult<Raw> {
    search(&server, Kind::Location, &request.protocol, request.fields).await
}

/// People of a network.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3thirdpartyuserprotocol)
async fn users(
    State(server): State<Server>,
    _session: Session,
    Ruma(request): Ruma<get_user_for_protocol::v3::Request>,
) -> ApiResult<Raw> {
    search(&server, Kind::User, &request.protocol, request.fields).await
}

async fn search(
    server: &Server,
    kind: Kind,
    protocol: &str,
    mut fields: BTreeMap<String, String>,
) -> ApiResult<Raw> {
    // The query of a client may hold its token, which is nobody else's business.
    fields.remove("access_token");
    let found = server.appservices.search(kind, protocol, fields).await?;
    json(&found).map(Raw)
}

/// The rooms of other networks behind an alias.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3thirdpartylocation)
async fn behind_alias(
    State(server): State<Server>,
    _session: Session,
    Ruma(request): Ruma<get_location_for_room_alias::v3::Request>,
) -> ApiResult<Raw> {
    let alias = request.alias.to_string();
    json(&server.appservices.behind(Kind::Location, alias).await?).map(Raw)
}

/// The people of other networks behind a user.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3thirdpartyuser)
async fn behind_user(
    State(server): State<Server>,
    _session: Session,
    Ruma(request): Ruma<get_user_for_user_id::v3::Request>,
) -> ApiResult<Raw> {
    let user = request.userid.to_string();
    json(&server.appservices.behind(Kind::User, user).await?).map(Raw)
}
