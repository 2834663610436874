use std::{path::Path, time::Duration};

use ruma::{RoomVersionId, server_name};

use super::*;

const MINIMAL: &str = "server_name = \"campus.example\"\ndata_dir = \"/var/lib/fialka\"\n";

const FULL: &str = r#"
server_name = "campus.example"
data_dir    = "/var/lib/fialka"

[[listen]]
address = "0.0.0.0:8008"
[[listen]]
address = "0.0.0.0:8448"
tls_cert = "/etc/fialka/cert.pem"
tls_key  = "key.pem"

[registration]
mode = "open"
shared_secret = "long and random"

[federation]
enabled = true
allow = ["*"]
deny = ["*.evil.example"]
allow_private_addresses = true
extra_ca = ["/etc/fialka/campus-ca.pem"]
verify_tls = true
peers = { "b2.campus.example" = "10.0.2.5:8448" }
trusted_key_servers = ["hub.campus.example"]

[rooms]
default_version = "11"
[outbound]
allow_private_addresses = false
verify_tls = true
extra_ca = []
[limits]
enabled = false
[media]
max_upload = "20 MiB"
store = "file"
[appservices]
dir = "/etc/fialka/appservices"
files = []
[well_known]
client = "https://matrix.campus.example"
server = "matrix.campus.example:8448"
[log]
level = "debug"
format = "json"
[metrics]
address = "127.0.0.1:9090"
[backup]
dir = "/srv/backups"
every = "12h"
keep = 7
[campus]
"#;

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(text, [])
}

fn parse_with(variable: &str, value: &str) -> Result<Config, ConfigError> {
    Config::parse(MINIMAL, [(variable.to_owned(), value.to_owned())])
}

fn refusal(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

#[test]
fn two_keys_are_enough() {
    let config = parse(MINIMAL).unwrap();
    assert_eq!(config.server_name, "campus.example");
    assert_eq!(config.registration.mode, RegistrationMode::Token);
    assert_eq!(config.rooms.default_version, RoomVersionId::V12);
    assert_eq!(config.media.max_upload, ByteSize::mebibytes(100));
    assert_eq!(config.listen[0].address.to_string(), "127.0.0.1:8008");
    assert!(config.limits.enabled);
    assert!(config.federation.verify_tls);
    assert!(!config.federation.allow_private_addresses);
    assert!(config.metrics.address.is_none());
    assert_eq!(config.backup.keep, 14);
}

#[test]
fn every_key_can_be_set() {
    let config = parse(FULL).unwrap();
    assert!(config.listen[0].tls().is_none());
    assert_eq!(
        config.listen[1].tls().unwrap().cert,
        Path::new("/etc/fialka/cert.pem")
    );
    assert_eq!(config.registration.mode, RegistrationMode::Open);
    assert_eq!(
        config.registration.shared_secret.as_deref(),
        Some("long and random")
    );
    assert_eq!(
        config.federation.peers[server_name!("b2.campus.example")],
        "10.0.2.5:8448"
    );
    assert!(!config.federation.allows(server_name!("one.evil.example")));
    assert_eq!(config.rooms.default_version, RoomVersionId::V11);
    assert!(!config.limits.enabled);
    assert_eq!(config.media.max_upload, ByteSize::mebibytes(20));
    assert_eq!(config.log.format, LogFormat::Json);
    assert_eq!(config.metrics.address.unwrap().port(), 9090);
    assert_eq!(config.backup.every.0, Duration::from_secs(12 * 3600));
    assert_eq!(config.backup_dir(), Path::new("/srv/backups"));
}

#[test]
fn relative_paths_start_at_the_file() {
    let mut config = parse(FULL).unwrap();
    config.resolve_paths(Path::new("/etc/fialka"));
    assert_eq!(
        config.listen[1].tls().unwrap().key,
        Path::new("/etc/fialka/key.pem")
    );
    assert_eq!(config.data_dir, Path::new("/var/lib/fialka"));
}

#[test]
fn an_unknown_key_is_refused_by_name() {
    let message = refusal(&format!("{MINIMAL}[media]\nmax_uplaod = \"1 MiB\"\n"));
    assert!(
        message.contains("max_uplaod") && message.contains("max_upload"),
        "{message}"
    );
    assert!(message.contains("line 4"), "{message}");
    assert!(refusal(&format!("{MINIMAL}[medai]\n")).contains("medai"));
}

#[test]
fn a_missing_required_key_is_named() {
    assert!(refusal("data_dir = \"/var/lib/fialka\"").contains("server_name"));
    assert!(refusal("server_name = \"campus.example\"").contains("data_dir"));
}

#[test]
fn wrong_values_are_refused_with_a_hint() {
    let cases = [
        ("[registration]\nmode = \"ajar\"", "expected one of"),
        (
            "[registration]\nshared_secret = \"\"",
            "registration.shared_secret",
        ),
        ("[rooms]\ndefault_version = \"2\"", "rooms.default_version"),
        ("[media]\nmax_upload = \"much\"", "100 MiB"),
        ("[backup]\nevery = \"often\"", "24h"),
        ("[backup]\nkeep = 0", "backup.keep"),
        (
            "[[listen]]\naddress = \"0.0.0.0:8448\"\ntls_cert = \"cert.pem\"",
            "listen[0].tls_key",
        ),
        (
            "[well_known]\nclient = \"matrix.example\"",
            "well_known.client",
        ),
        (
            "[well_known]\nserver = \"https://matrix.example\"",
            "well_known.server",
        ),
        ("[federation]\nallow = [\"\"]", "server name"),
        ("[log]\nlevel = \"inof\"", "log.level"),
        ("[log]\nlevel = \"\"", "log.level"),
        ("[log]\nlevel = \"info,homeserver=loud\"", "log.level"),
        ("[campus]\naccount = \"The Campus\"", "campus.account"),
        ("[campus]\nbot = \"\"", "campus.bot"),
        ("[campus]\nbot = \"campus\"", "campus.account"),
        (
            "[server_notices]\nlocalpart = \"bot\"",
            "server_notices.localpart",
        ),
        ("[[listen]]\naddress = \"localhost:8008\"", "127.0.0.1:8008"),
        ("[metrics]\naddress = \"9090\"", "127.0.0.1:8008"),
        ("[federation]\nkept_events = \"many\"", "whole number"),
    ];
    for (text, hint) in cases {
        let message = refusal(&format!("{MINIMAL}{text}\n"));
        assert!(message.contains(hint), "{text}: {message}");
    }
}

#[test]
fn a_server_name_is_checked() {
    assert!(parse("server_name = \"not a name\"\ndata_dir = \"/tmp\"").is_err());
}

#[test]
fn the_environment_wins_over_the_file() {
    let config = parse_with("FIALKA_SERVER_NAME", "other.example").unwrap();
    assert_eq!(config.server_name, "other.example");
    let config = parse_with("FIALKA_REGISTRATION__MODE", "open").unwrap();
    assert_eq!(config.registration.mode, RegistrationMode::Open);
    let config = parse_with("FIALKA_REGISTRATION__SHARED_SECRET", "12345").unwrap();
    assert_eq!(config.registration.shared_secret.as_deref(), Some("12345"));
    let config = parse_with("FIALKA_LIMITS__ENABLED", "false").unwrap();
    assert!(!config.limits.enabled);
    let config = parse_with("FIALKA_BACKUP__KEEP", "3").unwrap();
    assert_eq!(config.backup.keep, 3);
    let config = parse_with("FIALKA_FEDERATION__KEPT_EVENTS", "5").unwrap();
    assert_eq!(config.federation.kept_events, 5);
    let config = parse_with("FIALKA_FEDERATION__ALLOW", "[\"*.campus.example\"]").unwrap();
    assert!(!config.federation.allows(server_name!("elsewhere.example")));
    let config = parse_with("FIALKA_LISTEN", "[{ address = \"0.0.0.0:80\" }]").unwrap();
    assert_eq!(config.listen[0].address.port(), 80);
}

#[test]
fn an_unknown_variable_is_refused_by_name() {
    let message = parse_with("FIALKA_MEDIA__MAX_UPLAOD", "1 MiB")
        .unwrap_err()
        .to_string();
    assert!(message.contains("max_uplaod"), "{message}");
    let message = parse_with("FIALKA_SERVER_NAME__X", "1")
        .unwrap_err()
        .to_string();
    assert!(message.contains("FIALKA_SERVER_NAME__X"), "{message}");
}

#[test]
fn a_variable_with_a_mistake_is_named() {
    for (variable, value) in [
        ("FIALKA_LIMITS__ENABLED", "maybe"),
        ("FIALKA_LOG__LEVEL", "inof"),
        ("FIALKA_CAMPUS__ACCOUNT", "The Campus"),
        ("FIALKA_METRICS__ADDRESS", "9090"),
    ] {
        let without_name = "data_dir = \"/var/lib/fialka\"\n";
        let environment = [("FIALKA_SERVER_NAME", "other.example"), (variable, value)];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let error = Config::parse(without_name, environment).unwrap_err();
        let ConfigError::Environment {
            variable: named, ..
        } = error
        else {
            panic!("{error}");
        };
        assert_eq!(named, variable);
    }
}

#[test]
fn a_mistake_in_the_file_shows_its_line_beside_variables() {
    let text = format!("{MINIMAL}[limits]\nenabled = \"maybe\"\n");
    let environment = [("FIALKA_LOG__LEVEL".to_owned(), "debug".to_owned())];
    let error = Config::parse(&text, environment).unwrap_err().to_string();
    assert!(error.contains("line 4"), "{error}");
}

#[test]
fn a_mistake_in_a_file_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    std::fs::write(&path, format!("{MINIMAL}[medai]\n")).unwrap();
    let error = Config::load(&path).unwrap_err().to_string();
    assert!(error.contains("config.toml"), "{error}");
}

#[test]
fn levels_of_the_log_are_those_of_its_parts_too() {
    for level in [
        "off",
        "INFO",
        "info,homeserver::sync=debug",
        "warn, homeserver=trace",
    ] {
        parse(&format!("{MINIMAL}[log]\nlevel = \"{level}\"\n")).unwrap();
    }
}

#[test]
fn other_variables_do_not_matter() {
    assert!(parse_with("PATH", "/bin").is_ok());
}

proptest::proptest! {
    #[test]
    fn any_text_is_a_configuration_or_refused(text in crate::any_input::text_like(&[MINIMAL, FULL])) {
        drop(Config::parse(&text, []));
    }
}
