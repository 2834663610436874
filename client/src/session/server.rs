//! Finding a homeserver from what somebody typed.

use std::{net::IpAddr, time::Duration};

use matrix_sdk::{
    Client, ClientBuildError, HttpError,
    config::RequestConfig,
    ruma::api::{
        client::{
            account::register,
            session::get_login_types::v3::LoginType,
            uiaa::{AuthType, UiaaInfo},
        },
        error::ErrorKind,
    },
};
use reqwest::Certificate;
use url::Url;

use crate::{
    bridge::trouble::Trouble,
    rows::{Registrations, ServerRow},
};

/// A server that does not answer within this time is as good as absent to a person who waits.
const TIMEOUT: Duration = Duration::from_secs(8);

/// Looks for a homeserver at the address and asks it who may come in.
pub(super) async fn check(address: &str, roots: Vec<Certificate>) -> Result<ServerRow, Trouble> {
    let mut trouble = Trouble::ServerNotFound;
    for candidate in candidates(address) {
        match connect(&candidate, roots.clone()).await {
            Ok(client) => return describe(&client, address).await,
            Err(error) => trouble = more_telling(trouble, error.into()),
        }
    }
    Err(trouble)
}

/// Of several failures the one that helps most: a server that is there but wrong tells more than one that is not.
fn more_telling(first: Trouble, second: Trouble) -> Trouble {
    let rank = |trouble: &Trouble| match trouble {
        Trouble::CertificateNotTrusted => 3,
        Trouble::NotAMatrixServer => 2,
        Trouble::NoConnection => 1,
        _ => 0,
    };
    if rank(&second) >= rank(&first) {
        second
    } else {
        first
    }
}

async fn connect(candidate: &str, roots: Vec<Certificate>) -> Result<Client, ClientBuildError> {
    let config = RequestConfig::short_retry()
        .disable_retry()
        .timeout(TIMEOUT);
    let builder = Client::builder()
        .request_config(config)
        .add_root_certificates(roots);
    if candidate.contains("://") {
        let client = builder.homeserver_url(candidate).build().await?;
        // The builder alone does not contact a server given by its URL.
        client.fetch_server_versions(None).await?;
        Ok(client)
    } else {
        builder
            .server_name_or_homeserver_url(candidate)
            .build()
            .await
    }
}

/// What to try, in order. A bare name is first looked up as a server name (`/.well-known/matrix/client`). Plain HTTP
/// is tried only where the name says that the server is on the same network, because passwords go over it.
fn candidates(address: &str) -> Vec<String> {
    let address = address.trim().trim_end_matches('/');
    // People paste user ids.
    let address = match address.strip_prefix('@').and_then(|id| id.split_once(':')) {
        Some((_, server)) => server,
        None => address,
    };
    if address.is_empty() {
        return Vec::new();
    }
    if address.contains("://") {
        return vec![address.to_owned()];
    }
    let mut candidates = vec![address.to_owned(), format!("https://{address}")];
    if is_local(address) {
        candidates.push(format!("http://{address}"));
        if !has_port(address) {
            candidates.push(format!("http://{address}:8008"));
        }
    }
    candidates
}

fn has_port(address: &str) -> bool {
    Url::parse(&format!("http://{address}")).is_ok_and(|url| url.port().is_some())
}

fn is_local(address: &str) -> bool {
    let Ok(url) = Url::parse(&format!("http://{address}")) else {
        return false;
    };
    let Some(host) = url.host_str() else {
        return false;
    };
    match host.trim_matches(['[', ']']).parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        Ok(IpAddr::V6(ip)) => {
            ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local()
        }
        Err(_) => {
            !host.contains('.')
                || [".local", ".lan", ".internal"]
                    .iter()
                    .any(|end| host.ends_with(end))
        }
    }
}

async fn describe(client: &Client, address: &str) -> Result<ServerRow, Trouble> {
    let base_url = client.homeserver();
    let logins = client
        .matrix_auth()
        .get_login_types()
        .await
        .map_err(|error| match error {
            HttpError::Reqwest(error) => super::troubles::transport(&error),
            _ => Trouble::NotAMatrixServer,
        })?;
    let name = match client.server().and_then(Url::host_str) {
        Some(name) => name.to_owned(),
        None => address
            .trim_start_matches("https://")
            .trim_start_matches("http://")
            .trim_matches('/')
            .to_owned(),
    };
    Ok(ServerRow {
        name,
        base_url: base_url.to_string(),
        registrations: registrations(client).await,
        password_sign_in: logins
            .flows
            .iter()
            .any(|flow| matches!(flow, LoginType::Password(_))),
    })
}

/// Asks for a registration without giving anything: the server answers with the steps it wants.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#user-interactive-authentication-api)
async fn registrations(client: &Client) -> Registrations {
    match client.send(register::v3::Request::new()).await {
        Err(error) => match error.as_uiaa_response() {
            Some(uiaa) => steps_of(uiaa),
            None => closed_unless_unclear(&error),
        },
        // A server that registers without a name and password is none of ours; be careful and do not offer it.
        Ok(_) => Registrations::Closed,
    }
}

fn closed_unless_unclear(error: &HttpError) -> Registrations {
    match error.client_api_error_kind() {
        // Some servers look at the name before the steps.
        Some(
            ErrorKind::InvalidUsername | ErrorKind::MissingParam | ErrorKind::LimitExceeded(_),
        ) => Registrations::Open,
        _ => Registrations::Closed,
    }
}

fn steps_of(uiaa: &UiaaInfo) -> Registrations {
    let can = |allowed: &[AuthType]| {
        uiaa.flows
            .iter()
            .any(|flow| flow.stages.iter().all(|stage| allowed.contains(stage)))
    };
    if can(&[AuthType::Dummy]) {
        Registrations::Open
    } else if can(&[AuthType::Dummy, AuthType::RegistrationToken]) {
        Registrations::WithToken
    } else {
        Registrations::Closed
    }
}

#[cfg(test)]
mod tests {
    use super::candidates;

    #[test]
    fn public_names_are_never_tried_without_encryption() {
        assert_eq!(
            candidates("campus.example"),
            ["campus.example", "https://campus.example"]
        );
    }

    #[test]
    fn names_on_the_same_network_may_speak_plain_http() {
        assert!(candidates("10.0.2.5:8008").contains(&"http://10.0.2.5:8008".to_owned()));
        assert!(candidates("violet").contains(&"http://violet:8008".to_owned()));
        assert!(
            !candidates("8.8.8.8")
                .iter()
                .any(|candidate| candidate.starts_with("http://"))
        );
    }

    #[test]
    fn a_full_address_is_taken_as_it_is() {
        assert_eq!(
            candidates(" https://hs.example:8448/ "),
            ["https://hs.example:8448"]
        );
    }

    #[test]
    fn a_user_id_names_its_server() {
        assert_eq!(candidates("@ivan:campus.example")[0], "campus.example");
    }
}
