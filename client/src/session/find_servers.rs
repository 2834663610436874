//! Servers that are there without anybody typing an address: those that announce themselves on the local network, and
//! where the computer's own domain would have one.

use std::{env, fs};

use futures_util::future::join_all;
use reqwest::Certificate;

use super::{
    discovery::discover,
    dns_sd::{self, Announced},
};
use crate::{bridge::update::Answer, rows::FoundServerRow};

/// No computer has more domains that matter.
const DOMAINS: usize = 3;

/// Looks for servers and says which answer.
pub(super) async fn find(roots: Vec<Certificate>) -> Answer {
    let addresses = domains()
        .into_iter()
        .flat_map(|domain| [domain.clone(), format!("chat.{domain}")]);
    let guessed = join_all(addresses.map(|address| attempt(address, roots.clone())));
    let (announced, guessed) = tokio::join!(announced(roots.clone()), guessed);
    let mut found: Vec<FoundServerRow> = Vec::new();
    for server in announced.into_iter().chain(guessed.into_iter().flatten()) {
        if found.iter().all(|other| other.address != server.address) {
            found.push(server);
        }
    }
    Answer::Servers(found)
}

/// Those who have announced themselves and answer.
async fn announced(roots: Vec<Certificate>) -> Vec<FoundServerRow> {
    let heard = match tokio::task::spawn_blocking(dns_sd::ask).await {
        Ok(Ok(heard)) => heard,
        Ok(Err(error)) => {
            tracing::info!(%error, "the network cannot be asked for servers");
            return Vec::new();
        }
        Err(error) => {
            tracing::warn!(%error, "asking the network for servers ended with a panic");
            return Vec::new();
        }
    };
    let attempts = heard
        .into_iter()
        .map(|server| first_that_answers(server, roots.clone()));
    join_all(attempts).await.into_iter().flatten().collect()
}

async fn first_that_answers(server: Announced, roots: Vec<Certificate>) -> Option<FoundServerRow> {
    for address in server.addresses {
        if let Some(found) = attempt(address, roots.clone()).await {
            return Some(FoundServerRow {
                name: server.name,
                ..found
            });
        }
    }
    None
}

async fn attempt(address: String, roots: Vec<Certificate>) -> Option<FoundServerRow> {
    let place = discover(&address, roots).await.ok()?;
    Some(FoundServerRow {
        name: place.name,
        trusted: place.base_url.scheme() == "https",
        address: place.base_url.to_string(),
    })
}

/// The domains this computer belongs to.
fn domains() -> Vec<String> {
    let resolver = fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    let mut domains = domains_in(&resolver);
    domains.extend(env::var("USERDNSDOMAIN").map(|domain| domain.to_lowercase()));
    domains.truncate(DOMAINS);
    domains
}

/// The `search` and `domain` lines of the resolver's configuration.
fn domains_in(resolver: &str) -> Vec<String> {
    let mut domains = Vec::new();
    for line in resolver.lines() {
        let mut words = line.split_whitespace();
        if matches!(words.next(), Some("search" | "domain")) {
            for word in words {
                let domain = word.trim_matches('.').to_lowercase();
                if domain.contains('.') && !domains.contains(&domain) {
                    domains.push(domain);
                }
            }
        }
    }
    domains
}

#[cfg(test)]
mod tests {
    use super::domains_in;

    #[test]
    fn the_domains_of_the_network_are_known() {
        let resolver =
            "nameserver 10.0.0.1\nsearch academy.lan Campus.Example.\ndomain academy.lan\n";
        assert_eq!(domains_in(resolver), ["academy.lan", "campus.example"]);
        assert_eq!(domains_in("search local\n"), Vec::<String>::new());
    }
}
