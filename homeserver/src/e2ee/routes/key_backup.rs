//! Backups of room keys.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#server-side-key-backups)

use std::collections::BTreeMap;

use axum::extract::State;
use ruma::{
    UInt,
    api::client::backup::{
        BackupAlgorithm, RoomKeyBackup, add_backup_keys, add_backup_keys_for_room,
        add_backup_keys_for_session, create_backup_version, delete_backup_keys,
        delete_backup_keys_for_room, delete_backup_keys_for_session, delete_backup_version,
        get_backup_info, get_backup_keys, get_backup_keys_for_room, get_backup_keys_for_session,
        get_latest_backup_info, update_backup_version,
    },
    serde::Raw,
};
use serde_json::value::RawValue;

use crate::{
    ApiError, ApiResult, Server,
    e2ee::{BackupInfo, BackupScope, BackupState},
    http::{Ruma, Session},
};

/// Begins a new version of the backup.
pub(super) async fn create_version(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<create_backup_version::v3::Request>,
) -> ApiResult<create_backup_version::v3::Response> {
    let version = server
        .e2ee
        .create_backup(session.user, &request.algorithm)
        .await?;
    Ok(create_backup_version::v3::Response::new(
        version.to_string(),
    ))
}

/// Describes the current version.
pub(super) async fn latest_version(
    State(server): State<Server>,
    session: Session,
    Ruma(_): Ruma<get_latest_backup_info::v3::Request>,
) -> ApiResult<get_latest_backup_info::v3::Response> {
    let info = server.e2ee.backup(session.user, None).await?;
    let (algorithm, state) = (algorithm_of(&info)?, info.state);
    let version = info.version.to_string();
    Ok(get_latest_backup_info::v3::Response::new(
        algorithm,
        count(state),
        etag(state),
        version,
    ))
}

/// Describes a version.
pub(super) async fn version(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<get_backup_info::v3::Request>,
) -> ApiResult<get_backup_info::v3::Response> {
    let info = server
        .e2ee
        .backup(session.user, Some(request.version))
        .await?;
    let (algorithm, state) = (algorithm_of(&info)?, info.state);
    let version = info.version.to_string();
    Ok(get_backup_info::v3::Response::new(
        algorithm,
        count(state),
        etag(state),
        version,
    ))
}

/// Replaces the signatures of a version.
pub(super) async fn update_version(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<update_backup_version::v3::Request>,
) -> ApiResult<update_backup_version::v3::Response> {
    server
        .e2ee
        .update_backup(session.user, request.version, &request.algorithm)
        .await?;
    Ok(update_backup_version::v3::Response::new())
}

/// Deletes a version.
pub(super) async fn delete_version(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<delete_backup_version::v3::Request>,
) -> ApiResult<delete_backup_version::v3::Response> {
    server
        .e2ee
        .delete_backup(session.user, request.version)
        .await?;
    Ok(delete_backup_version::v3::Response::new())
}

/// Adds keys of any rooms.
pub(super) async fn add_keys(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<add_backup_keys::v3::Request>,
) -> ApiResult<add_backup_keys::v3::Response> {
    let rooms = request
        .rooms
        .into_iter()
        .map(|(room, backup)| (room, backup.sessions))
        .collect();
    let state = server
        .e2ee
        .add_backup_keys(session.user, request.version, rooms)
        .await?;
    Ok(add_backup_keys::v3::Response::new(
        etag(state),
        count(state),
    ))
}

/// Adds keys of a room.
pub(super) async fn add_keys_for_room(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<add_backup_keys_for_room::v3::Request>,
) -> ApiResult<add_backup_keys_for_room::v3::Response> {
    let rooms = BTreeMap::from([(request.room_id, request.sessions)]);
    let state = server
        .e2ee
        .add_backup_keys(session.user, request.version, rooms)
        .await?;
    Ok(add_backup_keys_for_room::v3::Response::new(
        etag(state),
        count(state),
    ))
}

/// Adds one key.
pub(super) async fn add_key(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<add_backup_keys_for_session::v3::Request>,
) -> ApiResult<add_backup_keys_for_session::v3::Response> {
    let sessions = BTreeMap::from([(request.session_id, request.session_data)]);
    let rooms = BTreeMap::from([(request.room_id, sessions)]);
    let state = server
        .e2ee
        .add_backup_keys(session.user, request.version, rooms)
        .await?;
    Ok(add_backup_keys_for_session::v3::Response::new(
        etag(state),
        count(state),
    ))
}

/// Tells all keys of a version.
pub(super) async fn keys(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<get_backup_keys::v3::Request>,
) -> ApiResult<get_backup_keys::v3::Response> {
    let found = server
        .e2ee
        .backup_keys(session.user, request.version, BackupScope::All)
        .await?;
    let rooms = found
        .into_iter()
        .map(|(room, sessions)| (room, RoomKeyBackup::new(sessions)));
    Ok(get_backup_keys::v3::Response::new(rooms.collect()))
}

/// Tells the keys of a room; none is not an error.
pub(super) async fn keys_for_room(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<get_backup_keys_for_room::v3::Request>,
) -> ApiResult<get_backup_keys_for_room::v3::Response> {
    let scope = BackupScope::Room(request.room_id);
    let found = server
        .e2ee
        .backup_keys(session.user, request.version, scope)
        .await?;
    let sessions = found.into_values().next().unwrap_or_default();
    Ok(get_backup_keys_for_room::v3::Response::new(sessions))
}

/// Tells one key.
pub(super) async fn key(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<get_backup_keys_for_session::v3::Request>,
) -> ApiResult<get_backup_keys_for_session::v3::Response> {
    let scope = BackupScope::Session(request.room_id, request.session_id);
    let found = server
        .e2ee
        .backup_keys(session.user, request.version, scope)
        .await?;
    let key = found.into_values().flat_map(BTreeMap::into_values).next();
    let key = key.ok_or_else(|| ApiError::not_found("The backup has no key for this session."))?;
    Ok(get_backup_keys_for_session::v3::Response::new(key))
}

/// Deletes all keys of a version.
pub(super) async fn delete_keys(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<delete_backup_keys::v3::Request>,
) -> ApiResult<delete_backup_keys::v3::Response> {
    let scope = BackupScope::All;
    let state = server
        .e2ee
        .delete_backup_keys(session.user, request.version, scope)
        .await?;
    Ok(delete_backup_keys::v3::Response::new(
        etag(state),
        count(state),
    ))
}

/// Deletes the keys of a room.
pub(super) async fn delete_keys_for_room(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<delete_backup_keys_for_room::v3::Request>,
) -> ApiResult<delete_backup_keys_for_room::v3::Response> {
    let scope = BackupScope::Room(request.room_id);
    let state = server
        .e2ee
        .delete_backup_keys(session.user, request.version, scope)
        .await?;
    Ok(delete_backup_keys_for_room::v3::Response::new(
        etag(state),
        count(state),
    ))
}

/// Deletes one key.
pub(super) async fn delete_key(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<delete_backup_keys_for_session::v3::Request>,
) -> ApiResult<delete_backup_keys_for_session::v3::Response> {
    let scope = BackupScope::Session(request.room_id, request.session_id);
    let state = server
        .e2ee
        .delete_backup_keys(session.user, request.version, scope)
        .await?;
    Ok(delete_backup_keys_for_session::v3::Response::new(
        etag(state),
        count(state),
    ))
}

fn algorithm_of(info: &BackupInfo) -> ApiResult<Raw<BackupAlgorithm>> {
    let auth_data: Box<RawValue> =
        serde_json::from_str(&info.auth_data).map_err(ApiError::internal)?;
    let parts = serde_json::json!({ "algorithm": info.algorithm, "auth_data": auth_data });
    Ok(Raw::new(&parts)
        .map_err(ApiError::internal)?
        .cast_unchecked())
}

fn count(state: BackupState) -> UInt {
    UInt::new(state.count).unwrap_or(UInt::MAX)
}

fn etag(state: BackupState) -> String {
    state.etag.to_string()
}
