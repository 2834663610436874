//! Registration: making one's own account.

use ruma::{
    OwnedUserId, UserId,
    api::client::uiaa::{AuthData, AuthFlow, AuthType},
};

use super::{
    NewAccount, Operation, Proof, SignIn, SignedIn, Users, localpart::new_user_id,
    store::AcceptedPolicy, tokens,
};
use crate::{ApiError, ApiResult, config::RegistrationMode};

/// Letters of a name that nobody chose.
const GENERATED_LENGTH: usize = 12;

/// A wish for an account.
#[derive(Clone, Debug, Default)]
pub struct Registration {
    /// The local part of the name; a random one without.
    pub username: Option<String>,
    /// The password.
    pub password: Option<String>,
    /// How to sign the first device in, if at all.
    pub sign_in: Option<SignIn>,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Registered {
    /// The name.
    pub user_id: OwnedUserId,
    /// The first device, if one was signed in.
    pub signed_in: Option<SignedIn>,
}

impl Users {
    /// Makes an account for somebody who authenticates as the configuration demands.
    /// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3register)
    pub async fn register(
        &self,
        wish: Registration,
        auth: Option<&AuthData>,
    ) -> ApiResult<Registered> {
        let flows = self.registration_flows()?;
        let session = auth.and_then(AuthData::session);
        if let Some(registered) = session.and_then(|session| self.registered_in(session, &wish)) {
            return Ok(registered);
        }
        let wish = match session {
            Some(session) => self.recall_wish(session, wish),
            None => wish,
        };
        // A taken or impossible name is told at once, not after the trouble of authenticating.
        let user_id = match &wish.username {
            Some(username) => self.check_chosen_name(username).await?,
            None => self.generate_user_id()?,
        };
        if auth.is_some() && wish.password.is_none() {
            return Err(ApiError::missing_param("A new account needs a password."));
        }
        let operation = Operation {
            name: "POST /register".to_owned(),
            user: None,
            repeatable: false,
        };
        let proof = match self.authenticate(operation, &flows, auth).await {
            Ok(proof) => proof,
            Err(error) => {
                let begun = error.user_interactive_info();
                if let Some(session) = begun.and_then(|info| info.session.as_deref()) {
                    self.remember_wish(session, wish);
                }
                return Err(error);
            }
        };
        let password = wish
            .password
            .ok_or_else(|| ApiError::missing_param("A new account needs a password."))?;
        let accepted_terms = self.accepted_terms(&proof);
        let account = NewAccount {
            user_id: user_id.clone(),
            password: Some(self.inner.passwords.hash(password).await?),
            admin: false,
            display_name: None,
            registration_token: proof.registration_token,
            accepted_terms,
        };
        let signed_in = self.create_account(account, wish.sign_in).await?;
        let registered = Registered { user_id, signed_in };
        if let Some(session) = session {
            self.remember_registered(session, registered.clone());
        }
        Ok(registered)
    }

    /// The same as [`Self::check_username`] for somebody who registers, who cannot take the names of the server's accounts.
    pub async fn check_chosen_name(&self, localpart: &str) -> ApiResult<OwnedUserId> {
        let user_id = self.check_username(localpart).await?;
        self.inner.official.check(&user_id)?;
        Ok(user_id)
    }

    /// The user id a local part gives, if it follows the rules and nobody has it. Phones like to begin names with a capital
    /// letter; such names become lower case, as they do when somebody signs in.
    pub async fn check_username(&self, localpart: &str) -> ApiResult<OwnedUserId> {
        let localpart = localpart.to_ascii_lowercase();
        let user_id = new_user_id(&localpart, &self.inner.server_name)?;
        if let Some(hooks) = self.hooks() {
            hooks.check_name(&user_id)?;
        }
        self.check_free(&user_id).await?;
        Ok(user_id)
    }

    /// Makes an account for an application service, which may do so without authenticating further. `check` says whether
    /// the name is one of the service's.
    /// [spec](https://spec.matrix.org/v1.19/application-service-api/#server-admin-style-permissions)
    pub async fn register_for_appservice(
        &self,
        wish: Registration,
        check: impl FnOnce(&UserId) -> ApiResult<()>,
    ) -> ApiResult<Registered> {
        let username = wish
            .username
            .ok_or_else(|| ApiError::missing_param("\"username\" is missing."))?;
        let user_id = new_user_id(&username, &self.inner.server_name)?;
        check(&user_id)?;
        let account = NewAccount {
            user_id: user_id.clone(),
            password: None,
            admin: false,
            display_name: None,
            registration_token: None,
            accepted_terms: Default::default(),
        };
        let signed_in = self.create_account(account, wish.sign_in).await?;
        Ok(Registered { user_id, signed_in })
    }

    /// 403 when nobody can register.
    pub fn check_registration_open(&self) -> ApiResult {
        match self.inner.registration.mode {
            RegistrationMode::Closed => Err(ApiError::forbidden(
                "Nobody can register here: ask an administrator of the server for an account.",
            )),
            RegistrationMode::Open | RegistrationMode::Token => Ok(()),
        }
    }

    fn registration_flows(&self) -> ApiResult<Vec<AuthFlow>> {
        self.check_registration_open()?;
        let asks_terms = !self.inner.registration.terms.is_empty();
        let stages = match (self.inner.registration.mode, asks_terms) {
            (RegistrationMode::Token, true) => vec![AuthType::RegistrationToken, AuthType::Terms],
            (RegistrationMode::Token, false) => vec![AuthType::RegistrationToken],
            (_, true) => vec![AuthType::Terms],
            (_, false) => vec![AuthType::Dummy],
        };
        Ok(vec![AuthFlow::new(stages)])
    }

    /// What somebody accepted by completing the stage of the terms: the documents as they are configured, which are those
    /// that were shown, since sessions do not outlive the process.
    fn accepted_terms(&self, proof: &Proof) -> Vec<AcceptedPolicy> {
        let shown = self.inner.registration.terms.iter();
        shown
            .filter(|_| proof.terms)
            .map(|policy| AcceptedPolicy {
                id: policy.id.clone(),
                version: policy.version.clone(),
            })
            .collect()
    }

    fn generate_user_id(&self) -> ApiResult<OwnedUserId> {
        let localpart = tokens::random_text(GENERATED_LENGTH).to_lowercase();
        new_user_id(&localpart, &self.inner.server_name)
    }
}
