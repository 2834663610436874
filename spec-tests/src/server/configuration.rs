//! Configuration files and command lines of the servers this suite can start.

use std::{fs, path::Path, process::Command};

use serde_json::json;

use super::Settings;
use crate::target::Target;

pub(super) const SERVER_NAME: &str = "spec.test";
pub(super) const SHARED_SECRET: &str = "shared secret of the specification tests";

/// Writes what the server needs into its folder and returns its command line.
pub(super) fn prepare(
    target: &Target,
    settings: &Settings,
    folder: &Path,
    port: u16,
) -> Vec<String> {
    match target {
        Target::Fialka(binary) => {
            initialise(binary, &folder.join("data"));
            let config = folder.join("fialka.toml");
            write(&config, &fialka(settings, folder, port));
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
            write(&config, &synapse(settings, folder, port).to_string());
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
fn initialise(binary: &Path, data: &Path) {
    let output = Command::new(binary)
        .args(["init", "--server-name", SERVER_NAME, "--data-dir"])
        .arg(data)
        .output()
        .unwrap_or_else(|error| panic!("cannot start {}: {error}", binary.display()));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "fialka-server init failed: {said}");
}

fn fialka(settings: &Settings, folder: &Path, port: u16) -> String {
    let mode = if settings.registration_token_required {
        "token"
    } else {
        "open"
    };
    let limits = settings.limits;
    format!(
        r#"server_name = "{SERVER_NAME}"
data_dir = "{}"

[[listen]]
address = "127.0.0.1:{port}"

[registration]
mode = "{mode}"
shared_secret = "{SHARED_SECRET}"

[limits]
enabled = {limits}

[turn]
uris = ["turn:turn.spec.test:3478?transport=udp"]
shared_secret = "{SHARED_SECRET}"

[rtc]
livekit_url = "https://livekit.spec.test"

[well_known]
client = "http://127.0.0.1:{port}"
"#,
        folder.join("data").display()
    )
}

const SYNAPSE_LOG: &str = r#"{"version": 1,
"formatters": {"line": {"format": "%(levelname)s %(name)s %(message)s"}},
"handlers": {"out": {"class": "logging.StreamHandler", "formatter": "line"}},
"root": {"level": "WARNING", "handlers": ["out"]}}
"#;

fn synapse(settings: &Settings, folder: &Path, port: u16) -> serde_json::Value {
    let per_second = if settings.limits { 1 } else { 1_000_000 };
    let unlimited = json!({ "per_second": per_second, "burst_count": per_second });
    let mut config = json!({
        "server_name": SERVER_NAME,
        "public_baseurl": format!("http://127.0.0.1:{port}/"),
        "report_stats": false,
        "listeners": [{
            "port": port,
            "type": "http",
            "bind_addresses": ["127.0.0.1"],
            "resources": [{ "names": ["client", "federation"] }],
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
        "experimental_features": {
            "msc3575_enabled": true,
            "msc3814_enabled": true,
            "msc4143_enabled": true,
            "msc4222_enabled": true,
        },
    });
    config["max_event_delay_duration"] = "24h".into();
    config["turn_uris"] = json!(["turn:turn.spec.test:3478?transport=udp"]);
    config["turn_shared_secret"] = SHARED_SECRET.into();
    config["matrix_rtc"] = json!({ "transports": [
        { "type": "livekit", "livekit_service_url": "https://livekit.spec.test" },
    ] });
    config
}

fn write(path: &Path, text: &str) {
    fs::write(path, text)
        .unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
}
