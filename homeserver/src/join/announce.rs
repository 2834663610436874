//! Telling the local network that this server is there: DNS-based service discovery over multicast DNS.
//! [RFC 6763](https://www.rfc-editor.org/rfc/rfc6763)
//!
//! It only helps clients to find the server. Whether it is the right one, they know from the authority in the join file:
//! anybody can announce anything.

use mdns_sd::{ServiceDaemon, ServiceInfo};

use super::{JoinFile, main_listener};
use crate::{Config, jobs::Jobs};

const SERVICE: &str = "_fialka._tcp.local.";
/// Bytes of the longest label in DNS.
const MAX_LABEL_LENGTH: usize = 63;

/// Announces a server until it stops.
pub async fn announce(config: &Config, file: &JoinFile, jobs: Jobs) {
    let Some(listen) = main_listener(config) else {
        return;
    };
    if listen.address.ip().is_loopback() {
        tracing::warn!("campus.announce is set, but no listener can be reached from the network");
        return;
    }
    let started = service(file, listen.address.port()).and_then(|service| {
        let daemon = ServiceDaemon::new()?;
        daemon.register(service)?;
        Ok(daemon)
    });
    let daemon = match started {
        Ok(daemon) => daemon,
        Err(error) => {
            tracing::warn!("the server cannot be announced on the local network: {error}");
            return;
        }
    };
    tracing::info!("announced on the local network as {SERVICE}");
    jobs.stopping().await;
    // Says goodbye, so that clients do not offer a server that is gone.
    if let Err(error) = daemon.shutdown() {
        tracing::debug!("the announcement could not be taken back: {error}");
    }
}

/// What is announced.
fn service(file: &JoinFile, port: u16) -> mdns_sd::Result<ServiceInfo> {
    let label = |text: &str| {
        let mut end = text.len().min(MAX_LABEL_LENGTH);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text[..end].to_owned()
    };
    let host = file.server_name.replace(['.', ':', '[', ']'], "-");
    let mut properties = vec![
        ("v", file.version.to_string()),
        ("server_name", file.server_name.clone()),
        ("address", file.address.clone()),
    ];
    let fingerprint = file.ca_fingerprint.as_deref();
    if let Some(digits) = fingerprint.and_then(|text| text.strip_prefix("sha256:")) {
        properties.push(("fp", digits.to_owned()));
    }
    let service = ServiceInfo::new(
        SERVICE,
        &label(&file.server_name),
        &format!("{}.local.", label(&host)),
        (),
        port,
        &properties[..],
    )?;
    Ok(service.enable_addr_auto())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use mdns_sd::ServiceEvent;

    use super::*;

    /// Far longer than an answer on the same machine takes.
    const PATIENCE: Duration = Duration::from_secs(30);
    /// Not the port of the machine's own responder.
    const PORT: u16 = 15_353;

    #[test]
    fn a_client_on_the_network_finds_the_server() {
        let file = JoinFile {
            version: 1,
            server_name: "campus.example".to_owned(),
            address: "https://campus.example:8448".to_owned(),
            addresses: Vec::new(),
            ca_fingerprint: Some(format!("sha256:{}", "0f".repeat(32))),
            ca_certificate: None,
            registration_token: Some("secret".to_owned()),
        };
        let server = ServiceDaemon::new_with_port(PORT).unwrap();
        server.register(service(&file, 8448).unwrap()).unwrap();
        let client = ServiceDaemon::new_with_port(PORT).unwrap();
        let found = client.browse(SERVICE).unwrap();
        loop {
            let event = found
                .recv_timeout(PATIENCE)
                .expect("the server to be found");
            let ServiceEvent::ServiceResolved(found) = event else {
                continue;
            };
            let said = |key| found.get_property_val_str(key).map(str::to_owned);
            assert_eq!(said("server_name").as_deref(), Some("campus.example"));
            assert_eq!(
                said("address").as_deref(),
                Some("https://campus.example:8448")
            );
            assert_eq!(said("fp"), Some("0f".repeat(32)));
            assert_eq!(said("registration_token"), None);
            assert_eq!(found.get_port(), 8448);
            break;
        }
        for daemon in [server, client] {
            daemon.shutdown().unwrap();
        }
    }
}
