//! The account's other sign-ins and its password. The server asks for the password before it changes either.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#user-interactive-authentication-api)

use matrix_sdk::{
    Client, HttpError,
    ruma::{
        OwnedDeviceId,
        api::client::uiaa::{AuthData, MatrixUserIdentifier, Password, UiaaInfo, UserIdentifier},
    },
};

use super::encryption;
use crate::{
    bridge::{secret::Secret, trouble::Trouble, update::Answer},
    render::time::Timestamp,
    rows::DeviceRow,
};

/// Where the account is signed in, this program first, then by when each was last seen.
pub(super) async fn load(client: &Client) -> Result<Answer, Trouble> {
    let found = client.devices().await?;
    let own = client.device_id();
    let user = client.user_id().ok_or(Trouble::SessionEnded)?;
    let keys = client.encryption().get_user_devices(user).await?;
    let mut rows: Vec<_> = found
        .devices
        .into_iter()
        .map(|device| DeviceRow {
            own: Some(&*device.device_id) == own,
            trusted: keys
                .get(&device.device_id)
                .is_some_and(|device| device.is_verified_with_cross_signing()),
            name: device
                .display_name
                .unwrap_or_else(|| device.device_id.to_string()),
            last_seen: device.last_seen_ts.map(|at| Timestamp(at.get().into())),
            last_address: device.last_seen_ip,
            id: device.device_id,
        })
        .collect();
    rows.sort_by_key(|row| (!row.own, std::cmp::Reverse(row.last_seen)));
    Ok(Answer::Devices(rows))
}

/// Signs other devices out and answers with those that are left.
pub(super) async fn end(
    client: &Client,
    devices: &[OwnedDeviceId],
    password: &Secret,
) -> Result<Answer, Trouble> {
    if let Err(error) = client.delete_devices(devices, None).await {
        let auth = answer(client, &error, password).ok_or_else(|| Trouble::from(error))?;
        client
            .delete_devices(devices, Some(auth))
            .await
            .map_err(refused)?;
    }
    load(client).await
}

/// Tells whether it is the person's password: the server wants it also for signing out no device at all.
pub(super) async fn check_password(client: &Client, password: &Secret) -> Result<(), Trouble> {
    if let Err(error) = client.delete_devices(&[], None).await {
        let auth = answer(client, &error, password).ok_or_else(|| Trouble::from(error))?;
        client
            .delete_devices(&[], Some(auth))
            .await
            .map_err(refused)?;
    }
    Ok(())
}

/// Changes the password, and lets the new one open the stored message keys where that is possible.
pub(super) async fn change_password(
    client: &Client,
    old: &Secret,
    new: &Secret,
) -> Result<Answer, Trouble> {
    let account = client.account();
    if let Err(error) = account.change_password(new.reveal(), None).await {
        let auth = match &error {
            matrix_sdk::Error::Http(http) => answer(client, http, old),
            _ => None,
        };
        let auth = auth.ok_or_else(|| Trouble::from(error))?;
        if let Err(error) = account.change_password(new.reveal(), Some(auth)).await {
            return Err(match error {
                matrix_sdk::Error::Http(http) => refused(*http),
                other => other.into(),
            });
        }
    }
    Ok(Answer::PasswordChanged {
        opens_keys: encryption::follow_password(client, old, new).await,
    })
}

/// What the server wants to hear after its first refusal; `None` when it refused for another reason.
fn answer(client: &Client, error: &HttpError, password: &Secret) -> Option<AuthData> {
    with_password(client, error.as_uiaa_response()?, password)
}

/// The password as the next stage of an authentication that has begun; `None` when nobody is signed in.
pub(super) fn with_password(
    client: &Client,
    begun: &UiaaInfo,
    password: &Secret,
) -> Option<AuthData> {
    let user = client.user_id()?.to_string();
    let user = UserIdentifier::Matrix(MatrixUserIdentifier::new(user));
    let mut data = Password::new(user, password.reveal().to_owned());
    data.session.clone_from(&begun.session);
    Some(AuthData::Password(data))
}

/// Asked for the password again: the one given was wrong.
fn refused(error: HttpError) -> Trouble {
    if error.as_uiaa_response().is_some() {
        return Trouble::PasswordWrong;
    }
    error.into()
}
