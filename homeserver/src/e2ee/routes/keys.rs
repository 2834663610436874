//! Device keys and one-time keys.

use std::{collections::BTreeMap, time::Duration};

use axum::extract::State;
use ruma::{
    OneTimeKeyAlgorithm, OwnedServerName, OwnedUserId, UInt,
    api::{
        client::keys::{claim_keys, get_key_changes, get_keys, upload_keys},
        error::ErrorKind,
    },
};
use serde_json::json;

use crate::{
    ApiError, ApiResult, Server,
    e2ee::NewKeys,
    http::{Ruma, Session, Whole},
    ids::{StreamPos, UserNid},
    sync::token::SyncToken,
};

/// How long other servers may take when the client does not say.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// What every answer to a query has.
const QUERIED: &[&str] = &[
    "device_keys",
    "failures",
    "master_keys",
    "self_signing_keys",
    "user_signing_keys",
];

/// Stores keys of the device.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3keysupload)
pub(super) async fn upload_keys(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<upload_keys::v3::Request>,
) -> ApiResult<upload_keys::v3::Response> {
    if session.device_id.as_str().is_empty() {
        let message = "Keys belong to a device: name one in \"device_id\".";
        return Err(ApiError::bad_request(ErrorKind::Unknown, message));
    }
    let keys = NewKeys {
        one_time: request.one_time_keys,
        fallback: request.fallback_keys,
    };
    let counts = server
        .e2ee
        .upload_keys(&session, request.device_keys, keys)
        .await?;
    let mut counts: BTreeMap<_, _> = counts
        .into_iter()
        .map(|(algorithm, count)| (OneTimeKeyAlgorithm::from(algorithm), UInt::from(count)))
        .collect();
    // What is not there counts as none, but some clients look at this one without asking.
    counts
        .entry(OneTimeKeyAlgorithm::SignedCurve25519)
        .or_default();
    Ok(upload_keys::v3::Response::new(counts))
}

/// Tells keys of users and their devices.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3keysquery)
pub(super) async fn query_keys(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<get_keys::v3::Request>,
) -> ApiResult<Whole<get_keys::v3::Response>> {
    let mut response = get_keys::v3::Response::new();
    let (local, remote): (BTreeMap<_, _>, BTreeMap<_, _>) = request
        .device_keys
        .into_iter()
        .partition(|(user, _)| server.e2ee.is_local(user));
    let followed = followed_since(&server, remote.keys().cloned().collect()).await?;
    let patience = request.timeout.unwrap_or(PATIENCE);
    // Both at once, so that a server that does not answer delays nothing but its own keys.
    let (own, others) = tokio::join!(
        server.e2ee.query_keys(&session, local),
        server.federation.query_keys(remote, &followed, patience),
    );
    response.device_keys = others.device_keys;
    response.master_keys = server
        .e2ee
        .with_signatures_of(session.user, others.master_keys)
        .await?;
    response.self_signing_keys = others.self_signing_keys;
    response.failures = failures(others.failures);
    for (user, keys) in own? {
        response
            .master_keys
            .extend(keys.master.map(|key| (user.clone(), key)));
        response
            .self_signing_keys
            .extend(keys.self_signing.map(|key| (user.clone(), key)));
        response
            .user_signing_keys
            .extend(keys.user_signing.map(|key| (user.clone(), key)));
        response.device_keys.insert(user, keys.devices);
    }
    Ok(Whole(response, QUERIED))
}

/// Since when this server is told of changes of those of some users with whom it shares rooms.
pub(super) async fn followed_since(
    server: &Server,
    users: Vec<OwnedUserId>,
) -> ApiResult<BTreeMap<OwnedUserId, StreamPos>> {
    if users.is_empty() {
        return Ok(BTreeMap::new());
    }
    let read = server.rooms.read(move |rooms, snapshot| {
        let mut all = BTreeMap::new();
        for user in users {
            if let Some(nid) = rooms.storage().interner().find_user(&user)?
                && let Some(since) = rooms.followed_since(snapshot, nid)?
            {
                all.insert(user, since);
            }
        }
        Ok(all)
    });
    read.await
}

/// Takes one-time keys of devices, to begin encrypted sessions with them.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3keysclaim)
pub(super) async fn claim_keys(
    State(server): State<Server>,
    _session: Session,
    Ruma(request): Ruma<claim_keys::v3::Request>,
) -> ApiResult<Whole<claim_keys::v3::Response>> {
    let (local, remote): (BTreeMap<_, _>, BTreeMap<_, _>) = request
        .one_time_keys
        .into_iter()
        .partition(|(user, _)| server.e2ee.is_local(user));
    let patience = request.timeout.unwrap_or(PATIENCE);
    let (own, others) = tokio::join!(
        server.e2ee.claim_keys(local),
        server.federation.claim_keys(remote, patience),
    );
    let mut response = claim_keys::v3::Response::new(own?);
    response.one_time_keys.extend(others.one_time_keys);
    response.failures = failures(others.failures);
    Ok(Whole(response, &["failures"]))
}

/// What a client is told about servers that did not answer.
fn failures(reasons: BTreeMap<OwnedServerName, String>) -> BTreeMap<String, serde_json::Value> {
    let failure = |reason| json!({ "errcode": "M_UNKNOWN", "error": reason });
    reasons
        .into_iter()
        .map(|(server, reason)| (server.to_string(), failure(reason)))
        .collect()
}

/// Tells whose keys changed between two syncs.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3keyschanges)
pub(super) async fn key_changes(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<get_key_changes::v3::Request>,
) -> ApiResult<get_key_changes::v3::Response> {
    let epoch = server.storage.epoch();
    let from = SyncToken::parse_since(&request.from, epoch)?.unwrap_or(StreamPos::ZERO);
    SyncToken::parse_since(&request.to, epoch)?;
    // Only the newest change of a user is known: one after `to` may stand for one before it.
    let upto = server.storage.position();
    let e2ee = server.e2ee.clone();
    let user = session.user;
    let lists = server
        .storage
        .read(move |snapshot| e2ee.device_lists(snapshot, user, (from, upto), None))
        .await?;
    let ids = |users: std::collections::BTreeSet<UserNid>| -> ApiResult<Vec<OwnedUserId>> {
        users
            .into_iter()
            .map(|user| Ok(server.storage.interner().user_id(user)?))
            .collect()
    };
    Ok(get_key_changes::v3::Response::new(
        ids(lists.changed)?,
        ids(lists.left)?,
    ))
}
