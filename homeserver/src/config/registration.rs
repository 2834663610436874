//! `[registration]`: who may make an account.

use serde::Deserialize;

use super::ConfigError;

/// Who may make an account.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Registration {
    /// Whether anybody may register, only people with a token, or nobody.
    pub mode: RegistrationMode,
    /// Lets scripts that know it register accounts, administrators included.
    pub shared_secret: Option<String>,
}

/// Whether the door is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RegistrationMode {
    /// Anybody may register.
    Open,
    /// Only people who were given a registration token.
    #[default]
    Token,
    /// Nobody; accounts are made by an administrator.
    Closed,
}

impl Registration {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        // An empty secret would let everybody in who leaves the field empty.
        if self.shared_secret.as_deref() == Some("") {
            let reason =
                "an empty secret protects nothing; write a long random one or leave the key out";
            return Err(ConfigError::invalid("registration.shared_secret", reason));
        }
        Ok(())
    }
}
