//! Becoming somebody: sign-in, registration, and the account kept from last time.

use std::path::Path;

use matrix_sdk::{
    Client, ClientBuildError, HttpError, SessionTokens, SqliteCryptoStore, SqliteEventCacheStore,
    SqliteMediaStore, SqliteStateStore, SqliteStoreConfig,
    encryption::{BackupDownloadStrategy, EncryptionSettings},
    ruma::api::{
        client::{
            account::register,
            session::login,
            uiaa::{
                AuthData, AuthType, Dummy, MatrixUserIdentifier, RegistrationToken, UiaaInfo,
                UserIdentifier,
            },
        },
        error::ErrorKind,
    },
};
use matrix_sdk_base::{
    BaseClient, DmRoomDefinition, ThreadingSupport, cross_process_lock::CrossProcessLockConfig,
    store::StoreConfig,
};
use reqwest::Certificate;

use super::{
    Config,
    account_store::{Account, AccountStore, DatabaseKey, Keys, NewFolder},
    certificates::extra_roots,
    storage,
};
use crate::bridge::{command::Registration, secret::Secret, trouble::Trouble};

/// A client with a session, and what is kept of it.
pub(super) struct Opened {
    pub(super) client: Client,
    /// The same client's inner half, which alone gives access to the state of comparisons.
    pub(super) base: BaseClient,
    pub(super) account: Account,
    pub(super) keys: Keys,
    /// What the person typed, to open or set up the key storage with; `None` when the session was restored.
    pub(super) password: Option<Secret>,
}

/// What signing in needs.
pub(super) struct SignIn {
    pub(super) server: String,
    pub(super) user: String,
    pub(super) password: Secret,
    pub(super) shared_computer: bool,
}

impl SignIn {
    /// Whether this is the person whose account is kept here.
    pub(super) fn is_for(&self, kept: &Account) -> bool {
        let user = self.user.trim();
        let same_user = user == kept.user_id.as_str() || user == kept.user_id.localpart();
        let server = |url: &str| url.trim_end_matches('/').to_owned();
        same_user && server(&self.server) == server(&kept.base_url)
    }
}

/// Signs in again after the session has expired, as the same device: keys, drafts and messages that wait are kept.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#soft-logout)
pub(super) async fn again(
    config: &Config,
    store: &AccountStore,
    account: Account,
    mut keys: Keys,
    form: SignIn,
) -> Result<Opened, Trouble> {
    // Asked without a session of its own, which would make new keys for the device.
    let asking = Client::builder()
        .homeserver_url(&account.base_url)
        .add_root_certificates(extra_roots(config))
        .build()
        .await?;
    let user = UserIdentifier::Matrix(MatrixUserIdentifier::new(account.user_id.to_string()));
    let password = login::v3::Password::new(user, form.password.reveal().to_owned());
    let mut request = login::v3::Request::new(login::v3::LoginInfo::Password(password));
    request.device_id = Some(account.device_id.clone());
    request.refresh_token = true;
    let answer = asking.send(request).await.map_err(wrong_password)?;
    keys.tokens = SessionTokens {
        access_token: answer.access_token,
        refresh_token: answer.refresh_token,
    };
    let (kept, kept_keys) = (account.clone(), keys.clone());
    store
        .blocking(move |store| store.keep(&kept, &kept_keys))
        .await?;
    let opened = restore(config, store, account, keys).await?;
    Ok(Opened {
        password: Some(form.password),
        ..opened
    })
}

/// Signs in with a password.
pub(super) async fn sign_in(
    config: &Config,
    store: &AccountStore,
    form: SignIn,
) -> Result<Opened, Trouble> {
    let folder = store.new_folder();
    let signed_in = async {
        let (client, base) = new_client(&form.server, &folder, extra_roots(config)).await?;
        let user = form.user.trim();
        let login = client
            .matrix_auth()
            .login_username(user, form.password.reveal());
        login
            .initial_device_display_name(&config.device_name)
            .request_refresh_token()
            .await
            .map_err(|error| match error {
                matrix_sdk::Error::Http(error) => wrong_password(*error),
                error => error.into(),
            })?;
        Ok((client, base))
    };
    let client = signed_in.await;
    finish(store, folder, client, form.password, form.shared_computer).await
}

/// At sign-in "forbidden" means name or password.
fn wrong_password(error: HttpError) -> Trouble {
    match error.client_api_error_kind() {
        Some(ErrorKind::Forbidden) => Trouble::WrongPassword,
        _ => error.into(),
    }
}

/// Creates an account and signs in with it.
pub(super) async fn register(
    config: &Config,
    store: &AccountStore,
    form: Registration,
) -> Result<Opened, Trouble> {
    let folder = store.new_folder();
    let registered = async {
        let (client, base) = new_client(&form.server, &folder, extra_roots(config)).await?;
        register_with(&client, config, &form).await?;
        let name = form.display_name.trim();
        if !name.is_empty()
            && let Err(error) = client.account().set_display_name(Some(name)).await
        {
            // The account exists; its name can be set later.
            tracing::warn!(%error, "the display name was not set");
        }
        Ok((client, base))
    };
    let client = registered.await;
    finish(store, folder, client, form.password, form.shared_computer).await
}

/// Opens the account kept on this computer.
pub(super) async fn restore(
    config: &Config,
    store: &AccountStore,
    account: Account,
    keys: Keys,
) -> Result<Opened, Trouble> {
    let path = store.database(&account.id);
    let open = || {
        let roots = extra_roots(config);
        Box::pin(build(&account.base_url, &path, &keys.database, roots))
    };
    let (client, base) = match open().await {
        // A damaged cache is made anew from the server, once; other data cannot be.
        Err(Trouble::LocalData) if without_caches(store, &path).await => open().await?,
        opened => opened?,
    };
    client
        .restore_session(account.session(keys.tokens.clone()))
        .await?;
    Ok(Opened {
        client,
        base,
        account,
        keys,
        password: None,
    })
}

async fn without_caches(store: &AccountStore, folder: &Path) -> bool {
    let folder = folder.to_owned();
    let removed = store.blocking(move |_| storage::remove_caches(&folder));
    removed.await.unwrap_or(false)
}

/// Keeps the account when it worked, and removes its folder when it did not.
async fn finish(
    store: &AccountStore,
    folder: NewFolder,
    client: Result<(Client, BaseClient), Trouble>,
    password: Secret,
    shared_computer: bool,
) -> Result<Opened, Trouble> {
    let id = folder.id.clone();
    let (client, base) = match client {
        Ok(client) => client,
        Err(trouble) => {
            // What is left of it goes at the next start.
            if let Err(left) = store.blocking(move |store| store.wipe(&id)).await {
                tracing::warn!(trouble = ?left, "the folder of a failed sign-in was not removed");
            }
            return Err(trouble);
        }
    };
    let (account, keys) = describe(&client, folder, shared_computer)?;
    let (kept, kept_keys) = (account.clone(), keys.clone());
    store
        .blocking(move |store| {
            store.keep(&kept, &kept_keys)?;
            store.wipe_others(&kept.id)
        })
        .await?;
    Ok(Opened {
        client,
        base,
        account,
        keys,
        password: Some(password),
    })
}

fn describe(
    client: &Client,
    folder: NewFolder,
    shared_computer: bool,
) -> Result<(Account, Keys), Trouble> {
    let session = client
        .matrix_auth()
        .session()
        .ok_or(Trouble::SessionEnded)?;
    let account = Account {
        id: folder.id,
        user_id: session.meta.user_id,
        device_id: session.meta.device_id,
        base_url: client.homeserver().to_string(),
        shared_computer,
    };
    Ok((
        account,
        Keys {
            database: folder.key,
            tokens: session.tokens,
        },
    ))
}

async fn new_client(
    server: &str,
    folder: &NewFolder,
    roots: Vec<Certificate>,
) -> Result<(Client, BaseClient), Trouble> {
    build(server, &folder.path, &folder.key, roots).await
}

async fn build(
    base_url: &str,
    path: &Path,
    key: &DatabaseKey,
    roots: Vec<Certificate>,
) -> Result<(Client, BaseClient), Trouble> {
    let encryption = EncryptionSettings {
        auto_enable_cross_signing: true,
        auto_enable_backups: true,
        backup_download_strategy: BackupDownloadStrategy::AfterDecryptionFailure,
    };
    let base = open_stores(path, key).await?;
    let builder = Client::builder()
        .homeserver_url(base_url)
        .base_client(base.clone())
        .cross_process_store_config(ONE_PROGRAM)
        .add_root_certificates(roots)
        .handle_refresh_tokens()
        .with_encryption_settings(encryption);
    Ok((builder.build().await?, base))
}

/// Nobody else opens these databases: see [`Instance`](crate::instance::Instance). Otherwise the SDK would write down
/// twenty times a second, and bring to the disk, that it is still there.
const ONE_PROGRAM: CrossProcessLockConfig = CrossProcessLockConfig::SingleProcess;

/// Connections to each database.
const CONNECTIONS: usize = 2;
/// What each of them keeps of its database in memory, in bytes.
const DATABASE_CACHE: u32 = 60_000;

/// Opens the databases as the client's builder would, which keeps the half of the client that is made of them to itself.
async fn open_stores(path: &Path, key: &DatabaseKey) -> Result<BaseClient, Trouble> {
    // Fewer connections and smaller caches than the SDK takes by itself, which one person does not notice. Its settings
    // for little memory have as many connections to each database as there are cores.
    let databases = SqliteStoreConfig::with_low_memory_config(path)
        .pool_max_size(CONNECTIONS)
        .cache_size(DATABASE_CACHE)
        .key(Some(key));
    let (state, events, media, crypto) = tokio::try_join!(
        async { SqliteStateStore::open_with_config(&databases).await },
        async { SqliteEventCacheStore::open_with_config(&databases).await },
        async { SqliteMediaStore::open_with_config(&databases).await },
        async { SqliteCryptoStore::open_with_config(&databases).await },
    )
    .map_err(ClientBuildError::from)?;
    let stores = StoreConfig::new(ONE_PROGRAM)
        .state_store(state)
        .event_cache_store(events)
        .media_store(media)
        .crypto_store(crypto);
    Ok(BaseClient::new(
        stores,
        ThreadingSupport::Disabled,
        DmRoomDefinition::MatrixSpec,
    ))
}

/// Walks through the steps the server asks for: a registration code, or none.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#user-interactive-api-in-the-rest-api)
async fn register_with(
    client: &Client,
    config: &Config,
    form: &Registration,
) -> Result<(), Trouble> {
    let mut auth = None;
    let mut tried_token = false;
    // One round without, one per step, and one to spare.
    for _ in 0..4 {
        let mut request = register::v3::Request::new();
        request.username = Some(form.user.trim().to_owned());
        request.password = Some(form.password.reveal().to_owned());
        request.initial_device_display_name = Some(config.device_name.clone());
        request.refresh_token = true;
        request.auth = auth;
        let Err(error) = client.matrix_auth().register(request).await else {
            return Ok(());
        };
        let Some(uiaa) = error.as_uiaa_response() else {
            return Err(match error.client_api_error_kind() {
                Some(ErrorKind::Forbidden) => Trouble::RegistrationClosed,
                _ => error.into(),
            });
        };
        if uiaa.auth_error.is_some() && tried_token {
            return Err(Trouble::TokenWrong);
        }
        let step = next_step(uiaa, form.token.as_ref())?;
        tried_token |= matches!(step, AuthData::RegistrationToken(_));
        auth = Some(step);
    }
    Err(Trouble::Other(
        "the server asks for more and more steps".to_owned(),
    ))
}

fn next_step(uiaa: &UiaaInfo, token: Option<&Secret>) -> Result<AuthData, Trouble> {
    let can = |stage: &AuthType| matches!(stage, AuthType::Dummy | AuthType::RegistrationToken);
    let flow = uiaa
        .flows
        .iter()
        .find(|flow| flow.stages.iter().all(can))
        .ok_or(Trouble::RegistrationClosed)?;
    let next = flow
        .stages
        .iter()
        .find(|stage| !uiaa.completed.contains(stage));
    match next {
        Some(AuthType::RegistrationToken) => {
            let token = token
                .filter(|token| !token.is_empty())
                .ok_or(Trouble::TokenNeeded)?;
            let mut data = RegistrationToken::new(token.reveal().trim().to_owned());
            data.session.clone_from(&uiaa.session);
            Ok(AuthData::RegistrationToken(data))
        }
        _ => {
            let mut data = Dummy::new();
            data.session.clone_from(&uiaa.session);
            Ok(AuthData::Dummy(data))
        }
    }
}
