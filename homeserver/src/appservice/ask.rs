//! Asking services: for users and rooms that they make when somebody names them, and what networks they know.
//! [spec](https://spec.matrix.org/v1.19/application-service-api/#querying)

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, StatusCode};
use ruma::{RoomAliasId, UserId};
use serde_json::Value;

use super::{Appservices, Registered};
use crate::{error::ApiResult, outbound::Answer};

/// What a path cannot hold as it is.
const PATH_SEGMENT: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

impl Appservices {
    /// Lets services make a user that somebody has named and that does not exist. Says whether one did.
    async fn ask_for_user(&self, user_id: &UserId) -> ApiResult<bool> {
        let name = encode(user_id.as_str());
        let paths = [
            format!("/_matrix/app/v1/users/{name}"),
            format!("/users/{name}"),
        ];
        for one in &self.inner.all {
            if one.service.owns_user(user_id)
                && *user_id != one.service.sender
                && self.ask(one, &paths, Vec::new()).await.is_some()
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Lets services make a room with an alias that somebody has named and that leads nowhere. Says whether one did.
    async fn ask_for_alias(&self, alias: &RoomAliasId) -> ApiResult<bool> {
        let name = encode(alias.as_str());
        let paths = [
            format!("/_matrix/app/v1/rooms/{name}"),
            format!("/rooms/{name}"),
        ];
        for one in &self.inner.all {
            if one.service.owns_alias(alias) && self.ask(one, &paths, Vec::new()).await.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Makes sure that a user of this server whom somebody names is there, if a service can make them.
    pub async fn provide_user(&self, user_id: &UserId) -> ApiResult<()> {
        let concerned = self
            .inner
            .all
            .iter()
            .any(|one| one.service.owns_user(user_id));
        if concerned && self.inner.users.account(user_id).await?.is_none() {
            self.ask_for_user(user_id).await?;
        }
        Ok(())
    }

    /// The same for an alias.
    pub async fn provide_alias(&self, alias: &RoomAliasId) -> ApiResult<()> {
        let concerned = self
            .inner
            .all
            .iter()
            .any(|one| one.service.owns_alias(alias));
        if !concerned {
            return Ok(());
        }
        let name = alias.to_owned();
        let rooms = &self.inner.rooms;
        let known = rooms.read(move |rooms, snapshot| rooms.find_alias(snapshot, &name));
        if known.await?.is_none() {
            self.ask_for_alias(alias).await?;
        }
        Ok(())
    }

    /// What a service answers to the first of some paths that it knows; nothing if it has no answer.
    pub(super) async fn ask(
        &self,
        one: &Arc<Registered>,
        paths: &[String],
        query: Vec<(String, String)>,
    ) -> Option<Bytes> {
        for path in paths {
            let call = one.call(Method::GET, path).ok()??;
            let call = call.query(query.iter().cloned());
            match self.inner.outbound.send(call).await {
                Ok(Answer { status, body, .. }) if status.is_success() => return Some(body),
                Ok(Answer { status, body, .. }) => {
                    // Not to know a user is an answer; not to know the endpoint is a reason to try the older one.
                    if status == StatusCode::NOT_FOUND && !is_unrecognized(&body) {
                        return None;
                    }
                }
                Err(error) => {
                    tracing::warn!(
                        service = &*one.service.id,
                        "an application service did not answer: {error}"
                    );
                    return None;
                }
            }
        }
        None
    }
}

fn is_unrecognized(body: &[u8]) -> bool {
    match serde_json::from_slice::<Value>(body) {
        Ok(body) => body["errcode"] == "M_UNRECOGNIZED",
        // The page of a web server that knows nothing of Matrix.
        Err(_) => true,
    }
}

/// A name as one segment of a path.
pub(super) fn encode(name: &str) -> String {
    percent_encoding::utf8_percent_encode(name, PATH_SEGMENT).to_string()
}
