//! User-interactive authentication: proving something before an operation, in as many requests as it takes.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#user-interactive-authentication-api)
//!
//! A session remembers which stages are done. It is good for one operation of one user, so that what was proved for
//! renaming a device cannot be used to close the account. Sessions live in memory: after a restart a client begins anew.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use quick_cache::sync::Cache;
use ruma::api::{
    client::uiaa::{AuthData, AuthFlow, AuthType, UiaaInfo, UserIdentifier},
    error::{ErrorKind, StandardErrorBody},
};

use super::{Identifier, Session, Users, tokens};
use crate::{ApiError, ApiResult, ids::UserNid};

/// Sessions that may be under way at once; then the oldest unused ones are forgotten.
const MAX_SESSIONS: usize = 10_000;
/// How long a session may take.
const SESSION_TIMEOUT: Duration = Duration::from_secs(60 * 60);
/// Letters of a session id.
const SESSION_ID_LENGTH: usize = 24;

/// What has to be authenticated: a request, and who sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// The request, with whatever in its path must not be exchanged: `DELETE /devices/ABC`.
    pub name: String,
    /// The signed-in user, if the request has one.
    pub user: Option<UserNid>,
}

/// What was proved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proof {
    /// The registration token that was accepted.
    pub registration_token: Option<String>,
}

/// Sessions under way.
pub(super) struct UiaaSessions {
    sessions: Cache<String, Arc<Mutex<State>>>,
}

impl Default for UiaaSessions {
    fn default() -> Self {
        Self {
            sessions: Cache::new(MAX_SESSIONS),
        }
    }
}

struct State {
    operation: Operation,
    started: Duration,
    completed: Vec<AuthType>,
    proof: Proof,
}

/// Why a stage is not done. The client may try again.
struct Refused(ErrorKind, String);

impl Users {
    /// Lets the operation go on once one of the flows is complete; until then the error that says what is missing.
    pub async fn authenticate(
        &self,
        operation: Operation,
        flows: &[AuthFlow],
        auth: Option<&AuthData>,
    ) -> ApiResult<Proof> {
        let Some(auth) = auth else {
            let (id, _) = self.begin(operation);
            return Err(challenge(flows, &id, Vec::new(), None));
        };
        let (id, state) = match auth.session() {
            Some(id) => (id.to_owned(), self.resume(id, &operation)?),
            // Clients that know what will be asked send the first stage unasked.
            None => self.begin(operation.clone()),
        };
        let refused = self.run_stage(&operation, flows, auth, &state).await?;
        let (completed, proof) = {
            let state = state.lock();
            (state.completed.clone(), state.proof.clone())
        };
        let is_done = |flow: &AuthFlow| flow.stages.iter().all(|stage| completed.contains(stage));
        if refused.is_none() && flows.iter().any(is_done) {
            self.inner.uiaa.sessions.remove(&id);
            return Ok(proof);
        }
        Err(challenge(flows, &id, completed, refused))
    }

    /// Asks a signed-in user for their password.
    pub async fn confirm_password(
        &self,
        session: &Session,
        operation: String,
        auth: Option<&AuthData>,
    ) -> ApiResult {
        let operation = Operation {
            name: operation,
            user: Some(session.user),
        };
        let flows = [AuthFlow::new(vec![AuthType::Password])];
        self.authenticate(operation, &flows, auth).await?;
        Ok(())
    }

    fn begin(&self, operation: Operation) -> (String, Arc<Mutex<State>>) {
        let id = tokens::random_text(SESSION_ID_LENGTH);
        let state = Arc::new(Mutex::new(State {
            operation,
            started: self.inner.clock.elapsed(),
            completed: Vec::new(),
            proof: Proof::default(),
        }));
        self.inner
            .uiaa
            .sessions
            .insert(id.clone(), Arc::clone(&state));
        (id, state)
    }

    fn resume(&self, id: &str, operation: &Operation) -> ApiResult<Arc<Mutex<State>>> {
        let unknown = || {
            ApiError::bad_request(
                ErrorKind::Unknown,
                "There is no such authentication session: send the request without \"auth\" to begin one.",
            )
        };
        let state = self.inner.uiaa.sessions.get(id).ok_or_else(unknown)?;
        {
            let known = state.lock();
            let age = self.inner.clock.elapsed().saturating_sub(known.started);
            if age > SESSION_TIMEOUT {
                return Err(unknown());
            }
            if known.operation != *operation {
                return Err(ApiError::forbidden(
                    "This authentication session belongs to another request.",
                ));
            }
        }
        Ok(state)
    }

    async fn run_stage(
        &self,
        operation: &Operation,
        flows: &[AuthFlow],
        auth: &AuthData,
        state: &Mutex<State>,
    ) -> ApiResult<Option<Refused>> {
        // Without a type the client only asks how far it got.
        let Some(stage) = auth.auth_type() else {
            return Ok(None);
        };
        if !flows.iter().any(|flow| flow.stages.contains(&stage)) {
            let message = "This request does not take this type of authentication.";
            return Ok(Some(Refused(ErrorKind::Unrecognized, message.to_owned())));
        }
        let accepted = match auth {
            AuthData::Dummy(_) | AuthData::Terms(_) => Ok(()),
            AuthData::Password(data) => {
                self.password_stage(operation, &data.identifier, &data.password)
                    .await?
            }
            AuthData::RegistrationToken(data) => self.token_stage(&data.token, state).await?,
            _ => Err(Refused(
                ErrorKind::Unrecognized,
                "This server does not know this type of authentication.".to_owned(),
            )),
        };
        match accepted {
            Ok(()) => {
                let mut state = state.lock();
                if !state.completed.contains(&stage) {
                    state.completed.push(stage);
                }
                Ok(None)
            }
            Err(refused) => Ok(Some(refused)),
        }
    }

    async fn password_stage(
        &self,
        operation: &Operation,
        identifier: &UserIdentifier,
        password: &str,
    ) -> ApiResult<Result<(), Refused>> {
        let identifier = Identifier::from_request(identifier)?;
        let verified = self.verify_password(&identifier, password.to_owned()).await;
        match verified {
            Ok(account) if Some(account.user) == operation.user => Ok(Ok(())),
            Ok(_) => Ok(Err(Refused(
                ErrorKind::Forbidden,
                "This is the password of somebody else.".to_owned(),
            ))),
            Err(error) if error.status().is_client_error() => {
                let kind = error.kind().cloned().unwrap_or(ErrorKind::Forbidden);
                Ok(Err(Refused(kind, error.message().to_owned())))
            }
            Err(error) => Err(error),
        }
    }

    async fn token_stage(
        &self,
        token: &str,
        state: &Mutex<State>,
    ) -> ApiResult<Result<(), Refused>> {
        if !self.is_registration_token_valid(token).await? {
            return Ok(Err(Refused(
                ErrorKind::Unauthorized,
                "The registration token is not valid.".to_owned(),
            )));
        }
        state.lock().proof.registration_token = Some(token.to_owned());
        Ok(Ok(()))
    }
}

fn challenge(
    flows: &[AuthFlow],
    session: &str,
    completed: Vec<AuthType>,
    refused: Option<Refused>,
) -> ApiError {
    let mut info = UiaaInfo::new(flows.to_vec());
    info.completed = completed;
    info.session = Some(session.to_owned());
    info.params = serde_json::value::to_raw_value(&serde_json::json!({})).ok();
    info.auth_error = refused.map(|Refused(kind, message)| StandardErrorBody::new(kind, message));
    ApiError::user_interactive(info)
}
