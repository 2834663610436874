//! Telling servers about the keys of others.
//! [spec](https://spec.matrix.org/v1.19/server-server-api/#querying-keys-through-another-server)

use std::collections::BTreeMap;

use futures::future::join_all;
use ruma::{
    CanonicalJsonObject, MilliSecondsSinceUnixEpoch, OwnedServerName, ServerName,
    api::federation::discovery::ServerSigningKeys, serde::Raw,
};

use super::{SigningKeys, own};
use crate::{ApiError, ApiResult};

/// Servers that one request may ask about.
const MAX_SERVERS: usize = 100;

impl SigningKeys {
    /// What is known of the keys of some servers, each with the time up to which an answer should be valid. Servers of
    /// which nothing is known are left out.
    pub(in crate::federation) async fn vouch(
        &self,
        servers: BTreeMap<OwnedServerName, Option<MilliSecondsSinceUnixEpoch>>,
    ) -> ApiResult<Vec<Raw<ServerSigningKeys>>> {
        if servers.len() > MAX_SERVERS {
            return Err(ApiError::too_large("A request may ask about 100 servers."));
        }
        let now = self.clock.now();
        let answers = servers
            .iter()
            .map(|(server, minimum)| self.vouch_for(server, minimum.unwrap_or(now)));
        let answers: ApiResult<Vec<_>> = join_all(answers).await.into_iter().collect();
        Ok(answers?.into_iter().flatten().collect())
    }

    async fn vouch_for(
        &self,
        server: &ServerName,
        minimum: MilliSecondsSinceUnixEpoch,
    ) -> ApiResult<Option<Raw<ServerSigningKeys>>> {
        if server == self.peers.keys.server_name() {
            return self.peers.keys.publish(self.clock.now()).map(Some);
        }
        if !self.peers.allows(server) {
            return Ok(None);
        }
        let Some(row) = self.newest(server, minimum).await? else {
            return Ok(None);
        };
        let mut object: CanonicalJsonObject =
            serde_json::from_str(&row.json).map_err(ApiError::internal)?;
        self.peers.keys.sign(&mut object)?;
        own::raw(&object).map(Some)
    }
}
