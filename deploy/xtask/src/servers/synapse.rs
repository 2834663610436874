//! [Synapse](https://github.com/element-hq/synapse) from PyPI, as the homeserver to compare with.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::Result;
use serde_json::{Value, json};

use super::{Homeserver, SHARED_SECRET, Scratch, free_port, postgres};
use crate::{
    http::{loopback, wait_until_ready},
    processes::Processes,
    workspace::{Program, Workspace},
};

const PACKAGES: [&str; 2] = ["matrix-synapse==1.163.2", "psycopg2-binary==2.9.13"];

/// Which database Synapse gets.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Database {
    /// Starts faster; for tests of behaviour.
    Sqlite,
    /// What installations use; SQLite where PostgreSQL is not installed.
    Postgres,
}

/// The Python environment that has Synapse, if there is one: the one `SYNAPSE_VENV` names, else one in the target
/// directory.
pub(crate) fn installed(workspace: &Workspace) -> Option<PathBuf> {
    let folder = folder(workspace);
    let has_synapse = workspace
        .program(folder.join("bin/python"))
        .args(["-c", "import synapse"])
        .succeeds();
    has_synapse.then_some(folder)
}

/// The Python environment that has Synapse, made on first use.
pub(crate) fn environment(workspace: &Workspace) -> Result<PathBuf> {
    if let Some(folder) = installed(workspace) {
        return Ok(folder);
    }
    let folder = folder(workspace);
    println!(
        "Installing {} from PyPI into {}",
        PACKAGES[0],
        folder.display()
    );
    workspace
        .program("python3")
        .args(["-m", "venv"])
        .args([&folder])
        .run()?;
    workspace
        .program(folder.join("bin/python"))
        .args(["-m", "pip", "install", "--quiet"])
        .args(PACKAGES)
        .run()?;
    Ok(folder)
}

fn folder(workspace: &Workspace) -> PathBuf {
    env::var_os("SYNAPSE_VENV").map_or_else(|| workspace.target.join("synapse"), PathBuf::from)
}

/// Starts Synapse with open registration and without limits.
pub(crate) fn start(
    workspace: &Workspace,
    processes: &mut Processes,
    scratch: &Scratch,
    database: Database,
) -> Result<Homeserver> {
    let python = environment(workspace)?.join("bin/python");
    let folder = scratch.folder("synapse")?;
    let port = free_port()?;
    let mut process_ids = Vec::new();
    let mut name = "Synapse, SQLite".to_owned();
    let mut database_config =
        json!({ "name": "sqlite3", "args": { "database": folder.join("homeserver.db") } });
    if let Some(programs) = postgres::installed().filter(|_| database == Database::Postgres) {
        let postgres = postgres::start(workspace, processes, scratch, &programs)?;
        name = "Synapse, PostgreSQL".to_owned();
        process_ids.push(postgres.process_id);
        database_config = json!({
            "name": "psycopg2",
            "args": {
                "user": postgres::NAME, "database": postgres::NAME, "host": "127.0.0.1", "port": postgres.port,
                "cp_min": 5, "cp_max": 10,
            },
        });
    }
    let config_path = folder.join("homeserver.yaml");
    let mut config = config(&folder, port, &database_config);
    let registration = scratch.registration();
    if registration.is_file() {
        config["app_service_config_files"] = json!([registration]);
    }
    // JSON is YAML.
    fs::write(&config_path, config.to_string())?;
    fs::write(folder.join("log.yaml"), log_config(&folder).to_string())?;
    let synapse = || -> Program {
        let arguments = ["-m", "synapse.app.homeserver", "--config-path"];
        workspace
            .program(&python)
            .args(arguments)
            .args([&config_path])
    };
    synapse().args(["--generate-keys"]).capture()?;
    process_ids.push(processes.start(&name, synapse())?);
    wait_until_ready(processes, loopback(port))?;
    Ok(Homeserver {
        name,
        address: loopback(port),
        process_ids,
    })
}

fn config(folder: &Path, port: u16, database: &Value) -> Value {
    let unlimited = json!({ "per_second": 1_000_000, "burst_count": 1_000_000 });
    let mut config = json!({
        "server_name": "localhost",
        "report_stats": false,
        "public_baseurl": format!("http://127.0.0.1:{port}/"),
        "listeners": [{
            "port": port, "type": "http", "bind_addresses": ["127.0.0.1"],
            "resources": [{ "names": ["client", "federation"] }],
        }],
        "database": database,
        "log_config": folder.join("log.yaml"),
        "media_store_path": folder.join("media"),
        "signing_key_path": folder.join("signing.key"),
        "trusted_key_servers": [],
        "federation_domain_whitelist": [],
        "enable_registration": true,
        "enable_registration_without_verification": true,
        "registration_shared_secret": SHARED_SECRET,
        "default_room_version": "11",
        "max_upload_size": "100M",
        // A repeated first sync has to be worked out again, as it is for different users.
        "caches": { "sync_response_cache_duration": "0s" },
        // What a thousand registrations would otherwise spend their time on is hashing passwords.
        "bcrypt_rounds": 4,
        "rc_login": { "address": unlimited, "account": unlimited, "failed_attempts": unlimited },
        "rc_joins": { "local": unlimited, "remote": unlimited },
        "rc_invites": { "per_room": unlimited, "per_user": unlimited, "per_issuer": unlimited },
        "rc_presence": { "per_user": unlimited },
    });
    let simple = [
        "rc_message",
        "rc_registration",
        "rc_registration_token_validity",
        "rc_joins_per_room",
        "rc_room_creation",
        "rc_3pid_validation",
        "rc_media_create",
        "rc_delayed_event_mgmt",
        "rc_reports",
        "rc_user_directory",
    ];
    for name in simple {
        config[name] = unlimited.clone();
    }
    config
}

fn log_config(folder: &Path) -> Value {
    json!({
        "version": 1,
        "handlers": { "file": { "class": "logging.FileHandler", "filename": folder.join("synapse.log") } },
        "root": { "level": "WARNING", "handlers": ["file"] },
        "disable_existing_loggers": false,
    })
}
