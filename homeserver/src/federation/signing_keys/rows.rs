//! What is remembered of other servers' keys.

use std::collections::{BTreeMap, BTreeSet};

use ruma::{MilliSecondsSinceUnixEpoch, ServerName, serde::Base64};
use serde::{Deserialize, Serialize, de::IgnoredAny};

use super::When;
use crate::{
    records,
    storage::{self, Snapshot, tables},
};

/// A signing key of another server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerKeyRow {
    /// The public key in Base64.
    pub key: String,
    /// Up to when it is, or was, valid.
    pub valid_until: MilliSecondsSinceUnixEpoch,
    /// Whether the server has stopped using it.
    pub is_old: bool,
}

/// What a server last said about its keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerKeysRow {
    /// The answer as it came: a signed JSON object.
    pub json: String,
    /// When it came.
    pub fetched: MilliSecondsSinceUnixEpoch,
    /// Up to when it is valid.
    pub valid_until: MilliSecondsSinceUnixEpoch,
}

records!(ServerKeyRow = 1, ServerKeysRow = 1);

impl ServerKeyRow {
    /// The key, if it was valid when it has to have been.
    pub(super) fn public_key(&self, when: When, now: MilliSecondsSinceUnixEpoch) -> Option<Base64> {
        let is_valid = match when {
            When::Now => !self.is_old && now <= self.valid_until,
            When::At(time) => time <= self.valid_until,
            When::Ever => true,
        };
        is_valid.then(|| Base64::parse(&self.key).ok()).flatten()
    }
}

impl ServerKeysRow {
    /// The ids of the keys that the answer is about.
    pub(super) fn key_ids(&self) -> BTreeSet<String> {
        #[derive(Deserialize)]
        struct Answer {
            #[serde(default)]
            verify_keys: BTreeMap<String, IgnoredAny>,
            #[serde(default)]
            old_verify_keys: BTreeMap<String, IgnoredAny>,
        }
        let ids = serde_json::from_str::<Answer>(&self.json).map(|answer| {
            let all = answer.verify_keys.into_keys();
            all.chain(answer.old_verify_keys.into_keys()).collect()
        });
        // What was kept is an answer.
        ids.unwrap_or_default()
    }
}

/// The keys of a server by their ids.
pub(super) fn keys_of(
    snapshot: &Snapshot<'_>,
    server: &ServerName,
) -> storage::Result<BTreeMap<String, ServerKeyRow>> {
    let rows = tables::SERVER_KEY.scan(snapshot, (server.to_owned(),))?;
    rows.map(|row| row.map(|((_, id), key)| (id, key)))
        .collect()
}
