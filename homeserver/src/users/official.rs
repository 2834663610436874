//! Names of accounts that speak for the server. Nobody takes one by registering like everybody else.

use http::StatusCode;
use ruma::UserId;

use crate::{ApiError, ApiResult, Config};

/// The names that the configuration gives to such accounts.
pub(super) struct Official {
    /// Those that the server makes itself.
    own: Vec<String>,
    /// That of the room bot, which registers.
    bot: String,
}

impl Official {
    pub(super) fn new(config: &Config) -> Self {
        let mut own = vec![config.campus.account.clone()];
        own.extend(config.server_notices.localpart.clone());
        Self {
            own,
            bot: config.campus.bot.clone(),
        }
    }

    /// Refuses the name of an account that the server makes itself.
    pub(super) fn check(&self, user_id: &UserId) -> ApiResult {
        let is_it = |name: &String| name.eq_ignore_ascii_case(user_id.localpart());
        if self.own.iter().any(is_it) {
            return Err(ApiError::with_code(
                StatusCode::BAD_REQUEST,
                "M_EXCLUSIVE",
                "This name is kept for an account of the server.",
            ));
        }
        Ok(())
    }

    /// Whether a name is the room bot's: whoever registers it needs a token of the administrators, who give none to others
    /// where everybody can register.
    pub(super) fn is_bot(&self, user_id: &UserId) -> bool {
        self.bot.eq_ignore_ascii_case(user_id.localpart())
    }
}
