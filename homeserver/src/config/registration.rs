//! `[registration]`: who may make an account.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::{ConfigError, operation::is_base_url};

/// Who may make an account.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Registration {
    /// Whether anybody may register, only people with a token, or nobody.
    pub mode: RegistrationMode,
    /// Lets scripts that know it register accounts, administrators included.
    pub shared_secret: Option<String>,
    /// Documents that everybody who registers has to accept.
    pub terms: Vec<Policy>,
}

/// A document that everybody who registers has to accept, such as a privacy policy.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#terms-of-service-at-registration)
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Its name for programs, such as `privacy_policy`.
    pub id: String,
    /// Its version. What somebody accepted is remembered with it.
    pub version: String,
    /// Its name and address by language, such as `en`.
    pub languages: BTreeMap<String, PolicyText>,
}

/// A document in one language.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyText {
    /// What people read.
    pub name: String,
    /// Where it is.
    pub url: String,
}

impl Policy {
    fn check(&self) -> Result<(), &'static str> {
        let is_word = |b: u8| b.is_ascii_alphanumeric() || b"_.-".contains(&b);
        if self.id.is_empty() || !self.id.bytes().all(is_word) {
            return Err("the id of a document has letters, digits, \"_\", \".\" and \"-\"");
        }
        if self.version.is_empty() {
            return Err("every document needs a version, such as \"1.0\"");
        }
        if self.languages.is_empty() {
            return Err(
                "every document needs a language: languages.en = { name = \"…\", url = \"https://…\" }",
            );
        }
        for (language, text) in &self.languages {
            // It stands beside the languages in what clients are told.
            if language == "version" || language.is_empty() {
                return Err("a language is written like \"en\" or \"pt-BR\"");
            }
            if text.name.is_empty() || !is_base_url(&text.url) {
                return Err(
                    "a document needs a name and an address that begins with \"https://\" (or \"http://\")",
                );
            }
        }
        Ok(())
    }
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
        let mut ids = BTreeSet::new();
        for policy in &self.terms {
            policy
                .check()
                .map_err(|reason| ConfigError::invalid("registration.terms", reason))?;
            if !ids.insert(&policy.id) {
                let reason = format!("two documents have the id \"{}\"", policy.id);
                return Err(ConfigError::invalid("registration.terms", reason));
            }
        }
        Ok(())
    }
}
