//! Asking identity servers.
//! [spec](https://spec.matrix.org/v1.19/identity-service-api/)

use std::time::Duration;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use http::{Method, StatusCode};
use ruma::{OwnedUserId, ServerName, api::error::ErrorKind};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::{
    error::{ApiError, ApiResult},
    outbound::{Answer, Call, Origin, Outbound, OutboundError},
};

/// How long an identity server may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of its longest answer.
const LARGEST: usize = 64 << 10;
/// The longest token of an invitation.
const LONGEST_TOKEN: usize = 255;

/// An identity server, asked in the name of a user.
pub(super) struct IdentityServer<'a> {
    outbound: &'a Outbound,
    name: &'a ServerName,
    access_token: &'a str,
}

/// What an identity server keeps of an invitation for whoever binds the address.
/// [spec](https://spec.matrix.org/v1.19/identity-service-api/#post_matrixidentityv2store-invite)
#[derive(Debug, Deserialize)]
pub(super) struct StoredInvite {
    /// Names the invitation.
    pub(super) token: String,
    /// Keys that a proof is signed with.
    pub(super) public_keys: Vec<PublicKey>,
    /// The address, made unrecognisable.
    pub(super) display_name: String,
}

/// A key, and where to ask whether it still counts.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct PublicKey {
    pub(super) public_key: String,
    #[serde(default)]
    pub(super) key_validity_url: Option<String>,
}

#[derive(Deserialize)]
struct HashDetails {
    lookup_pepper: String,
    algorithms: Vec<String>,
}

#[derive(Deserialize)]
struct Found {
    mappings: std::collections::BTreeMap<String, Option<OwnedUserId>>,
}

impl<'a> IdentityServer<'a> {
    pub(super) fn new(
        outbound: &'a Outbound,
        name: &'a str,
        access_token: &'a str,
    ) -> ApiResult<Self> {
        let name = <&ServerName>::try_from(name).map_err(|_| {
            ApiError::invalid_param("id_server has to be a host name, with its port if need be.")
        })?;
        Ok(Self {
            outbound,
            name,
            access_token,
        })
    }

    /// The user whom an address is bound to.
    /// [spec](https://spec.matrix.org/v1.19/identity-service-api/#post_matrixidentityv2lookup)
    pub(super) async fn look_up(
        &self,
        medium: &str,
        address: &str,
    ) -> ApiResult<Option<OwnedUserId>> {
        let details: HashDetails = self.ask(Method::GET, "hash_details", None).await?;
        let offers = |name: &str| details.algorithms.iter().any(|offered| offered == name);
        let pepper = &details.lookup_pepper;
        let (algorithm, asked) = if offers("sha256") {
            let hash = Sha256::digest(format!("{address} {medium} {pepper}"));
            ("sha256", BASE64_URL_SAFE_NO_PAD.encode(hash))
        } else if offers("none") {
            ("none", format!("{address} {medium}"))
        } else {
            return Err(self.makes_no_sense("it knows no way of asking"));
        };
        let body = json!({ "addresses": [asked], "algorithm": algorithm, "pepper": pepper });
        let mut found: Found = self.ask(Method::POST, "lookup", Some(&body)).await?;
        // Some servers say of an address that nobody has it.
        Ok(found.mappings.remove(&asked).flatten())
    }

    /// Has an invitation kept and its receiver told of it.
    pub(super) async fn store_invite(&self, invite: Map<String, Value>) -> ApiResult<StoredInvite> {
        let body = Value::Object(invite);
        let stored: StoredInvite = self.ask(Method::POST, "store-invite", Some(&body)).await?;
        let is_token = |c: char| c.is_ascii_alphanumeric() || ".=_-".contains(c);
        let fits = (1..=LONGEST_TOKEN).contains(&stored.token.len());
        if !fits || !stored.token.chars().all(is_token) || stored.public_keys.is_empty() {
            return Err(self.makes_no_sense("its answer has no usable token and key"));
        }
        Ok(stored)
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        what: &str,
        body: Option<&Value>,
    ) -> ApiResult<T> {
        let url = format!("https://{}/_matrix/identity/v2/{what}", self.name);
        let call = Call::new(method, &url, Origin::User).map_err(|error| unreachable(&error))?;
        let mut call = call.bearer(self.access_token);
        if let Some(body) = body {
            call = call.json(body).map_err(ApiError::internal)?;
        }
        let answer = send(self.outbound, call).await?;
        if !answer.status.is_success() {
            return Err(self.refused(&answer));
        }
        serde_json::from_slice(&answer.body)
            .map_err(|error| self.makes_no_sense(&error.to_string()))
    }

    /// What the client is told of a refusal. Its own access token is fine, so it must not read that the token is not.
    fn refused(&self, answer: &Answer) -> ApiError {
        #[derive(Default, Deserialize)]
        struct Refusal {
            #[serde(default)]
            errcode: String,
            #[serde(default)]
            error: String,
        }
        let refusal: Refusal = serde_json::from_slice(&answer.body).unwrap_or_default();
        let message = format!(
            "The identity server {} refused ({}): {}",
            self.name, answer.status, refusal.error
        );
        if answer.status.is_server_error() {
            return ApiError::bad_request(ErrorKind::Unknown, message);
        }
        match refusal.errcode.as_str() {
            code @ ("M_TERMS_NOT_SIGNED" | "M_THREEPID_IN_USE" | "M_INVALID_EMAIL") => {
                ApiError::with_code(StatusCode::FORBIDDEN, code, message)
            }
            _ => ApiError::forbidden(message),
        }
    }

    fn makes_no_sense(&self, reason: &str) -> ApiError {
        let name = self.name;
        let message = format!("The answer of the identity server {name} cannot be used: {reason}.");
        ApiError::bad_request(ErrorKind::Unknown, message)
    }
}

/// Whether a key still counts.
/// [spec](https://spec.matrix.org/v1.19/identity-service-api/#get_matrixidentityv2pubkeyisvalid)
pub(super) async fn is_valid(outbound: &Outbound, key: &PublicKey) -> ApiResult<bool> {
    #[derive(Deserialize)]
    struct Validity {
        valid: bool,
    }
    let Some(url) = &key.key_validity_url else {
        return Ok(true);
    };
    let call = Call::new(Method::GET, url, Origin::User).map_err(|error| unreachable(&error))?;
    let call = call.query([("public_key".to_owned(), key.public_key.clone())]);
    let answer = send(outbound, call).await?;
    let validity = serde_json::from_slice::<Validity>(&answer.body);
    Ok(answer.status.is_success() && validity.is_ok_and(|validity| validity.valid))
}

async fn send(outbound: &Outbound, call: Call) -> ApiResult<Answer> {
    let call = call.within(PATIENCE).at_most(LARGEST);
    outbound
        .send(call)
        .await
        .map_err(|error| unreachable(&error))
}

fn unreachable(error: &OutboundError) -> ApiError {
    let message = format!("The identity server cannot be asked: {error}.");
    match error {
        OutboundError::InvalidAddress => ApiError::invalid_param(message),
        OutboundError::PrivateAddress => ApiError::forbidden(message),
        // The client has named it; the operations that ask it document no status of a gateway.
        _ => ApiError::bad_request(ErrorKind::Unknown, message),
    }
}
