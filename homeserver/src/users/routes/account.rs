//! One's own account.

use axum::extract::State;
use ruma::api::client::account::{ThirdPartyIdRemovalStatus, change_password, deactivate};

use super::confirm_password;
use crate::{
    ApiResult, Server,
    http::{Ruma, Session},
    users::DevicesOf,
};

/// Changes the password, and by default signs all other devices out.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3accountpassword)
pub(super) async fn change_password(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<change_password::v3::Request>,
) -> ApiResult<change_password::v3::Response> {
    let auth = request.auth.as_ref();
    confirm_password(&server, &session, "POST /account/password", auth).await?;
    server
        .users
        .change_password(&session, request.new_password)
        .await?;
    if request.logout_devices {
        let others = DevicesOf::AllBut(session.device_id.clone());
        server.users.delete_devices(session.user, others).await?;
    }
    Ok(change_password::v3::Response::new())
}

/// Closes the account for good.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3accountdeactivate)
pub(super) async fn deactivate(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<deactivate::v3::Request>,
) -> ApiResult<deactivate::v3::Response> {
    let auth = request.auth.as_ref();
    confirm_password(&server, &session, "POST /account/deactivate", auth).await?;
    server.users.deactivate(session.user, request.erase).await?;
    // No identifier was ever bound at an identity server from here, so all of them are unbound.
    let unbound = ThirdPartyIdRemovalStatus::Success;
    Ok(deactivate::v3::Response::new(unbound))
}
