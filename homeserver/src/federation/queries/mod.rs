//! Questions that this server asks others for its users.
//!
//! The user waits, so every question has a short time limit, and a server that did not answer lately is not asked.

mod directory;
mod keys;
mod media;
mod multipart;
mod profile;
pub mod spaces;

use http::StatusCode;
use ruma::{ServerName, api::error::ErrorKind};

pub(super) use self::keys::Lately;
pub use self::keys::{ClaimedElsewhere, KeysElsewhere};
use super::RequestError;
use crate::ApiError;

/// What a user learns who asked for something at another server and did not get it: what that server said, or that the
/// thing cannot be had. Clients know what to make of 404; a server that is down is nothing they could do more about.
fn not_had(server: &ServerName, what: &str, error: RequestError) -> ApiError {
    let refusal = error.refusal();
    // A server that does not know the question says nothing about the thing.
    let is_understood =
        refusal.is_none_or(|refusal| refusal.error_kind() != Some(&ErrorKind::Unrecognized));
    let refused = refusal.map(|refusal| refusal.status_code);
    match (&error, refused) {
        (RequestError::NotAllowed(_), _) => error.into(),
        (_, Some(StatusCode::FORBIDDEN | StatusCode::NOT_FOUND)) if is_understood => error.into(),
        (_, Some(_)) => {
            ApiError::not_found(format!("{server} did not give out {what}.")).because(error)
        }
        _ => ApiError::not_found(format!("{server} could not be asked for {what}.")).because(error),
    }
}
