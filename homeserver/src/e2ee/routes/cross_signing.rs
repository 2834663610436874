//! Cross-signing keys and signatures.

use axum::extract::State;
use ruma::api::client::keys::{
    upload_signatures::{self, v3::Failure},
    upload_signing_keys,
};
use serde_json::json;

use super::keys::{PATIENCE, followed_since};
use crate::{
    ApiError, ApiResult, Server,
    e2ee::{
        MasterKeys, NewCrossSigningKeys, SignatureFailure, SignatureFailures, SignedObjects,
        UploadOutcome,
    },
    http::{Ruma, Session, Whole},
    users::routes::confirm_password,
};

/// Publishes cross-signing keys; replacing some takes the password.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3keysdevice_signingupload)
pub(super) async fn upload_signing_keys(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<upload_signing_keys::v3::Request>,
) -> ApiResult<upload_signing_keys::v3::Response> {
    let keys = NewCrossSigningKeys {
        master: request.master_key,
        self_signing: request.self_signing_key,
        user_signing: request.user_signing_key,
    };
    let outcome = server
        .e2ee
        .upload_cross_signing_keys(&session, keys.clone(), false)
        .await?;
    if outcome == UploadOutcome::NeedsAuthentication {
        let operation = "POST /keys/device_signing/upload";
        confirm_password(&server, &session, operation, request.auth.as_ref()).await?;
        server
            .e2ee
            .upload_cross_signing_keys(&session, keys, true)
            .await?;
    }
    Ok(upload_signing_keys::v3::Response::new())
}

/// Publishes signatures on keys.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3keyssignaturesupload)
pub(super) async fn upload_signatures(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<upload_signatures::v3::Request>,
) -> ApiResult<Whole<upload_signatures::v3::Response>> {
    let mut objects = SignedObjects::new();
    for (owner, signed) in request.signed_keys {
        let signed = signed
            .iter()
            .map(|(id, json)| (id.to_owned(), json.get().to_owned()));
        objects.insert(owner, signed.collect());
    }
    let (elsewhere, mut failures) = master_keys_elsewhere(&server, &mut objects).await?;
    let refused = server
        .e2ee
        .upload_signatures(&session, objects, elsewhere)
        .await?;
    failures.extend(refused);
    let mut response = upload_signatures::v3::Response::new();
    for (owner, failures) in failures {
        for (id, failure) in failures {
            response
                .failures
                .entry(owner.clone())
                .or_default()
                .insert(id, to_ruma(failure)?);
        }
    }
    Ok(Whole(response, &["failures"]))
}

/// The master keys of those who are signed and of other servers. Takes out, as failures, what is about users whose
/// server does not answer.
async fn master_keys_elsewhere(
    server: &Server,
    objects: &mut SignedObjects,
) -> ApiResult<(MasterKeys, SignatureFailures)> {
    let mut failures = SignatureFailures::new();
    let users: Vec<_> = objects
        .keys()
        .filter(|user| !server.e2ee.is_local(user))
        .cloned()
        .collect();
    if users.is_empty() {
        return Ok((MasterKeys::new(), failures));
    }
    let followed = followed_since(server, users.clone()).await?;
    let wanted = users.into_iter().map(|user| (user, Vec::new())).collect();
    let found = server
        .federation
        .query_keys(wanted, &followed, PATIENCE)
        .await;
    objects.retain(|user, signed| {
        let Some(reason) = found.failures.get(user.server_name()) else {
            return true;
        };
        let failure = |id: &String| {
            let failure = SignatureFailure::new("M_UNKNOWN", reason.clone());
            (id.clone(), failure)
        };
        failures.insert(user.clone(), signed.keys().map(failure).collect());
        false
    });
    Ok((found.master_keys, failures))
}

fn to_ruma(failure: SignatureFailure) -> ApiResult<Failure> {
    let json = json!({ "errcode": failure.code, "error": failure.message });
    serde_json::from_value(json).map_err(ApiError::internal)
}
