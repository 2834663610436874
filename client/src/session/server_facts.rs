//! What the own server says about itself: whether it is newer than this program, who its room bot is, what time it is.
//!
//! Asked at the beginning and whenever the server is there again, because it may have been updated meanwhile; while it has
//! no bot, also when somebody makes or enters a room.

use std::{sync::Arc, time::Duration};

use chrono::DateTime;
use matrix_sdk::{
    Client,
    ruma::{MilliSecondsSinceUnixEpoch, OwnedUserId},
};
use matrix_sdk_ui::sync_service::State;
use reqwest::header::DATE;
use serde::Deserialize;
use tokio::sync::{Notify, watch};

use super::outbox::Outbox;
use crate::bridge::{
    trouble::Trouble,
    update::{NewerVersion, ServerFacts, Update},
};

/// A program that runs for days asks this often.
const AGAIN: Duration = Duration::from_secs(4 * 60 * 60);
const TIMEOUT: Duration = Duration::from_secs(20);
/// From here on times look wrong to people, and certificates may.
const CLOCK_TOLERANCE: i64 = 5 * 60;
/// Versions of server and client go together.
const OWN_VERSION: &str = env!("CARGO_PKG_VERSION");

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Said {
    version: String,
    download: Option<String>,
    bot: Option<OwnedUserId>,
}

/// Asks for as long as the session lives.
pub(super) struct Asker {
    pub(super) client: Client,
    pub(super) http: reqwest::Client,
    /// Rooms show games where the bot is.
    pub(super) bot: watch::Sender<Option<OwnedUserId>>,
    /// Somebody has made or entered a room: perhaps with a bot that was not there before.
    pub(super) again: Arc<Notify>,
    pub(super) outbox: Outbox,
}

/// What the requests go through.
pub(super) fn http(roots: Vec<reqwest::Certificate>) -> Result<reqwest::Client, Trouble> {
    reqwest::Client::builder()
        .timeout(TIMEOUT)
        .tls_certs_merge(roots)
        .build()
        .map_err(|error| Trouble::Other(error.to_string()))
}

impl Asker {
    pub(super) async fn run(self, mut sync: eyeball::Subscriber<State>) {
        let mut state = sync.get();
        loop {
            if matches!(state, State::Running)
                && let Some(facts) = self.ask().await
            {
                self.bot.send_replace(facts.bot.clone());
                self.outbox.send(Update::Server(facts)).await;
            }
            let has_bot = self.bot.borrow().is_some();
            tokio::select! {
                () = self.again.notified(), if !has_bot => {}
                next = sync.next() => match next {
                    Some(next) => state = next,
                    None => return,
                },
                () = tokio::time::sleep(AGAIN) => {}
            }
        }
    }

    /// `None` when the server is away. A server of another make says nothing but the time.
    async fn ask(&self) -> Option<ServerFacts> {
        let base = self.client.homeserver();
        let url = format!(
            "{}/_fialka/client/v1/server",
            base.as_str().trim_end_matches('/')
        );
        let answer = match self.http.get(url).send().await {
            Ok(answer) => answer,
            Err(error) => {
                tracing::info!(%error, "the server did not say what it is");
                return None;
            }
        };
        let now = MilliSecondsSinceUnixEpoch::now().as_secs().into();
        let date = answer
            .headers()
            .get(DATE)
            .and_then(|date| date.to_str().ok());
        let clock_ahead = date.and_then(|date| ahead(now, date));
        let said: Said = match answer.error_for_status() {
            Ok(answer) => answer.json().await.unwrap_or_default(),
            Err(_) => Said::default(),
        };
        Some(ServerFacts {
            bot: said.bot,
            newer: is_newer(&said.version, OWN_VERSION).then_some(NewerVersion {
                version: said.version,
                download: said.download.filter(|url| is_web_address(url)),
            }),
            clock_ahead,
        })
    }
}

/// By how many seconds the own clock is ahead of the server's (behind: less than nothing), where that matters.
fn ahead(now: i64, date: &str) -> Option<i64> {
    let ahead = now - DateTime::parse_from_rfc2822(date).ok()?.timestamp();
    (ahead.abs() > CLOCK_TOLERANCE).then_some(ahead)
}

/// Versions are numbers between dots. What cannot be read is not newer.
fn is_newer(server: &str, own: &str) -> bool {
    let numbers = |version: &str| -> Option<Vec<u64>> {
        version.split('.').map(|part| part.parse().ok()).collect()
    };
    matches!((numbers(server), numbers(own)), (Some(server), Some(own)) if server > own)
}

fn is_web_address(url: &str) -> bool {
    url::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_greater_version_is_newer() {
        for (server, own, newer) in [
            ("0.2.0", "0.1.9", true),
            ("1.10.0", "1.9.3", true),
            ("0.1.0", "0.1.0", false),
            ("0.0.9", "0.1.0", false),
            ("", "0.1.0", false),
            ("next", "0.1.0", false),
        ] {
            assert_eq!(is_newer(server, own), newer, "{server} {own}");
        }
    }

    #[test]
    fn a_clock_is_wrong_from_five_minutes_on() {
        let date = "Thu, 26 Nov 2026 06:00:00 GMT";
        let there = 1_795_672_800;
        assert_eq!(ahead(there + 299, date), None);
        assert_eq!(ahead(there + 3600, date), Some(3600));
        assert_eq!(ahead(there - 86_400, date), Some(-86_400));
        assert_eq!(ahead(there, "yesterday"), None);
    }

    #[test]
    fn only_web_addresses_are_offered() {
        assert!(is_web_address("https://campus.example/fialka"));
        assert!(!is_web_address("file:///etc/passwd"));
    }
}
