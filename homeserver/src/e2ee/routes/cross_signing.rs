//! Cross-signing keys and signatures.

use axum::extract::State;
use ruma::api::client::keys::{
    upload_signatures::{self, v3::Failure},
    upload_signing_keys,
};
use serde_json::json;

use crate::{
    ApiError, ApiResult, Server,
    e2ee::{NewCrossSigningKeys, SignatureFailure, SignedObjects, UploadOutcome},
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
    let mut response = upload_signatures::v3::Response::new();
    for (owner, failures) in server.e2ee.upload_signatures(&session, objects).await? {
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

fn to_ruma(failure: SignatureFailure) -> ApiResult<Failure> {
    let json = json!({ "errcode": failure.code, "error": failure.message });
    serde_json::from_value(json).map_err(ApiError::internal)
}
