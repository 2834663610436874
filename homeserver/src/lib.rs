//! The Fialka homeserver.
//!
//! [`Server`] is the composition root: it holds the configuration, the clock and the domains, and is what every
//! route receives. docs/ARCHITECTURE.md shows how the domains depend on each other.

pub mod account_data;
pub mod admin;
#[cfg(test)]
mod any_input;
pub mod appservice;
pub mod cli;
pub mod clock;
pub mod config;
pub mod delayed;
pub mod e2ee;
pub mod error;
pub mod events;
pub mod federation;
pub mod feedback;
pub mod flights;
mod hooks;
pub mod http;
pub mod hub;
pub mod ids;
pub mod jobs;
pub mod join;
pub mod keys;
pub mod maintenance;
pub mod media;
pub mod ops;
pub mod outbound;
pub mod presence;
pub mod push;
pub mod read_cache;
pub mod reports;
pub mod rooms;
pub mod roster;
pub mod search;
pub mod storage;
pub mod sync;
pub mod users;
pub mod workers;

use std::{ops::Deref, sync::Arc};

use self::storage::{OpenOptions, Storage};
pub use self::{
    config::Config,
    error::{ApiError, ApiResult},
};

/// The running server: cheap to clone, the same for every request.
#[derive(Clone)]
pub struct Server(Arc<Domains>);

/// What a [`Server`] is made of.
pub struct Domains {
    /// The validated configuration.
    pub config: Config,
    /// Where the time comes from.
    pub clock: clock::SharedClock,
    /// How clients find this server.
    pub join: join::JoinFile,
    /// Work beside requests, and the wish to stop.
    pub jobs: jobs::Jobs,
    /// What is counted.
    pub metrics: ops::metrics::Metrics,
    /// How much one address and one account may ask for.
    pub limits: http::limits::Limits,
    /// The database.
    pub storage: Storage,
    /// Who waits for what.
    pub hub: hub::Hub,
    /// The way to others that are not homeservers.
    pub outbound: outbound::Outbound,
    /// Accounts, sessions, devices, profiles.
    pub users: users::Users,
    /// What clients keep here for their users.
    pub account_data: account_data::AccountData,
    /// Rooms.
    pub rooms: rooms::Rooms,
    /// What notifies whom, and telling devices that are not connected.
    pub push: push::Push,
    /// Who is online.
    pub presence: presence::Presence,
    /// Classes, students and teachers.
    pub roster: roster::Roster,
    /// What people say about Fialka.
    pub feedback: feedback::Feedback,
    /// What users reported.
    pub reports: reports::Reports,
    /// Bridges and bots that act for many users.
    pub appservices: appservice::Appservices,
    /// Keys, messages to devices, key backups.
    pub e2ee: e2ee::E2ee,
    /// Events that are sent later.
    pub delayed: delayed::Delayed,
    /// Messages and people by their words.
    pub search: search::Search,
    /// Uploaded files.
    pub media: media::Media,
    /// Other homeservers.
    pub federation: federation::Federation,
    /// Events of other servers that wait to be taken in.
    pub inbound: federation::inbound::Inbound,
    /// What was said in rooms of other servers before.
    pub backfill: federation::backfill::Backfill,
    /// Spaces and rooms that other servers know.
    pub spaces: federation::queries::spaces::Spaces,
    /// What waits for other servers.
    pub to_servers: federation::outbound::Outbound,
    /// What administrators do beyond single domains.
    pub admin: admin::Admin,
    /// What clients of sliding sync have been told.
    pub connections: sync::sliding::connections::Connections,
    /// Which members clients that load them lazily have been told.
    pub lazy_members: sync::lazy::LazyMembers,
}

impl Server {
    /// Puts the parts together.
    pub fn new(domains: Domains) -> Self {
        Self(Arc::new(domains))
    }

    /// Opens the database and everything over it. Must be called inside the runtime.
    pub fn open(config: Config, clock: clock::SharedClock) -> anyhow::Result<Self> {
        let join = join::JoinFile::of(&config)?;
        let key = keys::load(&config.keys_dir())?;
        // Events and requests are signed with the same key, each by its own domain.
        let own_keys = federation::OwnKeys::new(
            config.server_name.clone(),
            keys::load(&config.keys_dir())?,
            keys::load_old(&config.keys_dir())?,
        );
        let storage = Storage::open(&config.database_dir(), OpenOptions::default())?;
        maintenance::check_owner(&storage.snapshot(), &config.server_name)?;
        let hub = hub::Hub::start(&storage, clock.clone());
        let outbound = outbound::Outbound::open(&config.outbound)?;
        let users = users::Users::new(storage.clone(), clock.clone(), &config);
        let account_data = account_data::AccountData::new(storage.clone(), users.clone())?;
        let name = config.server_name.clone();
        users.load_names()?;
        let rooms = rooms::Rooms::new(storage.clone(), clock.clone(), name.clone(), key);
        let push = push::Push::new(
            clock.clone(),
            account_data.clone(),
            rooms.clone(),
            outbound.clone(),
            config.outbound.allow_private_addresses,
        )?;
        let search = search::Search::open(rooms.clone(), users.clone())?;
        let filed = Arc::new(search::SearchProjection(search.clone()));
        let presence = presence::Presence::new(
            storage.clone(),
            clock.clone(),
            hub.clone(),
            config.presence.enabled,
        );
        let appservices = appservice::Appservices::open(
            &config.appservices,
            users.clone(),
            rooms.clone(),
            outbound.clone(),
            presence.clone(),
        )?;
        let mut projections: Vec<Arc<dyn rooms::project::Projection>> = vec![
            Arc::new(push.projection()),
            Arc::new(federation::outbound::project::Log),
            filed.clone(),
        ];
        if let Some(projection) = appservices.projection() {
            projections.push(Arc::new(projection));
        }
        rooms.set_projections(projections);
        rooms.set_erasers(vec![
            filed,
            Arc::new(push::UnreadEraser),
            Arc::new(federation::StagedEraser),
            Arc::new(hooks::AccountDataEraser(account_data.clone())),
        ]);
        rooms.resume_deletions()?;
        let reports =
            reports::Reports::new(storage.clone(), clock.clone(), users.clone(), rooms.clone());
        let e2ee = e2ee::E2ee::new(storage.clone(), clock.clone(), users.clone(), rooms.clone());
        let delayed =
            delayed::Delayed::new(storage.clone(), clock.clone(), users.clone(), rooms.clone());
        rooms.load_erased()?;
        let feedback = feedback::Feedback::open(storage.clone(), clock.clone())?;
        let hooks = hooks::Hooks {
            rooms: rooms.clone(),
            e2ee: e2ee.clone(),
            push: push.clone(),
            account_data: account_data.clone(),
            appservices: appservices.clone(),
            feedback: feedback.clone(),
        };
        users.observe(Arc::new(hooks));
        let media = media::Media::open(
            storage.clone(),
            clock.clone(),
            outbound.clone(),
            &config,
            &config.media_dir(),
        )?;
        let federation = federation::Federation::new(
            &config.federation,
            storage.clone(),
            clock.clone(),
            own_keys,
        )?;
        rooms.set_policy_client(Arc::new(federation::PolicyClient::new(federation.clone())));
        let roster = roster::Roster::new(storage.clone(), users.clone(), rooms.clone(), &config);
        let admin = admin::Admin::new(
            storage.clone(),
            clock.clone(),
            users.clone(),
            rooms.clone(),
            account_data.clone(),
            &config,
        );
        Ok(Self::new(Domains {
            federation,
            inbound: federation::inbound::Inbound::default(),
            backfill: federation::backfill::Backfill::default(),
            spaces: federation::queries::spaces::Spaces::default(),
            to_servers: federation::outbound::Outbound::default(),
            join,
            jobs: jobs::Jobs::default(),
            metrics: ops::metrics::Metrics::default(),
            limits: http::limits::Limits::new(config.limits.enabled, clock.clone()),
            connections: sync::sliding::connections::Connections::default(),
            lazy_members: sync::lazy::LazyMembers::default(),
            storage,
            hub,
            outbound,
            users,
            account_data,
            rooms,
            push,
            search,
            presence,
            roster,
            feedback,
            reports,
            appservices,
            e2ee,
            delayed,
            media,
            admin,
            clock,
            config,
        }))
    }
}

impl Deref for Server {
    type Target = Domains;

    fn deref(&self) -> &Domains {
        &self.0
    }
}
