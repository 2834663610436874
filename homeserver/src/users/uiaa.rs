//! User-interactive authentication: proving something before an operation, in as many requests as it takes.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#user-interactive-authentication-api)
//!
//! A session remembers which stages are done. It is good for one operation of one user, so that what was proved for
//! removing a device cannot be used to close the account. Who removes devices one after the other proves it once: a
//! session for that can be used again for a moment. Sessions live in memory: after a restart a client begins anew.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use quick_cache::sync::Cache;
use ruma::api::{
    client::uiaa::{AuthData, AuthFlow, AuthType, UiaaInfo, UserIdentifier},
    error::{ErrorKind, StandardErrorBody},
};
use serde_json::{Map, Value, json};

use super::{Identifier, Session, Users, login::wrong_password, tokens};
use crate::{ApiError, ApiResult, config::Policy, ids::UserNid};

/// Sessions that may be under way at once; then the oldest unused ones are forgotten.
const MAX_SESSIONS: usize = 10_000;
/// How long a session may take.
const SESSION_TIMEOUT: Duration = Duration::from_secs(60 * 60);
/// How long a session that is complete can be used again, where the operation allows that.
const REUSE_TIMEOUT: Duration = Duration::from_secs(60);
/// Letters of a session id.
const SESSION_ID_LENGTH: usize = 24;

/// What has to be authenticated: a request, and who sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// The request, with whatever in its path must not be exchanged: `DELETE /devices/ABC`.
    pub name: String,
    /// The signed-in user, if the request has one.
    pub user: Option<UserNid>,
    /// Whether it and others that are may follow, shortly after, without proving anything anew.
    pub repeatable: bool,
}

/// What was proved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proof {
    /// The registration token that was accepted.
    pub registration_token: Option<String>,
    /// Whether the terms of the server were accepted.
    pub terms: bool,
}

/// How far a stage of a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StageState {
    /// It has to be done.
    Open,
    /// It is done.
    Done,
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
    flows: Vec<AuthFlow>,
    started: Duration,
    /// When all was proved, for operations that can be repeated.
    finished: Option<Duration>,
    completed: Vec<AuthType>,
    proof: Proof,
}

impl State {
    fn complete(&mut self, stage: &AuthType) {
        if !self.completed.contains(stage) {
            self.completed.push(stage.clone());
        }
        self.proof.terms |= *stage == AuthType::Terms;
    }

    fn is_good_for(&self, operation: &Operation) -> bool {
        let began = &self.operation;
        let may_follow = began.user == operation.user && operation.repeatable;
        began == operation || (self.finished.is_some() && may_follow)
    }

    fn has_stage(&self, stage: &AuthType) -> bool {
        self.flows.iter().any(|flow| flow.stages.contains(stage))
    }
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
            let (id, _) = self.begin(operation, flows);
            return Err(self.challenge(flows, &id, Vec::new(), None));
        };
        let (id, state) = match auth.session() {
            Some(id) => (id.to_owned(), self.resume(id, &operation)?),
            // Clients that know what will be asked send the first stage unasked.
            None => self.begin(operation.clone(), flows),
        };
        let refused = self.run_stage(&operation, flows, auth, &state).await?;
        let (completed, proof) = {
            let state = state.lock();
            (state.completed.clone(), state.proof.clone())
        };
        let is_done = |flow: &AuthFlow| flow.stages.iter().all(|stage| completed.contains(stage));
        if refused.is_none() && flows.iter().any(is_done) {
            if operation.repeatable {
                let now = self.inner.clock.elapsed();
                state.lock().finished.get_or_insert(now);
            } else {
                self.inner.uiaa.sessions.remove(&id);
            }
            return Ok(proof);
        }
        Err(self.challenge(flows, &id, completed, refused))
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
            repeatable: false,
        };
        self.ask_for_password(operation, auth).await
    }

    /// Asks a signed-in user for their password before devices are removed, which often happens several times in a row.
    pub async fn confirm_removal(
        &self,
        session: &Session,
        operation: String,
        auth: Option<&AuthData>,
    ) -> ApiResult {
        let operation = Operation {
            name: operation,
            user: Some(session.user),
            repeatable: true,
        };
        self.ask_for_password(operation, auth).await
    }

    async fn ask_for_password(&self, operation: Operation, auth: Option<&AuthData>) -> ApiResult {
        let flows = [AuthFlow::new(vec![AuthType::Password])];
        self.authenticate(operation, &flows, auth).await?;
        Ok(())
    }

    /// How far a stage of a session is, for a page in a browser. 404 if the session has no such stage.
    pub fn stage_state(&self, session: &str, stage: &AuthType) -> ApiResult<StageState> {
        let state = self.find(session)?;
        let state = state.lock();
        if !state.has_stage(stage) {
            return Err(ApiError::not_found(
                "This authentication session does not ask for this.",
            ));
        }
        Ok(if state.completed.contains(stage) {
            StageState::Done
        } else {
            StageState::Open
        })
    }

    /// Completes a stage that asks for nothing but consent.
    pub fn complete_stage(&self, session: &str, stage: &AuthType) -> ApiResult {
        if self.stage_state(session, stage)? == StageState::Open
            && matches!(stage, AuthType::Dummy | AuthType::Terms)
        {
            self.find(session)?.lock().complete(stage);
        }
        Ok(())
    }

    /// Completes the stage that asks for a registration token, if it is a good one.
    pub async fn complete_with_token(&self, session: &str, token: &str) -> ApiResult<bool> {
        let stage = AuthType::RegistrationToken;
        self.stage_state(session, &stage)?;
        let state = self.find(session)?;
        if self.token_stage(token, &state).await?.is_err() {
            return Ok(false);
        }
        state.lock().complete(&stage);
        Ok(true)
    }

    fn begin(&self, operation: Operation, flows: &[AuthFlow]) -> (String, Arc<Mutex<State>>) {
        let id = tokens::random_text(SESSION_ID_LENGTH);
        let state = Arc::new(Mutex::new(State {
            operation,
            flows: flows.to_vec(),
            started: self.inner.clock.elapsed(),
            finished: None,
            completed: Vec::new(),
            proof: Proof::default(),
        }));
        self.inner
            .uiaa
            .sessions
            .insert(id.clone(), Arc::clone(&state));
        (id, state)
    }

    fn find(&self, id: &str) -> ApiResult<Arc<Mutex<State>>> {
        let now = self.inner.clock.elapsed();
        let state = self.inner.uiaa.sessions.get(id);
        let is_open = |state: &State| {
            let reused_for = state
                .finished
                .map_or(Duration::ZERO, |at| now.saturating_sub(at));
            now.saturating_sub(state.started) <= SESSION_TIMEOUT && reused_for <= REUSE_TIMEOUT
        };
        state.filter(|state| is_open(&state.lock())).ok_or_else(|| {
            ApiError::bad_request(
                ErrorKind::Unknown,
                "There is no such authentication session: send the request without \"auth\" to begin one.",
            )
        })
    }

    fn resume(&self, id: &str, operation: &Operation) -> ApiResult<Arc<Mutex<State>>> {
        let state = self.find(id)?;
        if !state.lock().is_good_for(operation) {
            return Err(ApiError::forbidden(
                "This authentication session belongs to another request.",
            ));
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
        // What is done is not done again, and not undone by a second attempt that is wrong.
        if state.lock().completed.contains(&stage) {
            return Ok(None);
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
                state.lock().complete(&stage);
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
        let account = self.identify(&identifier).await?;
        // Guesses count against the user who makes them, so they are made at no other user's password.
        let is_own = account.is_some_and(|account| Some(account.user) == operation.user);
        let verified = match is_own {
            true => self.verify_password(&identifier, password.to_owned()).await,
            false => Err(wrong_password()),
        };
        match verified {
            Ok(_) => Ok(Ok(())),
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

    fn challenge(
        &self,
        flows: &[AuthFlow],
        session: &str,
        completed: Vec<AuthType>,
        refused: Option<Refused>,
    ) -> ApiError {
        let asks_terms = |flow: &AuthFlow| flow.stages.contains(&AuthType::Terms);
        let params = if flows.iter().any(asks_terms) {
            json!({ "m.login.terms": terms_params(&self.inner.registration.terms) })
        } else {
            json!({})
        };
        let mut info = UiaaInfo::new(flows.to_vec());
        info.completed = completed;
        info.session = Some(session.to_owned());
        info.params = serde_json::value::to_raw_value(&params).ok();
        info.auth_error =
            refused.map(|Refused(kind, message)| StandardErrorBody::new(kind, message));
        ApiError::user_interactive(info)
    }
}

/// The documents as clients are told of them: the languages stand beside the version.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#terms-of-service-at-registration)
fn terms_params(policies: &[Policy]) -> Value {
    let mut listed = Map::new();
    for policy in policies {
        let mut shown = Map::new();
        for (language, text) in &policy.languages {
            let text = json!({ "name": text.name, "url": text.url });
            shown.insert(language.clone(), text);
        }
        shown.insert("version".to_owned(), policy.version.as_str().into());
        listed.insert(policy.id.clone(), shown.into());
    }
    json!({ "policies": listed })
}
