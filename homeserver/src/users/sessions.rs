//! Sessions: who a request with an access token comes from.

use std::{
    net::IpAddr,
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use ruma::{MilliSecondsSinceUnixEpoch, OwnedDeviceId, OwnedUserId, UInt, api::error::ErrorKind};

use super::{
    Users,
    store::{
        self, DeviceRow, LastSeenRow, RateLimit, RefreshTokenRow, SessionRow, TokenHash, TokenKind,
    },
    tokens::{self, Purpose},
};
use crate::{
    ApiError, ApiResult,
    ids::UserNid,
    storage::{Batch, Commit, Snapshot, tables},
};

/// Sessions kept in memory.
pub(super) const CACHED_SESSIONS: usize = 10_000;
/// How long an access token of a client that can refresh it is valid.
const ACCESS_TOKEN_LIFETIME: Duration = Duration::from_secs(60 * 60);
/// How long a refresh token waits to be used.
const REFRESH_TOKEN_LIFETIME: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// How much a device's "last seen" may be behind.
const LAST_SEEN_PRECISION_MS: u64 = 60_000;
/// Bytes of the longest device id taken.
pub(super) const MAX_DEVICE_ID_LENGTH: usize = 255;

/// A signed-in device: what a valid access token stands for.
#[derive(Clone, Debug)]
pub struct Session(Arc<SessionDetails>);

/// What a [`Session`] says.
#[derive(Debug)]
pub struct SessionDetails {
    /// The user's number.
    pub user: UserNid,
    /// The user.
    pub user_id: OwnedUserId,
    /// The device.
    pub device_id: OwnedDeviceId,
    /// Whether the user administers this server.
    pub is_admin: bool,
    /// Whether the user may do little more than read.
    pub is_suspended: bool,
    /// Whether the user is shut out.
    pub is_locked: bool,
    /// How often the user may send, if an administrator says so.
    pub rate_limit: Option<RateLimit>,
    token: TokenHash,
    /// The application service that acts as the user, by its id.
    pub appservice: Option<Arc<str>>,
    expires: Option<MilliSecondsSinceUnixEpoch>,
    last_seen: AtomicU64,
}

impl Session {
    /// A session of an ordinary user that never expires, for tests.
    pub fn new(user: UserNid, user_id: OwnedUserId, device_id: OwnedDeviceId) -> Self {
        Self(Arc::new(SessionDetails {
            user,
            user_id,
            device_id,
            is_admin: false,
            is_suspended: false,
            appservice: None,
            is_locked: false,
            rate_limit: None,
            token: [0; 32],
            expires: None,
            last_seen: AtomicU64::new(0),
        }))
    }
}

impl Session {
    fn check_not_locked(&self) -> ApiResult {
        if self.is_locked {
            return Err(locked());
        }
        Ok(())
    }

    /// Refuses a session that is not in the database any longer. Those of application services never are.
    pub(super) fn check_stored(&self, snapshot: &Snapshot<'_>) -> ApiResult {
        if self.appservice.is_some() || tables::SESSION.contains(snapshot, self.token)? {
            return Ok(());
        }
        Err(unknown())
    }

    /// Refuses users who do not administer this server.
    pub fn require_admin(&self) -> ApiResult {
        if self.is_admin {
            return Ok(());
        }
        Err(ApiError::forbidden(
            "Only administrators of this server may do this.",
        ))
    }
}

impl Deref for Session {
    type Target = SessionDetails;

    fn deref(&self) -> &SessionDetails {
        &self.0
    }
}

/// How somebody wants to be signed in.
#[derive(Clone, Debug, Default)]
pub struct SignIn {
    /// The device, if the client knows one already.
    pub device_id: Option<OwnedDeviceId>,
    /// The name of the device if it is new.
    pub device_display_name: Option<String>,
    /// Whether the client can refresh its access token.
    pub refreshable: bool,
}

/// What a client that has signed in is given.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// Who signed in.
    pub user_id: OwnedUserId,
    /// The device.
    pub device_id: OwnedDeviceId,
    /// The access token.
    pub access_token: String,
    /// The refresh token and how long the access token lives, for clients that asked.
    pub refresh: Option<(String, Duration)>,
}

/// A session about to be written.
pub(super) struct NewSession {
    device_id: OwnedDeviceId,
    device: DeviceRow,
    access: (String, TokenHash),
    refresh: Option<(String, TokenHash)>,
    created: MilliSecondsSinceUnixEpoch,
}

impl NewSession {
    /// Makes up the tokens.
    pub(super) fn mint(request: SignIn, now: MilliSecondsSinceUnixEpoch) -> ApiResult<Self> {
        let device_id = request.device_id.unwrap_or_else(tokens::new_device_id);
        if device_id.as_str().is_empty() || device_id.as_str().len() > MAX_DEVICE_ID_LENGTH {
            return Err(ApiError::invalid_param(
                "A device id has between 1 and 255 bytes.",
            ));
        }
        Ok(Self {
            device_id,
            device: DeviceRow {
                display_name: request.device_display_name,
                created: now,
            },
            access: tokens::new_token(Purpose::Access),
            refresh: request
                .refreshable
                .then(|| tokens::new_token(Purpose::Refresh)),
            created: now,
        })
    }

    /// What the client is told.
    pub(super) fn answer(&self, user_id: OwnedUserId) -> SignedIn {
        SignedIn {
            user_id,
            device_id: self.device_id.clone(),
            access_token: self.access.0.clone(),
            refresh: self
                .refresh
                .as_ref()
                .map(|(token, _)| (token.clone(), ACCESS_TOKEN_LIFETIME)),
        }
    }

    /// Writes the tokens, and the device if there is none yet. `replaces` is the refresh token that paid for them.
    pub(super) fn write(&self, batch: &mut Batch<'_>, user: UserNid, replaces: Option<TokenHash>) {
        let device_id = &self.device_id;
        tables::DEVICE.put(batch, (user, device_id), &self.device);
        let session = SessionRow {
            user,
            device_id: device_id.clone(),
            expires: self
                .refresh
                .as_ref()
                .map(|_| later(self.created, ACCESS_TOKEN_LIFETIME)),
            replaces,
        };
        let (_, access) = self.access;
        tables::SESSION.put(batch, access, &session);
        let kind = TokenKind::Access as u8;
        tables::DEVICE_TOKEN.put(batch, (user, device_id, access), &kind);
        if let Some((_, refresh)) = self.refresh {
            let row = RefreshTokenRow {
                user,
                device_id: device_id.clone(),
                expires: later(self.created, REFRESH_TOKEN_LIFETIME),
                access,
                replaces,
                next: None,
            };
            tables::REFRESH_TOKEN.put(batch, refresh, &row);
            let kind = TokenKind::Refresh as u8;
            tables::DEVICE_TOKEN.put(batch, (user, device_id, refresh), &kind);
        }
    }

    /// Keeps what is known of a device that signs in again.
    pub(super) fn keep_device(&mut self, known: DeviceRow) {
        self.device = known;
    }

    pub(super) fn device_id(&self) -> &OwnedDeviceId {
        &self.device_id
    }

    /// The hashes of the two tokens of a refreshable session.
    pub(super) fn hashes(&self) -> Option<(TokenHash, TokenHash)> {
        self.refresh
            .as_ref()
            .map(|(_, hash)| (self.access.1, *hash))
    }
}

/// A time so much later.
pub(super) fn later(from: MilliSecondsSinceUnixEpoch, by: Duration) -> MilliSecondsSinceUnixEpoch {
    let by = UInt::try_from(by.as_millis()).unwrap_or(UInt::MAX);
    MilliSecondsSinceUnixEpoch(from.get().saturating_add(by))
}

impl Users {
    /// The session of an access token. [`ErrorKind::UnknownToken`] if there is none, [`ErrorKind::UserLocked`] if the user
    /// is shut out.
    pub async fn session(&self, access_token: &str) -> ApiResult<Session> {
        let session = self.session_even_if_locked(access_token).await?;
        session.check_not_locked()?;
        Ok(session)
    }

    /// The same for what those who are shut out may do: sign out.
    pub async fn session_even_if_locked(&self, access_token: &str) -> ApiResult<Session> {
        self.session_of(tokens::hash(access_token)).await
    }

    /// Refuses a session that has ended, or whose user was shut out, since its request came.
    pub async fn check_again(&self, session: &Session) -> ApiResult {
        self.session_of(session.token).await?.check_not_locked()
    }

    async fn session_of(&self, hash: TokenHash) -> ApiResult<Session> {
        let session = match self.inner.sessions.get(&hash) {
            Some(session) => session,
            None => self.load_session(hash).await?,
        };
        if session
            .expires
            .is_some_and(|expires| expires <= self.inner.clock.now())
        {
            return Err(ApiError::unknown_token(
                true,
                "The access token has expired: refresh it, or sign in again.",
            ));
        }
        Ok(session)
    }

    /// An application service acting as a user, and as one of their devices if it names one.
    /// [spec](https://spec.matrix.org/v1.19/application-service-api/#identity-assertion)
    pub async fn appservice_session(
        &self,
        appservice: Arc<str>,
        user_id: OwnedUserId,
        device_id: Option<OwnedDeviceId>,
    ) -> ApiResult<Session> {
        self.read(move |inner, snapshot| {
            let found = store::find_account(&inner.storage, snapshot, &user_id)?;
            let Some((user, account)) = found.filter(|(_, account)| !account.deactivated) else {
                return Err(ApiError::forbidden(
                    "The application service has to register this user first.",
                ));
            };
            if account.locked {
                return Err(locked());
            }
            if let Some(device_id) = &device_id
                && !tables::DEVICE.contains(snapshot, (user, device_id))?
            {
                return Err(ApiError::with_code(
                    http::StatusCode::BAD_REQUEST,
                    "M_UNKNOWN_DEVICE",
                    "The user has no such device.",
                ));
            }
            Ok(Session(Arc::new(SessionDetails {
                user,
                user_id,
                // No device has an empty id.
                device_id: device_id.unwrap_or_else(|| OwnedDeviceId::from("")),
                is_admin: account.admin,
                is_suspended: account.suspended,
                appservice: Some(appservice),
                is_locked: false,
                rate_limit: account.rate_limit,
                token: [0; 32],
                expires: None,
                last_seen: AtomicU64::new(0),
            })))
        })
        .await
    }

    /// Remembers, now and then, when and from where a device was seen.
    pub fn seen(&self, session: &Session, ip: Option<IpAddr>) {
        if session.device_id.as_str().is_empty() {
            return;
        }
        let now = self.inner.clock.now();
        let now_ms = u64::from(now.get());
        let before = session.last_seen.load(Ordering::Relaxed);
        if now_ms < before.saturating_add(LAST_SEEN_PRECISION_MS) {
            return;
        }
        let first = session.last_seen.compare_exchange(
            before,
            now_ms,
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
        if first.is_err() {
            return;
        }
        let (user, device_id) = (session.user, session.device_id.clone());
        let row = LastSeenRow {
            at: now,
            ip: ip.map(|ip| ip.to_string()),
        };
        let commit =
            Commit::silent(move |batch| tables::LAST_SEEN.put(batch, (user, &device_id), &row));
        if let Err(error) = self.inner.storage.submit(commit.ephemeral()) {
            tracing::warn!(%error, "when a device was last seen could not be written");
        }
    }

    async fn load_session(&self, hash: TokenHash) -> ApiResult<Session> {
        let generation = self.inner.sessions.generation();
        let (session, replaces) = self
            .read(move |inner, snapshot| {
                let row = tables::SESSION.get(snapshot, hash)?.ok_or_else(unknown)?;
                let account = tables::ACCOUNT.get(snapshot, row.user)?;
                let account = account.filter(|account| !account.deactivated);
                let account = account.ok_or_else(unknown)?;
                let last_seen = tables::LAST_SEEN.get(snapshot, (row.user, &row.device_id))?;
                let details = SessionDetails {
                    user: row.user,
                    user_id: inner.storage.interner().user_id(row.user)?,
                    device_id: row.device_id,
                    is_admin: account.admin,
                    is_suspended: account.suspended,
                    appservice: None,
                    is_locked: account.locked,
                    rate_limit: account.rate_limit,
                    token: hash,
                    expires: row.expires,
                    last_seen: AtomicU64::new(last_seen.map_or(0, |seen| seen.at.get().into())),
                };
                Ok((Session(Arc::new(details)), row.replaces))
            })
            .await?;
        if let Some(replaced) = replaces {
            self.void_refresh_token(session.user, session.device_id.clone(), replaced)
                .await?;
        }
        let cache = &self.inner.sessions;
        cache.insert(hash, session.clone(), generation);
        Ok(session)
    }
}

fn unknown() -> ApiError {
    ApiError::unknown_token(false, "The access token is not known: sign in again.")
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#account-locking)
pub(super) fn locked() -> ApiError {
    ApiError::new(
        http::StatusCode::UNAUTHORIZED,
        ErrorKind::UserLocked,
        "This account is locked: ask an administrator of the server.",
    )
}
