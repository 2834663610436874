//! Configuration files and command lines of the servers this suite can start.

use std::{fs, path::Path, process::Command};

use serde_json::json;

use super::Settings;
use crate::{peer::authority, target::Target};

pub(super) const SERVER_NAME: &str = "spec.test";
pub(super) const SHARED_SECRET: &str = "shared secret of the specification tests";

/// Where a server is.
pub(super) struct Place<'a> {
    pub(super) folder: &'a Path,
    pub(super) port: u16,
    /// The address and port for other servers.
    pub(super) tls_address: &'a str,
    pub(super) server_name: &'a str,
}
/// The local part of the user who sends notices of the server.
pub(super) const NOTICES: &str = "notices";

/// Writes what the server needs into its folder and returns its command line.
pub(super) fn prepare(target: &Target, settings: &Settings, place: &Place<'_>) -> Vec<String> {
    let folder = place.folder;
    let host = place.server_name.split(':').next().unwrap_or_default();
    let certificate = authority().certify(&[host, "127.0.0.1"]);
    write(&folder.join("ca.pem"), authority().pem());
    write(&folder.join("tls.pem"), &certificate.chain);
    write(&folder.join("tls.key"), &certificate.key);
    match target {
        Target::Fialka(binary) => {
            initialise(binary, place);
            let config = folder.join("fialka.toml");
            write(&config, &fialka(settings, place));
            vec![
                binary.display().to_string(),
                "serve".to_owned(),
                "--config".to_owned(),
                config.display().to_string(),
            ]
        }
        Target::Synapse(venv) => {
            let config = folder.join("homeserver.yaml");
            // YAML is a superset of JSON.
            write(&config, &synapse(settings, place).to_string());
            write(&folder.join("log.yaml"), SYNAPSE_LOG);
            write(
                &folder.join("signing.key"),
                "ed25519 a_test c3BlYyB0ZXN0cyBzaWduIHdpdGggdGhpcyBzZWVkISE\n",
            );
            vec![
                venv.join("bin/python").display().to_string(),
                "-m".to_owned(),
                "synapse.app.homeserver".to_owned(),
                "-c".to_owned(),
                config.display().to_string(),
            ]
        }
        Target::Url(_) => Vec::new(),
    }
}

/// Makes the signing key, as an administrator would.
fn initialise(binary: &Path, place: &Place<'_>) {
    let output = Command::new(binary)
        .args(["init", "--server-name", place.server_name, "--data-dir"])
        .arg(place.folder.join("data"))
        .output()
        .unwrap_or_else(|error| panic!("cannot start {}: {error}", binary.display()));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "fialka-server init failed: {said}");
}

fn fialka(settings: &Settings, place: &Place<'_>) -> String {
    let Place {
        folder,
        port,
        tls_address,
        server_name,
    } = place;
    let Settings {
        federation,
        no_federation,
        ..
    } = settings;
    let mode = if settings.registration_token_required {
        "token"
    } else {
        "open"
    };
    let limits = settings.limits;
    // Tests name servers that do not exist: nobody is to be asked for them.
    let allow = match federation.contains("allow = ") {
        true => "",
        false => r#"allow = ["127.0.0.*", "spec.test"]"#,
    };
    let outbound = match settings.fialka.contains("[outbound]") {
        true => String::new(),
        false => format!(
            "[outbound]\nallow_private_addresses = true\nextra_ca = [\"{}/ca.pem\"]\n",
            folder.display()
        ),
    };
    let turn = match settings.fialka.contains("[turn]") {
        true => String::new(),
        false => format!(
            "[turn]\nuris = [\"turn:turn.spec.test:3478?transport=udp\"]\nshared_secret = \"{SHARED_SECRET}\"\n",
        ),
    };
    format!(
        r#"server_name = "{server_name}"
data_dir = "{0}/data"

[[listen]]
address = "127.0.0.1:{port}"
[[listen]]
address = "{tls_address}"
tls_cert = "{0}/tls.pem"
tls_key = "{0}/tls.key"

[federation]
enabled = {1}
allow_private_addresses = {2}
extra_ca = ["{0}/ca.pem"]
{allow}
{federation}

[registration]
mode = "{mode}"
shared_secret = "{SHARED_SECRET}"

[limits]
enabled = {limits}

{turn}
[rtc]
livekit_url = "https://livekit.spec.test"

{outbound}
[server_notices]
localpart = "{NOTICES}"

[appservices]
files = {4:?}

[well_known]
client = "http://127.0.0.1:{port}"

{3}
"#,
        folder.display(),
        !no_federation,
        !settings.federation_at_public_addresses_only,
        settings.fialka,
        registrations(settings, folder),
    )
}

/// Writes the registrations of application services and returns their paths.
fn registrations(settings: &Settings, folder: &Path) -> Vec<String> {
    let mut paths = Vec::new();
    for (index, registration) in settings.appservices.iter().enumerate() {
        let path = folder.join(format!("appservice-{index}.yaml"));
        // YAML is a superset of JSON.
        write(&path, &registration.to_string());
        paths.push(path.display().to_string());
    }
    paths
}

const SYNAPSE_LOG: &str = r#"{"version": 1,
"formatters": {"line": {"format": "%(levelname)s %(name)s %(message)s"}},
"handlers": {"out": {"class": "logging.StreamHandler", "formatter": "line"}},
"root": {"level": "WARNING", "handlers": ["out"]}}
"#;

fn synapse(settings: &Settings, place: &Place<'_>) -> serde_json::Value {
    let Place {
        folder,
        port,
        tls_address,
        server_name,
    } = place;
    let (tls_host, tls_port) = tls_address.split_once(':').unwrap_or_default();
    let tls_port: u16 = tls_port.parse().unwrap_or_default();
    let per_second = if settings.limits { 1 } else { 1_000_000 };
    let unlimited = json!({ "per_second": per_second, "burst_count": per_second });
    let mut config = json!({
        "server_name": server_name,
        "public_baseurl": format!("http://127.0.0.1:{port}/"),
        "report_stats": false,
        "listeners": [{
            "port": port,
            "type": "http",
            "bind_addresses": ["127.0.0.1"],
            "resources": [{ "names": ["client", "federation"] }],
        }, {
            "port": tls_port,
            "type": "http",
            "tls": true,
            "bind_addresses": [tls_host],
            "resources": [{ "names": ["federation"] }],
        }],
        "database": { "name": "sqlite3", "args": { "database": folder.join("homeserver.db") } },
        "log_config": folder.join("log.yaml"),
        "media_store_path": folder.join("media"),
        "signing_key_path": folder.join("signing.key"),
        "trusted_key_servers": [],
        "registration_shared_secret": SHARED_SECRET,
        "enable_registration": true,
        "enable_registration_without_verification": !settings.registration_token_required,
        "registration_requires_token": settings.registration_token_required,
        "refreshable_access_token_lifetime": "5m",
        "default_room_version": "12",
        "bcrypt_rounds": 4,
        "presence": { "enabled": true },
        "max_upload_size": "10M",
        "dynamic_thumbnails": true,
        "allow_public_rooms_without_auth": true,
        "room_list_publication_rules": [{ "action": "allow" }],
        "rc_message": unlimited,
        "rc_registration": unlimited,
        "rc_registration_token_validity": unlimited,
        "rc_login": { "address": unlimited, "account": unlimited, "failed_attempts": unlimited },
        "rc_admin_redaction": unlimited,
        "rc_joins": { "local": unlimited, "remote": unlimited },
        "rc_joins_per_room": unlimited,
        "rc_3pid_validation": unlimited,
        "rc_invites": { "per_room": unlimited, "per_user": unlimited, "per_issuer": unlimited },
        "rc_room_creation": unlimited,
        "rc_reports": unlimited,
        "rc_media_create": unlimited,
        "rc_user_directory": unlimited,
        "rc_presence": { "per_user": unlimited },
        "rc_delayed_event_mgmt": unlimited,
    });
    config["experimental_features"] = json!({
        "msc3575_enabled": true,
        "msc3814_enabled": true,
        "msc3874_enabled": true,
        "msc3391_enabled": true,
        "msc3890_enabled": true,
        "msc4143_enabled": true,
        "msc4222_enabled": true,
    });
    // Apart from the others: one macro takes only so many keys.
    config["server_notices"] = json!({ "system_mxid_localpart": NOTICES, "room_name": "Notices" });
    // Push gateways of tests are on this machine.
    config["ip_range_blacklist"] = json!([]);
    // The specification counts messages.
    config["push"] = json!({ "group_unread_count_by_room": false });
    config["app_service_config_files"] = registrations(settings, folder).into();
    config["max_event_delay_duration"] = "24h".into();
    config["turn_uris"] = json!(["turn:turn.spec.test:3478?transport=udp"]);
    config["turn_shared_secret"] = SHARED_SECRET.into();
    config["matrix_rtc"] = json!({ "transports": [
        { "type": "livekit", "livekit_service_url": "https://livekit.spec.test" },
    ] });
    let federation = json!({
        "tls_certificate_path": folder.join("tls.pem"),
        "tls_private_key_path": folder.join("tls.key"),
        "federation_custom_ca_list": [folder.join("ca.pem")],
        "ip_range_blacklist": [],
        "federation_ip_range_blacklist": [],
        // Tests take servers away for moments, and ask more often than strangers do.
        "federation": {
            "destination_min_retry_interval": 500,
            "destination_max_retry_interval": 2000,
            "client_timeout": 20000,
        },
        "rc_federation": { "sleep_limit": 100_000, "reject_limit": 100_000, "concurrent": 100 },
        "allow_public_rooms_over_federation": true,
    });
    if let (Some(config), Some(federation)) = (config.as_object_mut(), federation.as_object()) {
        config.extend(federation.clone());
    }
    config
}

fn write(path: &Path, text: &str) {
    fs::write(path, text)
        .unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
}
