//! Users of this server: accounts, passwords, sessions, devices, profiles.

use std::sync::{Arc, OnceLock};

use ruma::OwnedServerName;
use tokio::sync::{Mutex, MutexGuard};

mod accounts;
mod deactivation;
mod devices;
mod hooks;
mod listing;
mod localpart;
mod locks;
mod login;
mod login_tokens;
mod names;
mod official;
mod openid;
mod password;
mod profile;
mod profile_spread;
mod refresh;
mod register;
mod registering;
mod registration_tokens;
pub mod routes;
mod sessions;
mod shared_secret;
pub mod store;
mod tokens;
mod uiaa;

pub use self::{
    accounts::{Account, NewAccount, may_send},
    devices::{Device, DevicesOf, delete_device, put_device},
    hooks::{Addition, UserHooks},
    listing::Listed,
    login::Identifier,
    login_tokens::LOGIN_TOKEN_LIFETIME,
    names::{Name, fold},
    openid::OPENID_TOKEN_LIFETIME,
    profile::{PROFILE_MAX_LENGTH, Profile, profile_of},
    register::{Registered, Registration},
    registration_tokens::{NewRegistrationToken, RegistrationToken, TokenChange},
    sessions::{Session, SignIn, SignedIn},
    shared_secret::SharedSecretRegistration,
    store::{AcceptedPolicy, AccountRow, RateLimit, UserKind},
    uiaa::{Operation, Proof, StageState},
};
use self::{
    locks::UserLocks, login_tokens::LoginTokens, official::Official, password::Passwords,
    profile_spread::Spreading, registering::Registrations, sessions::CACHED_SESSIONS,
    shared_secret::Nonces, store::TokenHash, uiaa::UiaaSessions,
};
use crate::{
    ApiResult, Config,
    clock::SharedClock,
    config,
    ids::UserNid,
    read_cache::ReadCache,
    storage::{Snapshot, Storage},
};

/// The users of this server. Clones share everything.
#[derive(Clone)]
pub struct Users {
    inner: Arc<Inner>,
}

struct Inner {
    storage: Storage,
    clock: SharedClock,
    server_name: OwnedServerName,
    registration: config::Registration,
    official: Official,
    passwords: Passwords,
    sessions: ReadCache<TokenHash, Session>,
    uiaa: UiaaSessions,
    registrations: Registrations,
    login_tokens: LoginTokens,
    spreading: Spreading,
    nonces: Nonces,
    locks: UserLocks,
    names: names::Names,
    /// Held from finding a name free until its account is on disk.
    creating: Mutex<()>,
    hooks: OnceLock<Arc<dyn UserHooks>>,
}

impl Users {
    /// The users in a database.
    pub fn new(storage: Storage, clock: SharedClock, config: &Config) -> Self {
        let inner = Inner {
            storage,
            clock,
            server_name: config.server_name.clone(),
            registration: config.registration.clone(),
            official: Official::new(config),
            passwords: Passwords::default(),
            sessions: ReadCache::new(CACHED_SESSIONS),
            uiaa: UiaaSessions::default(),
            registrations: Registrations::default(),
            login_tokens: LoginTokens::default(),
            spreading: Spreading::default(),
            nonces: Nonces::default(),
            locks: UserLocks::default(),
            names: names::Names::default(),
            creating: Mutex::default(),
            hooks: OnceLock::new(),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Says whom to tell of changes. The first call counts; before it nobody is told.
    pub fn observe(&self, hooks: Arc<dyn UserHooks>) {
        drop(self.inner.hooks.set(hooks));
    }

    /// Waits for the turn to change rows of a user that depend on what they were. Other domains that keep rows per user
    /// share these locks.
    pub async fn lock(&self, user: UserNid) -> MutexGuard<'_, ()> {
        self.inner.locks.lock(user).await
    }

    /// Makes all accounts findable by their names.
    pub fn load_names(&self) -> crate::storage::Result<()> {
        let storage = &self.inner.storage;
        self.inner.names.load(storage, &storage.snapshot())
    }

    /// The users of this server of whose names words begin with all the words of a text. Closed and locked accounts are
    /// not among them.
    pub fn find_by_name(&self, text: &str) -> Vec<(UserNid, Name)> {
        self.inner.names.find(text)
    }

    /// Takes note of a change of an account or a profile that is on disk.
    async fn refresh_name(&self, user: UserNid) -> ApiResult {
        self.read(move |inner, _| Ok(inner.names.refresh(&inner.storage, user)?))
            .await
    }

    /// The server all these users are on.
    pub fn server_name(&self) -> &ruma::ServerName {
        &self.inner.server_name
    }

    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Inner, &Snapshot<'_>) -> ApiResult<T> + Send + 'static,
    ) -> ApiResult<T> {
        let inner = Arc::clone(&self.inner);
        self.inner
            .storage
            .read(move |snapshot| read(&inner, snapshot))
            .await
    }
}

#[cfg(test)]
mod tests;
