//! Names of accounts that speak for the server. Nobody takes one by registering like everybody else.

use http::StatusCode;
use ruma::UserId;

use crate::{ApiError, ApiResult, Config};

/// The names that the configuration gives to such accounts.
pub(super) struct Official(Vec<String>);

impl Official {
    pub(super) fn new(config: &Config) -> Self {
        let mut names = vec![config.campus.account.clone()];
        names.extend(config.server_notices.localpart.clone());
        Self(names)
    }

    /// Refuses the name of an account that the server makes itself.
    pub(super) fn check(&self, user_id: &UserId) -> ApiResult {
        let is_it = |name: &String| name.eq_ignore_ascii_case(user_id.localpart());
        if self.0.iter().any(is_it) {
            return Err(ApiError::with_code(
                StatusCode::BAD_REQUEST,
                "M_EXCLUSIVE",
                "This name is kept for an account of the server.",
            ));
        }
        Ok(())
    }
}
