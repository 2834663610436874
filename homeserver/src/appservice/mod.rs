//! Application services: bridges and bots that act for many users and are told what happens in their rooms.
//! [spec](https://spec.matrix.org/v1.19/application-service-api/)
//!
//! Every event that concerns a service leaves a row in its queue, in the event's own commit. A task for each service
//! makes transactions of them, one after the other, and repeats each until the service has taken it.

mod ask;
mod interest;
mod namespaces;
mod network;
pub mod ping;
mod project;
mod registration;
pub mod routes;
pub mod store;
mod transactions;

use std::{collections::HashMap, sync::Arc};

use ruma::{ServerName, UserId};
use tokio::sync::{Notify, mpsc};

use self::{interest::Owned, transactions::Ephemeral};
pub use self::{project::AppserviceProjection, registration::Service};
use crate::{
    config,
    error::{ApiError, ApiResult},
    jobs::Jobs,
    outbound::Outbound,
    presence::Presence,
    rooms::Rooms,
    storage::{Doorbell, Storage},
    users::{NewAccount, Users},
};

/// The service. Clones share everything.
#[derive(Clone)]
pub struct Appservices {
    inner: Arc<Inner>,
}

struct Inner {
    storage: Storage,
    users: Users,
    rooms: Rooms,
    outbound: Outbound,
    presence: Presence,
    all: Vec<Arc<Registered>>,
    by_token: HashMap<String, usize>,
}

/// A service with what is kept in memory for it.
struct Registered {
    service: Service,
    /// The numbers of users in its namespaces, as far as they were looked at.
    owned: Owned,
    /// Rung when an event was put into its queue.
    events: Arc<Doorbell>,
    /// Told when the service asks for something, so it is there.
    heard: Notify,
    ephemeral: mpsc::UnboundedSender<Ephemeral>,
    /// Taken by the task that sends.
    ephemeral_queue: tokio::sync::Mutex<mpsc::UnboundedReceiver<Ephemeral>>,
}

/// Checks the registrations that the configuration names.
pub fn check(config: &config::Appservices, server_name: &ServerName) -> anyhow::Result<()> {
    registration::load(config, server_name).map(drop)
}

impl Appservices {
    /// The services that the configuration names.
    pub fn open(
        config: &config::Appservices,
        users: Users,
        rooms: Rooms,
        outbound: Outbound,
        presence: Presence,
    ) -> anyhow::Result<Self> {
        let mut all = Vec::new();
        let mut by_token = HashMap::new();
        for service in registration::load(config, rooms.server_name())? {
            by_token.insert(service.as_token.clone(), all.len());
            let (ephemeral, ephemeral_queue) = mpsc::unbounded_channel();
            all.push(Arc::new(Registered {
                service,
                owned: Owned::default(),
                events: Arc::default(),
                heard: Notify::new(),
                ephemeral,
                ephemeral_queue: tokio::sync::Mutex::new(ephemeral_queue),
            }));
        }
        let inner = Inner {
            storage: rooms.storage().clone(),
            users,
            rooms,
            outbound,
            presence,
            all,
            by_token,
        };
        let this = Self {
            inner: Arc::new(inner),
        };
        if !this.inner.all.is_empty() {
            this.inner.storage.observe(Arc::new(this.clone()));
        }
        Ok(this)
    }

    /// What has to be written with every event, if there is any service to be told.
    pub fn projection(&self) -> Option<AppserviceProjection> {
        let told = self.inner.all.iter().any(|one| one.service.url.is_some());
        told.then(|| AppserviceProjection(Arc::clone(&self.inner)))
    }

    /// Makes the users that the services act as, and starts telling the services.
    pub async fn start(&self, jobs: &Jobs) -> ApiResult<()> {
        self.inner.create_senders().await?;
        for index in 0..self.inner.all.len() {
            if self.inner.all[index].service.url.is_none() {
                continue;
            }
            let (inner, stop) = (Arc::clone(&self.inner), jobs.clone());
            jobs.spawn("application service", move || {
                transactions::run(Arc::clone(&inner), index, stop.clone())
            });
        }
        Ok(())
    }

    /// The service of a token, which has just shown that it is there.
    pub fn by_token(&self, token: &str) -> Option<&Service> {
        let index = *self.inner.by_token.get(token)?;
        let one = &self.inner.all[index];
        one.heard.notify_one();
        Some(&one.service)
    }

    /// The service of an id.
    pub fn by_id(&self, id: &str) -> Option<&Service> {
        let all = self.inner.all.iter();
        all.map(|one| &one.service).find(|one| &*one.id == id)
    }
}

impl Inner {
    /// Makes the accounts that services act as, where they have none yet.
    async fn create_senders(&self) -> ApiResult<()> {
        for one in &self.all {
            let user_id: &UserId = &one.service.sender;
            if self.users.account(user_id).await?.is_some() {
                continue;
            }
            let account = NewAccount {
                user_id: user_id.to_owned(),
                password: None,
                admin: false,
                display_name: None,
                registration_token: None,
                accepted_terms: Default::default(),
            };
            self.users.create_account(account, None).await?;
        }
        Ok(())
    }

    fn unreachable(error: impl Into<anyhow::Error>) -> ApiError {
        ApiError::with_code(
            http::StatusCode::BAD_GATEWAY,
            "M_CONNECTION_FAILED",
            "The application service could not be reached.",
        )
        .because(error)
    }
}
