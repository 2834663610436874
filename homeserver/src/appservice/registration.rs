//! Registration files: what an administrator allows an application service.
//! [spec](https://spec.matrix.org/v1.19/application-service-api/#registration)

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, ensure};
use regex::Regex;
use ruma::{OwnedUserId, ServerName, UserId};
use serde::Deserialize;

use crate::config;

/// Bytes of the longest registration file.
const MAX_FILE: u64 = 1 << 20;

/// An application service.
#[derive(Debug)]
pub struct Service {
    /// Its name among all services; it never changes.
    pub id: Arc<str>,
    /// Where it is, if it wants to be told anything.
    pub url: Option<String>,
    /// The token with which it authenticates here.
    pub(super) as_token: String,
    /// The token with which this server authenticates there.
    pub(super) hs_token: String,
    /// The user it acts as unless it says otherwise.
    pub sender: OwnedUserId,
    /// Whether the users it acts as share the limits of others.
    pub rate_limited: bool,
    /// The networks it can search.
    pub protocols: Vec<String>,
    /// Whether it wants typing and receipts.
    pub receive_ephemeral: bool,
    /// Whether it reads those under the name they had before they were specified.
    pub(super) old_ephemeral_name: bool,
    pub(super) users: Vec<Namespace>,
    pub(super) aliases: Vec<Namespace>,
    pub(super) rooms: Vec<Namespace>,
}

/// Names that a service has a say in.
#[derive(Debug)]
pub(super) struct Namespace {
    exclusive: bool,
    regex: Regex,
}

impl Namespace {
    fn read(file: NamespaceFile) -> anyhow::Result<Self> {
        // Bridges rely on it that a name has to begin as the expression says, and may go on.
        let regex = Regex::new(&format!("^(?:{})", file.regex))
            .with_context(|| format!("\"{}\" is not a usable expression", file.regex))?;
        Ok(Self {
            exclusive: file.exclusive,
            regex,
        })
    }
}

/// Whether a name is in one of some namespaces.
pub(super) fn covers(namespaces: &[Namespace], name: &str) -> bool {
    namespaces
        .iter()
        .any(|namespace| namespace.regex.is_match(name))
}

/// Whether a name is in one of some namespaces that nobody else may use.
pub(super) fn reserves(namespaces: &[Namespace], name: &str) -> bool {
    namespaces
        .iter()
        .any(|namespace| namespace.exclusive && namespace.regex.is_match(name))
}

#[derive(Deserialize)]
struct File {
    id: String,
    #[serde(default)]
    url: Option<String>,
    as_token: String,
    hs_token: String,
    sender_localpart: String,
    #[serde(default)]
    namespaces: NamespacesFile,
    #[serde(default = "yes")]
    rate_limited: bool,
    #[serde(default)]
    protocols: Option<Vec<String>>,
    #[serde(default)]
    receive_ephemeral: Option<bool>,
    // What it was called before it was specified.
    #[serde(default)]
    push_ephemeral: Option<bool>,
    #[serde(default, rename = "de.sorunome.msc2409.push_ephemeral")]
    unstable_push_ephemeral: Option<bool>,
}

#[derive(Default, Deserialize)]
struct NamespacesFile {
    #[serde(default)]
    users: Option<Vec<NamespaceFile>>,
    #[serde(default)]
    aliases: Option<Vec<NamespaceFile>>,
    #[serde(default)]
    rooms: Option<Vec<NamespaceFile>>,
}

#[derive(Deserialize)]
struct NamespaceFile {
    #[serde(default)]
    exclusive: bool,
    regex: String,
}

fn yes() -> bool {
    true
}

/// Reads every registration file that the configuration names. A mistake in one is a reason not to start: a bridge that
/// silently does not work is worse.
pub(super) fn load(
    config: &config::Appservices,
    server_name: &ServerName,
) -> anyhow::Result<Vec<Service>> {
    let (mut services, mut ids, mut tokens) = (Vec::new(), HashSet::new(), HashSet::new());
    for path in files(config)? {
        let service = read(&path, server_name).with_context(|| {
            format!(
                "the application service registration {} cannot be used",
                path.display()
            )
        })?;
        ensure!(
            ids.insert(Arc::clone(&service.id)),
            "two application services have the id \"{}\"",
            service.id
        );
        ensure!(
            tokens.insert(service.as_token.clone()),
            "the application service \"{}\" has the as_token of another one",
            service.id
        );
        services.push(service);
    }
    Ok(services)
}

fn files(config: &config::Appservices) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = config.files.clone();
    if let Some(dir) = &config.dir {
        let unreadable = || format!("cannot read appservices.dir, {}", dir.display());
        let mut found = Vec::new();
        for entry in std::fs::read_dir(dir).with_context(unreadable)? {
            let path = entry.with_context(unreadable)?.path();
            let extension = path.extension().and_then(|extension| extension.to_str());
            if matches!(extension, Some("yaml" | "yml")) {
                found.push(path);
            }
        }
        found.sort();
        files.extend(found);
    }
    Ok(files)
}

fn read(path: &Path, server_name: &ServerName) -> anyhow::Result<Service> {
    let size = std::fs::metadata(path)?.len();
    ensure!(size <= MAX_FILE, "it is larger than a registration can be");
    parse(&std::fs::read_to_string(path)?, server_name)
}

fn parse(text: &str, server_name: &ServerName) -> anyhow::Result<Service> {
    let file: File = serde_saphyr::from_str(text).map_err(|error| anyhow::anyhow!("{error}"))?;
    ensure!(!file.id.is_empty(), "its id is empty");
    ensure!(
        !file.as_token.is_empty() && !file.hs_token.is_empty(),
        "as_token and hs_token cannot be empty"
    );
    // Some write an empty address where they mean none.
    let url = file.url.filter(|url| !url.is_empty());
    if let Some(url) = &url {
        let parsed = reqwest::Url::parse(url)
            .with_context(|| format!("its url, \"{url}\", is not an address"))?;
        ensure!(
            matches!(parsed.scheme(), "http" | "https"),
            "its url has to begin with http:// or https://"
        );
    }
    let sender = UserId::parse(format!("@{}:{server_name}", file.sender_localpart))
        .context("its sender_localpart is not valid")?;
    let read = |files: Option<Vec<NamespaceFile>>| {
        let files = files.unwrap_or_default().into_iter();
        files.map(Namespace::read).collect::<anyhow::Result<_>>()
    };
    let old = file.push_ephemeral.or(file.unstable_push_ephemeral);
    Ok(Service {
        id: file.id.into(),
        url: url.map(|url| url.trim_end_matches('/').to_owned()),
        as_token: file.as_token,
        hs_token: file.hs_token,
        sender,
        rate_limited: file.rate_limited,
        protocols: file.protocols.unwrap_or_default(),
        receive_ephemeral: file.receive_ephemeral.or(old).unwrap_or(false),
        old_ephemeral_name: file.receive_ephemeral.is_none() && old == Some(true),
        users: read(file.namespaces.users)?,
        aliases: read(file.namespaces.aliases)?,
        rooms: read(file.namespaces.rooms)?,
    })
}

#[cfg(test)]
mod tests {
    use ruma::server_name;

    use super::*;

    const IRC: &str = r##"
id: "IRC Bridge"
url: "http://127.0.0.1:1234/"
as_token: "30c0"
hs_token: "312d"
sender_localpart: "_irc_bot" # the bot
namespaces:
  users:
    - exclusive: true
      regex: "@_irc_bridge_.*"
  aliases:
    - exclusive: false
      regex: "#_irc_bridge_.*"
  rooms: []
"##;

    fn service(text: &str) -> anyhow::Result<Service> {
        parse(text, server_name!("x.example"))
    }

    #[test]
    fn a_registration_is_read() {
        let service = service(IRC).unwrap();
        assert_eq!(&*service.id, "IRC Bridge");
        assert_eq!(service.sender, "@_irc_bot:x.example");
        assert_eq!(service.url.as_deref(), Some("http://127.0.0.1:1234"));
        assert!(service.rate_limited && !service.receive_ephemeral);
        assert!(covers(&service.users, "@_irc_bridge_a:x.example"));
        assert!(!covers(&service.users, "@x_irc_bridge_a:x.example"));
        assert!(reserves(&service.users, "@_irc_bridge_a:x.example"));
        assert!(covers(&service.aliases, "#_irc_bridge_a:x.example"));
        assert!(!reserves(&service.aliases, "#_irc_bridge_a:x.example"));
    }

    #[test]
    fn json_and_the_old_name_of_ephemeral_events_are_read() {
        let text = r##"{ "id": "x", "url": null, "as_token": "1234", "hs_token": "b",
            "sender_localpart": "bot", "rate_limited": false, "namespaces": {},
            "de.sorunome.msc2409.push_ephemeral": true }"##;
        let service = service(text).unwrap();
        assert!(service.url.is_none() && !service.rate_limited);
        assert!(service.receive_ephemeral && service.old_ephemeral_name);
    }

    #[test]
    fn mistakes_are_named() {
        let message = |text: &str| format!("{:#}", service(text).unwrap_err());
        assert!(message(&IRC.replace("hs_token", "hs_tok")).contains("hs_token"));
        assert!(message(&IRC.replace("@_irc_bridge_.*", "@(")).contains("@("));
        assert!(message(&IRC.replace("http:", "ftp:")).contains("url"));
        assert!(message(&IRC.replace("\"312d\"", "\"\"")).contains("empty"));
    }
}
