//! Pushers: which devices want to be told, and through which gateway.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#push-notifications)

use ruma::{OwnedDeviceId, serde::JsonObject};

use super::{
    Inner, Push,
    store::{self, PusherKey, PusherRow, parts},
};
use crate::{
    error::{ApiError, ApiResult},
    ids::UserNid,
    storage::{Batch, Commit, Fill, Result, Snapshot, tables},
};

/// Characters of the longest app id, as the specification says.
const MAX_APP_ID: usize = 64;
/// Bytes of the longest pushkey, as the specification says.
const MAX_PUSHKEY: usize = 512;
/// Bytes of the longest of the other texts.
const MAX_TEXT: usize = 512;
/// Bytes of the longest data.
const MAX_DATA: usize = 16 * 1024;
/// Pushers of one user.
const MAX_PUSHERS: usize = 100;
/// What the path of a gateway is.
const GATEWAY_PATH: &str = "/_matrix/push/v1/notify";

/// A pusher that a client sets.
#[derive(Clone, Debug)]
pub struct NewPusher {
    /// Whose it is.
    pub user: UserNid,
    /// The device that sets it.
    pub device_id: OwnedDeviceId,
    /// The app.
    pub app_id: String,
    /// Where the gateway reaches the device.
    pub pushkey: String,
    /// The name of the app.
    pub app_display_name: String,
    /// The name of the device.
    pub device_display_name: String,
    /// The language of the user.
    pub lang: String,
    /// Which device-specific rules it executes.
    pub profile_tag: Option<String>,
    /// The address of the gateway and whatever else it is to be told.
    pub data: JsonObject,
    /// Whether other users may keep pushers with the same app and pushkey.
    pub append: bool,
}

impl Push {
    /// The pushers of a user as clients see them.
    pub async fn pushers(&self, user: UserNid) -> ApiResult<Vec<serde_json::Value>> {
        self.inner
            .storage
            .read(move |snapshot| {
                let pushers = store::pushers_of(snapshot, user)?;
                pushers.into_iter().map(shown).collect()
            })
            .await
    }

    /// Sets a pusher, in place of one with the same app and pushkey.
    /// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3pushersset)
    pub async fn set_pusher(&self, mut new: NewPusher) -> ApiResult<()> {
        new.check()?;
        let url = gateway(&mut new.data, self.inner.allow_plain)?;
        let row = PusherRow {
            device_id: new.device_id,
            app_display_name: new.app_display_name,
            device_display_name: new.device_display_name,
            lang: new.lang,
            profile_tag: new.profile_tag,
            url,
            data: serde_json::to_string(&new.data).map_err(ApiError::internal)?,
            updated: self.inner.clock.now(),
        };
        let key = (new.user, new.app_id, new.pushkey);
        let (wanted, append) = (key.clone(), new.append);
        let others = self
            .inner
            .storage
            .read(move |snapshot| {
                let own = store::pushers_of(snapshot, wanted.0)?;
                if own.len() >= MAX_PUSHERS && !own.iter().any(|(known, _)| *known == wanted) {
                    return Err(ApiError::invalid_param(
                        "You have too many pushers: remove one first.",
                    ));
                }
                match append {
                    true => Ok(Vec::new()),
                    false => Ok(with_same_device(snapshot, &wanted)?),
                }
            })
            .await?;
        self.inner.pushable.users.write().insert(key.0.0);
        let commit = Commit::silent(move |batch| {
            for other in &others {
                delete(batch, other);
            }
            // A gateway at another address is not to blame for the failures of the one before.
            tables::PUSHER_FAILURE.delete(batch, parts(&key));
            tables::PUSHER.put(batch, parts(&key), &row);
        });
        self.inner.storage.commit(commit).await?;
        Ok(())
    }

    /// Removes a pusher, if there is one.
    pub async fn delete_pusher(
        &self,
        user: UserNid,
        app_id: String,
        pushkey: String,
    ) -> ApiResult<()> {
        self.inner.delete_pusher((user, app_id, pushkey)).await?;
        Ok(())
    }

    /// Removes the pushers of devices, in the commit that removes the devices.
    pub fn devices_deleted(
        &self,
        snapshot: &Snapshot<'_>,
        user: UserNid,
        devices: &[OwnedDeviceId],
    ) -> Result<Option<Fill>> {
        if !self.inner.pushable.has(user) {
            return Ok(None);
        }
        let pushers = store::pushers_of(snapshot, user)?;
        let gone: Vec<_> = pushers
            .into_iter()
            .filter(|(_, row)| devices.contains(&row.device_id))
            .map(|(key, _)| key)
            .collect();
        Ok(Some(Box::new(move |batch, _| {
            for key in &gone {
                delete(batch, key);
            }
        })))
    }
}

impl Inner {
    pub(super) async fn delete_pusher(&self, key: PusherKey) -> Result<()> {
        let commit = Commit::silent(move |batch| delete(batch, &key));
        self.storage.commit(commit).await?;
        Ok(())
    }
}

/// Removes a pusher with whatever waits for it.
fn delete(batch: &mut Batch<'_>, key: &PusherKey) {
    tables::PUSHER.delete(batch, parts(key));
    tables::PUSHER_FAILURE.delete(batch, parts(key));
    tables::PUSH_QUEUE.delete_prefix(batch, parts(key));
}

/// Pushers of other users that reach the same device: somebody else has used it before.
fn with_same_device(snapshot: &Snapshot<'_>, key: &PusherKey) -> Result<Vec<PusherKey>> {
    let mut found = Vec::new();
    for row in tables::PUSHER.scan(snapshot, ())? {
        let (other, _) = row?;
        if other.0 != key.0 && other.1 == key.1 && other.2 == key.2 {
            found.push(other);
        }
    }
    Ok(found)
}

impl NewPusher {
    fn check(&self) -> ApiResult<()> {
        let bounded = [
            ("pushkey", &self.pushkey, MAX_PUSHKEY),
            ("app_display_name", &self.app_display_name, MAX_TEXT),
            ("device_display_name", &self.device_display_name, MAX_TEXT),
            ("lang", &self.lang, MAX_TEXT),
        ];
        for (name, text, limit) in bounded {
            if text.len() > limit {
                return Err(ApiError::invalid_param(format!(
                    "\"{name}\" may have {limit} bytes."
                )));
            }
        }
        if self.app_id.is_empty() || self.pushkey.is_empty() {
            return Err(ApiError::invalid_param(
                "\"app_id\" and \"pushkey\" cannot be empty.",
            ));
        }
        if self.app_id.chars().count() > MAX_APP_ID {
            return Err(ApiError::invalid_param(format!(
                "\"app_id\" may have {MAX_APP_ID} characters."
            )));
        }
        let tag = self.profile_tag.as_ref().map_or(0, String::len);
        let data = serde_json::to_string(&self.data).map_err(ApiError::internal)?;
        if tag > MAX_TEXT || data.len() > MAX_DATA {
            return Err(ApiError::invalid_param(
                "\"profile_tag\" or \"data\" is too long.",
            ));
        }
        Ok(())
    }
}

/// Takes the address of the gateway out of a pusher's data.
fn gateway(data: &mut JsonObject, allow_plain: bool) -> ApiResult<String> {
    let url = match data.remove("url") {
        Some(serde_json::Value::String(url)) => url,
        Some(_) => return Err(ApiError::invalid_param("\"data.url\" has to be a text.")),
        None => return Err(ApiError::missing_param("\"data\" needs a \"url\".")),
    };
    let parsed = reqwest::Url::parse(&url)
        .map_err(|_| ApiError::invalid_param("\"data.url\" is not a valid address."))?;
    let secure = parsed.scheme() == "https" || allow_plain && parsed.scheme() == "http";
    if !secure {
        return Err(ApiError::invalid_param(
            "\"data.url\" has to begin with https://.",
        ));
    }
    if parsed.path() != GATEWAY_PATH {
        return Err(ApiError::invalid_param(
            "The path of \"data.url\" has to be /_matrix/push/v1/notify.",
        ));
    }
    Ok(url)
}

fn shown((key, row): (PusherKey, PusherRow)) -> ApiResult<serde_json::Value> {
    let mut data: JsonObject = serde_json::from_str(&row.data).map_err(ApiError::internal)?;
    data.insert("url".to_owned(), row.url.into());
    let (_, app_id, pushkey) = key;
    let mut pusher = serde_json::json!({
        "app_id": app_id,
        "pushkey": pushkey,
        "kind": "http",
        "app_display_name": row.app_display_name,
        "device_display_name": row.device_display_name,
        "lang": row.lang,
        "data": data,
    });
    if let Some(tag) = row.profile_tag {
        pusher["profile_tag"] = tag.into();
    }
    Ok(pusher)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn url(url: serde_json::Value, allow_plain: bool) -> ApiResult<String> {
        let mut data = JsonObject::new();
        data.insert("url".to_owned(), url);
        gateway(&mut data, allow_plain)
    }

    #[test]
    fn gateways_have_a_fixed_path_and_tls() {
        assert!(url(json!("https://push.example/_matrix/push/v1/notify"), false).is_ok());
        assert!(url(json!("http://push.example/_matrix/push/v1/notify"), true).is_ok());
        for bad in [
            json!("http://push.example/_matrix/push/v1/notify"),
            json!("https://push.example/"),
            json!("https://push.example/_matrix/push/v1/notify/x"),
            json!("push.example"),
            json!(5),
        ] {
            assert!(url(bad.clone(), false).is_err(), "{bad}");
        }
        assert!(gateway(&mut JsonObject::new(), true).is_err());
    }
}
