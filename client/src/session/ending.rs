//! Ends the session on the server, notices when the server ends it, and keeps the tokens it renews.

use std::time::Duration;

use matrix_sdk::{
    Client, HttpError, RefreshTokenError, SessionChange, ruma::api::error::ErrorKind,
};
use tokio::{
    sync::{
        broadcast::{
            self,
            error::{RecvError, TryRecvError},
        },
        mpsc,
    },
    time::timeout,
};

use super::account_store::{Account, AccountStore, Keys};

/// Between attempts to learn whether the session has really ended.
const ASK_AGAIN: Duration = Duration::from_secs(5);

/// How long somebody who signs out waits for the server.
const LOGOUT: Duration = Duration::from_secs(2);

/// Tells the server that the person has signed out. One that does not answer soon is told while the program goes on: what
/// is on this computer must not wait for it.
pub(super) async fn log_out(client: &Client) {
    let client = client.clone();
    let told = tokio::spawn(async move {
        if let Err(error) = client.logout().await {
            tracing::warn!(%error, "the server was not told about signing out");
        }
    });
    if timeout(LOGOUT, told).await.is_err() {
        tracing::warn!("the server does not say yet that it knows about signing out");
    }
}

/// The server ended the session from its side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SessionEnded {
    /// This sign-in is gone for good: what is kept of it here is of no use.
    Removed,
    /// It has only expired: the same person may sign in again and go on with everything that is here.
    /// [spec](https://spec.matrix.org/v1.19/client-server-api/#soft-logout)
    Expired,
}

/// Watches one session.
pub(super) struct Watch {
    pub(super) client: Client,
    pub(super) account: Account,
    pub(super) keys: Keys,
    pub(super) store: AccountStore,
    pub(super) ended: mpsc::UnboundedSender<SessionEnded>,
}

impl Watch {
    /// Runs until the session has ended. The changes must be subscribed to before the first request is sent.
    pub(super) async fn run(mut self, mut changes: broadcast::Receiver<SessionChange>) {
        loop {
            match changes.recv().await {
                Ok(SessionChange::TokensRefreshed) => self.keep_tokens().await,
                // Several requests are refused at once, and the channel remembers only the last change: to have missed
                // some means that something has happened.
                Ok(SessionChange::UnknownToken(_)) | Err(RecvError::Lagged(_)) => {
                    if let Some(ending) = self.verdict(&mut changes).await {
                        if self.ended.send(ending).is_err() {
                            tracing::debug!("the session ended twice");
                        }
                        return;
                    }
                    self.keep_tokens().await;
                }
                Err(RecvError::Closed) => return,
            }
        }
    }

    async fn keep_tokens(&mut self) {
        let Some(tokens) = self.client.session_tokens() else {
            return;
        };
        if tokens == self.keys.tokens {
            return;
        }
        self.keys.tokens = tokens;
        let (id, keys) = (self.account.id.clone(), self.keys.clone());
        let kept = self
            .store
            .blocking(move |store| store.renew_keys(&id, &keys));
        if let Err(trouble) = kept.await {
            tracing::error!(?trouble, "new tokens were not kept");
        }
    }

    /// Asks the server who this is: a token that could not be renewed because the network went away is reported like
    /// one that was refused.
    async fn verdict(
        &self,
        changes: &mut broadcast::Receiver<SessionChange>,
    ) -> Option<SessionEnded> {
        loop {
            let Err(error) = self.client.whoami().await else {
                return None;
            };
            match soft_logout(&error) {
                Some(soft) => return Some(ending(soft || last_was_soft(changes))),
                None => tokio::time::sleep(ASK_AGAIN).await,
            }
        }
    }
}

fn ending(soft: bool) -> SessionEnded {
    match soft {
        true => SessionEnded::Expired,
        false => SessionEnded::Removed,
    }
}

/// Whether a refusal lets the person sign in again and go on; `None` when it says nothing about the session.
fn soft_logout(error: &HttpError) -> Option<bool> {
    if let HttpError::RefreshToken(RefreshTokenError::MatrixAuth(refusal)) = error {
        return soft_logout(refusal);
    }
    match error.client_api_error_kind()? {
        ErrorKind::UnknownToken(details) => Some(details.soft_logout),
        ErrorKind::MissingToken => Some(false),
        _ => None,
    }
}

/// What the server said about the access token itself, while the error above is about the token to renew it with.
fn last_was_soft(changes: &mut broadcast::Receiver<SessionChange>) -> bool {
    loop {
        match changes.try_recv() {
            Ok(SessionChange::UnknownToken(details)) => return details.soft_logout,
            Ok(SessionChange::TokensRefreshed) | Err(TryRecvError::Lagged(_)) => {}
            Err(TryRecvError::Empty | TryRecvError::Closed) => return false,
        }
    }
}
