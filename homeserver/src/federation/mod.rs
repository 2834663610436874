//! Talking to other homeservers: finding them, trusting them, asking them and answering them.
//! [spec](https://spec.matrix.org/v1.19/server-server-api/)

mod auth;
pub mod backfill;
mod backoff;
mod channel;
mod client;
mod connector;
mod destinations;
mod discovery;
mod dns;
mod erase;
pub mod inbound;
pub mod membership;
mod names;
pub mod outbound;
mod policy;
pub mod queries;
pub mod routes;
mod signing_keys;
pub mod single_events;
mod tls;
mod verdicts;
mod web;
mod well_known;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use http::Response;
use hyper::body::Incoming;
use ruma::{
    OwnedServerName, OwnedServerSigningKeyId, ServerName,
    api::{
        OutgoingRequest,
        federation::{
            authentication::ServerSignatures, discovery::ServerSigningKeys,
            transactions::send_transaction_message,
        },
        path_builder::SinglePath,
    },
    serde::Raw,
    signatures::{PublicKeyMap, PublicKeySet},
};
use tokio::sync::broadcast;

pub use self::{
    auth::Credentials,
    backoff::BackoffRow,
    client::{Limits, RequestError},
    destinations::Standing,
    erase::StagedEraser,
    policy::PolicyClient,
    queries::{ClaimedElsewhere, KeysElsewhere},
    signing_keys::{OldKey, OwnKeys, ServerKeyRow, ServerKeysRow, Wanted, When},
};
use self::{
    backoff::Backoffs, channel::Channel, client::Peers, discovery::Discovery, dns::SystemDns,
    signing_keys::SigningKeys, web::Web, well_known::WebWellKnown,
};
use crate::{
    ApiResult,
    clock::SharedClock,
    config,
    flights::Flights,
    storage::{self, Storage},
};

/// Servers that came back and that nobody has looked at yet.
const UNSEEN_RETURNS: usize = 1_000;

/// The service. Clones share it.
#[derive(Clone)]
pub struct Federation {
    inner: Arc<Inner>,
}

struct Inner {
    peers: Arc<Peers>,
    keys: SigningKeys,
    web: Arc<Web>,
    files: Flights<(OwnedServerName, String)>,
    lately: queries::Lately,
    clock: SharedClock,
}

/// Checks what the configuration says about other servers, as far as it can be known without asking them.
pub fn check(config: &config::Federation) -> anyhow::Result<()> {
    tls::client_config(config)?;
    discovery::check_peers(config)
}

impl Federation {
    /// Prepares talking to others. Must be called inside the runtime.
    pub fn new(
        config: &config::Federation,
        storage: Storage,
        clock: SharedClock,
        keys: OwnKeys,
    ) -> anyhow::Result<Self> {
        discovery::check_peers(config)?;
        let tls = Arc::new(tls::client_config(config)?);
        let web = Arc::new(Web::new(Arc::clone(&tls)));
        let well_known = Arc::new(WebWellKnown::new(Arc::clone(&web)));
        let dns = Arc::new(SystemDns::new());
        let discovery = Arc::new(Discovery::new(config, dns, well_known, clock.clone()));
        web.set_discovery(&discovery);
        let peers = Arc::new(Peers {
            config: config.clone(),
            keys: Arc::new(keys),
            discovery,
            channel: Channel::new(tls),
            backoffs: Backoffs::open(storage.clone(), clock.clone())?,
            returns: broadcast::Sender::new(UNSEEN_RETURNS),
        });
        let inner = Inner {
            lately: queries::Lately::since(storage.position()),
            keys: SigningKeys::new(Arc::clone(&peers), storage, clock.clone()),
            peers,
            web,
            files: Flights::default(),
            clock,
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// The name of this server.
    pub fn server_name(&self) -> &ServerName {
        self.inner.peers.keys.server_name()
    }

    /// Whether this server and that one may talk to each other. False for this server itself.
    pub fn allows(&self, server: &ServerName) -> bool {
        self.inner.peers.allows(server)
    }

    /// Sends another server a transaction. The answer is what became of the events in it.
    pub async fn deliver(
        &self,
        server: &ServerName,
        transaction: send_transaction_message::v1::Request,
        limits: Limits,
    ) -> Result<send_transaction_message::v1::Response, RequestError> {
        self.inner.peers.deliver(server, transaction, limits).await
    }

    /// Asks another server something, with this server's signature.
    pub async fn request<R>(
        &self,
        server: &ServerName,
        request: R,
        limits: Limits,
    ) -> Result<R::IncomingResponse, RequestError>
    where
        R: OutgoingRequest<Authentication = ServerSignatures, PathBuilder = SinglePath>,
    {
        self.inner.peers.request(server, request, limits).await
    }

    /// The same for an answer that is read bit by bit: only the time up to the end of its head is limited.
    pub async fn stream<R>(
        &self,
        server: &ServerName,
        request: R,
        limits: Limits,
    ) -> Result<Response<Incoming>, RequestError>
    where
        R: OutgoingRequest<Authentication = ServerSignatures, PathBuilder = SinglePath>,
    {
        self.inner.peers.stream(server, request, limits).await
    }

    /// How long a server that did not answer is still left alone.
    pub fn backoff(&self, server: &ServerName) -> Option<Duration> {
        self.inner.peers.backoffs.wait(server)
    }

    /// A server has spoken to this one, so it is there.
    fn heard_from(&self, server: &ServerName) {
        self.inner.keys.forget_failures(server);
        self.inner.peers.is_there(server);
    }

    /// Tells of servers that had been left alone and are there again.
    pub fn returns(&self) -> broadcast::Receiver<OwnedServerName> {
        self.inner.peers.returns.subscribe()
    }

    /// Those of a server's signing keys that can be had and were valid, asking others where that is needed.
    pub async fn public_keys(
        &self,
        server: &ServerName,
        wanted: &BTreeSet<OwnedServerSigningKeyId>,
        when: When,
    ) -> storage::Result<PublicKeySet> {
        self.inner.keys.find(server, wanted, when).await
    }

    /// The same for keys of several servers, all asked at once.
    pub async fn public_key_map(
        &self,
        wanted: &BTreeMap<OwnedServerName, BTreeSet<OwnedServerSigningKeyId>>,
        when: When,
    ) -> storage::Result<PublicKeyMap> {
        self.inner.keys.find_all(wanted, when).await
    }

    /// What this server says about its own keys.
    pub fn own_keys(&self) -> ApiResult<Raw<ServerSigningKeys>> {
        self.inner.peers.keys.publish(self.inner.clock.now())
    }

    /// What this server knows of the keys of others, with its signature.
    pub async fn vouch(
        &self,
        servers: BTreeMap<OwnedServerName, Wanted>,
    ) -> ApiResult<Vec<Raw<ServerSigningKeys>>> {
        self.inner.keys.vouch(servers).await
    }
}
