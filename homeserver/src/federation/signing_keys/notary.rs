//! Telling servers about the keys of others.
//! [spec](https://spec.matrix.org/v1.19/server-server-api/#querying-keys-through-another-server)

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;
use ruma::{
    CanonicalJsonObject, MilliSecondsSinceUnixEpoch, OwnedServerName, ServerName,
    api::federation::discovery::ServerSigningKeys, serde::Raw,
};

use super::{SigningKeys, own};
use crate::{ApiError, ApiResult};

/// Servers that one request may ask about.
const MAX_SERVERS: usize = 100;

/// What somebody wants to know of a server's keys.
#[derive(Default)]
pub struct Wanted {
    /// Up to when the answer should be valid.
    pub minimum: Option<MilliSecondsSinceUnixEpoch>,
    /// The ids of the keys; all that are known if none are named.
    pub keys: BTreeSet<String>,
}

impl SigningKeys {
    /// What is known of the keys of some servers. Servers of which nothing is known are left out.
    pub(in crate::federation) async fn vouch(
        &self,
        servers: BTreeMap<OwnedServerName, Wanted>,
    ) -> ApiResult<Vec<Raw<ServerSigningKeys>>> {
        if servers.len() > MAX_SERVERS {
            return Err(ApiError::too_large("A request may ask about 100 servers."));
        }
        let answers = servers
            .iter()
            .map(|(server, wanted)| self.vouch_for(server, wanted));
        let answers: ApiResult<Vec<_>> = join_all(answers).await.into_iter().collect();
        Ok(answers?.into_iter().flatten().collect())
    }

    async fn vouch_for(
        &self,
        server: &ServerName,
        wanted: &Wanted,
    ) -> ApiResult<Vec<Raw<ServerSigningKeys>>> {
        if server == self.peers.keys.server_name() {
            return Ok(vec![self.peers.keys.publish(self.clock.now())?]);
        }
        if !self.peers.allows(server) {
            return Ok(Vec::new());
        }
        let minimum = wanted.minimum.unwrap_or_else(|| self.clock.now());
        let Some(newest) = self.newest(server, minimum).await? else {
            return Ok(Vec::new());
        };
        // Old events are signed with keys that their server may have forgotten.
        let mentioned = newest.key_ids();
        let others = wanted.keys.difference(&mentioned).cloned().collect();
        let mut answers = self.former(server, others).await?;
        if answers.is_empty() || !wanted.keys.is_disjoint(&mentioned) {
            answers.insert(0, newest);
        }
        let signed = answers.iter().map(|answer| {
            let mut object: CanonicalJsonObject =
                serde_json::from_str(&answer.json).map_err(ApiError::internal)?;
            self.peers.keys.sign(&mut object)?;
            own::raw(&object)
        });
        signed.collect()
    }
}
