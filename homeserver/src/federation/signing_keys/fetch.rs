//! Asking for keys: at their server first, then at servers that are trusted to know.

use std::collections::{BTreeMap, BTreeSet};

use ruma::{
    CanonicalJsonObject, MilliSecondsSinceUnixEpoch, OwnedServerSigningKeyId, ServerName,
    api::federation::discovery::{
        ServerSigningKeys, get_remote_server_keys_batch, get_server_keys,
    },
    serde::Raw,
    signatures::PublicKeySet,
};

use super::{
    SigningKeys, When,
    response::{ServerKeys, is_signed_by},
    rows::{ServerKeyRow, ServerKeysRow},
};
use crate::{
    federation::client::Limits,
    storage::{self, Commit, tables},
};

/// What a question about keys may cost. A server is asked although it did not answer lately: it may be the one that has
/// just sent something.
const LIMITS: Limits = Limits {
    patience: std::time::Duration::from_secs(10),
    largest: 1024 * 1024,
    despite_backoff: true,
};

/// Keys of one server whose former answers are kept.
const MOST_FORMER: usize = 20;

impl SigningKeys {
    /// Learns the keys of a server. Afterwards it is not asked for a while.
    pub(super) async fn fetch(
        &self,
        server: &ServerName,
        wanted: &BTreeSet<OwnedServerSigningKeyId>,
        when: When,
    ) -> storage::Result<()> {
        let direct = self.ask(server).await;
        let answered = direct.is_some();
        if let Some(answer) = direct {
            self.keep(server, answer, Source::Itself).await?;
        }
        if self.usable(server, wanted, when).await?.len() < wanted.len() {
            for notary in &self.peers.config.trusted_key_servers {
                if notary != server {
                    self.ask_notary(notary, server, wanted, when).await?;
                }
            }
        }
        self.pause(server, answered);
        Ok(())
    }

    /// The newest answer of a server, for whoever asks this one: as it came, from memory where it cannot be had anew.
    pub(super) async fn newest(
        &self,
        server: &ServerName,
        minimum: MilliSecondsSinceUnixEpoch,
    ) -> storage::Result<Option<ServerKeysRow>> {
        let row = self.stored(server).await?;
        let now = u64::from(self.clock.now().get());
        let is_fresh = row.as_ref().is_some_and(|row| {
            // A notary keeps an answer for half of its lifetime.
            let (from, to) = (
                u64::from(row.fetched.get()),
                u64::from(row.valid_until.get()),
            );
            row.valid_until >= minimum && now <= from.midpoint(to)
        });
        if is_fresh || self.is_paused(server) {
            return Ok(row);
        }
        let _flight = self.flights.board(server.to_owned()).await;
        if !self.is_paused(server) {
            // Anybody may ask this, so it has a smaller share, and signatures that are being verified the rest.
            let _turn = self.fetches_for_strangers.acquire().await.ok();
            self.fetch(server, &BTreeSet::new(), When::Now).await?;
        }
        self.stored(server).await
    }

    async fn stored(&self, server: &ServerName) -> storage::Result<Option<ServerKeysRow>> {
        let server = server.to_owned();
        self.storage
            .read(move |snapshot| tables::SERVER_KEYS.get(snapshot, server))
            .await
    }

    /// What a server once said of keys that its newest answer does not mention.
    pub(super) async fn former(
        &self,
        server: &ServerName,
        ids: Vec<String>,
    ) -> storage::Result<Vec<ServerKeysRow>> {
        let server = server.to_owned();
        let read = self.storage.read(move |snapshot| {
            let mut found: Vec<ServerKeysRow> = Vec::new();
            for id in ids {
                let row = tables::FORMER_SERVER_KEYS.get(snapshot, (&server, &id))?;
                found.extend(row.filter(|row| !found.contains(row)));
            }
            Ok(found)
        });
        read.await
    }

    async fn count_former(&self, server: &ServerName) -> storage::Result<usize> {
        let server = server.to_owned();
        self.storage
            .read(move |snapshot| {
                let rows = tables::FORMER_SERVER_KEYS.scan(snapshot, (server,))?;
                Ok(rows.take(MOST_FORMER).count())
            })
            .await
    }

    async fn ask(&self, server: &ServerName) -> Option<ServerKeys> {
        let request = get_server_keys::v2::Request::new();
        let answer = match self.peers.request_unsigned(server, request, LIMITS).await {
            Ok(answer) => answer.server_key,
            Err(error) => {
                tracing::debug!(%server, "its signing keys could not be fetched: {error}");
                return None;
            }
        };
        self.believe(server, &answer)
    }

    fn believe(&self, server: &ServerName, raw: &Raw<ServerSigningKeys>) -> Option<ServerKeys> {
        let checked = ServerKeys::check(server, raw, self.clock.now());
        checked
            .inspect_err(|error| tracing::debug!(%server, "what is said about its signing keys is not believed: {error}"))
            .ok()
    }

    async fn ask_notary(
        &self,
        notary: &ServerName,
        server: &ServerName,
        wanted: &BTreeSet<OwnedServerSigningKeyId>,
        when: When,
    ) -> storage::Result<()> {
        let mut criteria = get_remote_server_keys_batch::v2::QueryCriteria::new();
        criteria.minimum_valid_until_ts = match when {
            When::Now => Some(self.clock.now()),
            When::At(time) => Some(time),
            When::Ever => None,
        };
        let wanted = wanted
            .iter()
            .map(|id| (id.clone(), criteria.clone()))
            .collect();
        let request = get_remote_server_keys_batch::v2::Request::new(BTreeMap::from([(
            server.to_owned(),
            wanted,
        )]));
        let answers = match self.peers.request_unsigned(notary, request, LIMITS).await {
            Ok(answer) => answer.server_keys,
            Err(error) => {
                tracing::debug!(%notary, %server, "a key server did not help: {error}");
                return Ok(());
            }
        };
        let notary_keys = self.notary_keys(notary).await?;
        for raw in answers.iter().take(MAX_ANSWERS) {
            if is_vouched_for(raw, notary, &notary_keys)
                && let Some(answer) = self.believe(server, raw)
            {
                self.keep(server, answer, Source::Notary).await?;
            }
        }
        Ok(())
    }

    /// The keys that a trusted server signs with, asked for at that server only.
    async fn notary_keys(&self, notary: &ServerName) -> storage::Result<PublicKeySet> {
        let usable = |known: &BTreeMap<String, ServerKeyRow>| -> PublicKeySet {
            let now = self.clock.now();
            let keys = known
                .iter()
                .filter_map(|(id, row)| Some((id.clone(), row.public_key(When::Now, now)?)));
            keys.collect()
        };
        let keys = usable(&*self.known(notary).await?);
        if !keys.is_empty() || self.is_paused(notary) {
            return Ok(keys);
        }
        let answer = self.ask(notary).await;
        self.pause(notary, answer.is_some());
        if let Some(answer) = answer {
            self.keep(notary, answer, Source::Itself).await?;
        }
        Ok(usable(&*self.known(notary).await?))
    }

    /// Adds what was learnt to what is known. A key that is no longer mentioned stays valid as long as it was.
    async fn keep(
        &self,
        server: &ServerName,
        answer: ServerKeys,
        source: Source,
    ) -> storage::Result<()> {
        let mut known = BTreeMap::clone(&*self.known(server).await?);
        let mut changed = Vec::new();
        let before = self.stored(server).await?;
        let is_newer = before
            .as_ref()
            .is_none_or(|before| before.valid_until <= answer.valid_until);
        let before = before.filter(|_| is_newer);
        let mut former = Vec::new();
        if let Some(before) = &before {
            let mut ids = before.key_ids();
            ids.retain(|id| !answer.keys.contains_key(id));
            let room = MOST_FORMER.saturating_sub(self.count_former(server).await?);
            former.extend(ids.into_iter().take(room));
        }
        for (id, row) in answer.keys {
            if known
                .get(&id)
                .is_none_or(|before| replaces(before, &row, source))
            {
                known.insert(id.clone(), row.clone());
                changed.push((id, row));
            }
        }
        let newest = ServerKeysRow {
            json: answer.json,
            fetched: self.clock.now(),
            valid_until: answer.valid_until,
        };
        let name = server.to_owned();
        let commit = Commit::silent(move |batch| {
            for (id, row) in changed {
                tables::SERVER_KEY.put(batch, (&name, &id), &row);
            }
            if let Some(before) = before {
                for id in former {
                    tables::FORMER_SERVER_KEYS.put(batch, (&name, &id), &before);
                }
            }
            if is_newer {
                tables::SERVER_KEYS.put(batch, &name, &newest);
            }
        });
        self.storage.commit(commit).await?;
        self.known.insert(server.to_owned(), known.into());
        Ok(())
    }
}

/// Who told of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// The server whose key it is.
    Itself,
    /// A server that is trusted to know.
    Notary,
}

/// Whether what is said about a key now counts more than what was said before. A server may take anything back; a key
/// server may repeat an old answer, which takes nothing back.
fn replaces(before: &ServerKeyRow, now: &ServerKeyRow, source: Source) -> bool {
    match source {
        Source::Itself => before != now,
        Source::Notary => {
            before.key == now.key
                && !before.is_old
                && (now.is_old || now.valid_until > before.valid_until)
        }
    }
}

/// Answers that a key server may give about one server.
const MAX_ANSWERS: usize = 20;

/// Whether a key server has signed an answer with one of its keys.
fn is_vouched_for(raw: &Raw<ServerSigningKeys>, notary: &ServerName, keys: &PublicKeySet) -> bool {
    let Ok(object) = serde_json::from_str::<CanonicalJsonObject>(raw.json().get()) else {
        return false;
    };
    keys.iter()
        .any(|(id, key)| is_signed_by(&object, notary, id, key.as_bytes()) == Some(true))
}

#[cfg(test)]
mod tests {
    use ruma::UInt;

    use super::*;

    fn row(key: &str, valid_until: u32, is_old: bool) -> ServerKeyRow {
        ServerKeyRow {
            key: key.to_owned(),
            valid_until: MilliSecondsSinceUnixEpoch(UInt::from(valid_until)),
            is_old,
        }
    }

    #[test]
    fn a_server_may_take_back_what_it_said_of_its_keys() {
        let before = row("A", 10, false);
        for now in [row("A", 5, false), row("A", 5, true), row("B", 10, false)] {
            assert!(replaces(&before, &now, Source::Itself), "{now:?}");
        }
        assert!(!replaces(&before, &before, Source::Itself));
    }

    #[test]
    fn a_key_server_only_adds_to_what_is_known() {
        let before = row("A", 10, false);
        assert!(replaces(&before, &row("A", 20, false), Source::Notary));
        assert!(replaces(&before, &row("A", 5, true), Source::Notary));
        for now in [row("A", 5, false), row("B", 20, false)] {
            assert!(!replaces(&before, &now, Source::Notary), "{now:?}");
        }
        assert!(!replaces(
            &row("A", 5, true),
            &row("A", 20, false),
            Source::Notary
        ));
    }
}
