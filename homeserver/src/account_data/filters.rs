//! Filters: what a client wants to see in a sync, stored under a short id.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ruma::api::client::filter::{EventFormat, FilterDefinition};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::{AccountData, check_object};
use crate::{
    ApiError, ApiResult,
    ids::UserNid,
    storage::{Commit, Result, Snapshot, tables},
};

/// Bytes of a hash that make an id.
const ID_BYTES: usize = 12;
/// Bytes of the longest filter.
const MAX_LENGTH: usize = 64 * 1024;

impl AccountData {
    /// Stores a filter and returns its id. The id follows from the content, so a client that stores the same filter at
    /// every start is given the same id, and nothing grows.
    pub async fn create_filter(&self, user: UserNid, filter: &RawValue) -> ApiResult<String> {
        check_object(filter)?;
        check_filter(&parse_filter(filter.get())?)?;
        if filter.get().len() > MAX_LENGTH {
            return Err(ApiError::too_large("A filter may have 64 KiB."));
        }
        let hash = Sha256::digest(filter.get());
        let id = URL_SAFE_NO_PAD.encode(&hash[..ID_BYTES]);
        if self.filter(user, &id).await?.is_none() {
            let (key, json) = (id.clone(), filter.get().to_owned());
            let commit =
                Commit::silent(move |batch| tables::FILTER.put(batch, (user, &key), &json));
            self.storage.commit(commit).await?;
        }
        Ok(id)
    }

    /// A stored filter as it was sent.
    pub async fn filter(&self, user: UserNid, id: &str) -> ApiResult<Option<Box<RawValue>>> {
        let id = id.to_owned();
        let json = self
            .storage
            .read(move |snapshot| Ok::<_, ApiError>(tables::FILTER.get(snapshot, (user, &id))?))
            .await?;
        json.map(|json| RawValue::from_string(json).map_err(ApiError::internal))
            .transpose()
    }

    /// A stored filter as JSON, in a snapshot.
    pub fn filter_at(
        &self,
        snapshot: &Snapshot<'_>,
        user: UserNid,
        id: &str,
    ) -> Result<Option<String>> {
        tables::FILTER.get(snapshot, (user, id))
    }
}

/// A filter from JSON; [`ruma::api::error::ErrorKind::BadJson`] if it is none.
pub fn parse_filter(json: &str) -> ApiResult<FilterDefinition> {
    serde_json::from_str(json)
        .map_err(|error| ApiError::bad_json(format!("This is not a filter: {error}.")))
}

/// Refuses values that the specification does not have. Filters that were stored before are read all the same.
pub fn check_filter(filter: &FilterDefinition) -> ApiResult {
    match filter.event_format {
        EventFormat::Client | EventFormat::Federation => Ok(()),
        _ => Err(ApiError::bad_json(
            "event_format is \"client\" or \"federation\".",
        )),
    }
}
