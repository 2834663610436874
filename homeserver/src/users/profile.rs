//! Profiles: display name, avatar, time zone, and whatever other fields clients keep there.

use http::StatusCode;
use ruma::{MxcUri, UserId, serde::JsonObject};
use serde_json::Value as JsonValue;

use super::{Users, profile_spread, store};
use crate::{
    ApiError, ApiResult,
    ids::UserNid,
    storage::{Commit, Error, Result, Snapshot, tables},
};

/// Bytes of a whole profile as JSON.
pub const PROFILE_MAX_LENGTH: usize = 64 * 1024;
/// Bytes of the name of a field.
const MAX_KEY_LENGTH: usize = 255;
/// Bytes of a display name. Longer ones only disturb others.
const MAX_DISPLAY_NAME_LENGTH: usize = 256;
/// Bytes of an avatar's address.
const MAX_AVATAR_URL_LENGTH: usize = 1000;

/// What a user says about themself.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#profiles)
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Profile {
    fields: JsonObject,
}

impl Profile {
    /// The fields.
    pub fn fields(&self) -> &JsonObject {
        &self.fields
    }

    /// A field.
    pub fn get(&self, name: &str) -> Option<&JsonValue> {
        self.fields.get(name)
    }

    /// The display name.
    pub fn display_name(&self) -> Option<&str> {
        self.get("displayname")?.as_str()
    }

    /// The avatar.
    pub fn avatar_url(&self) -> Option<&MxcUri> {
        self.get("avatar_url")?.as_str().map(Into::into)
    }

    /// Sets a field. An empty display name or avatar is none.
    pub fn set(&mut self, name: &str, value: JsonValue) -> ApiResult {
        check_value(name, &value)?;
        let before = self.fields.clone();
        if matches!(name, "displayname" | "avatar_url") && value == "" {
            self.fields.remove(name);
        } else {
            self.fields.insert(name.to_owned(), value);
        }
        if self.to_json().len() > PROFILE_MAX_LENGTH {
            self.fields = before;
            return Err(too_large("A profile may have 64 KiB as JSON."));
        }
        Ok(())
    }

    /// The profile as it is stored and sent.
    pub fn to_json(&self) -> String {
        JsonValue::Object(self.fields.clone()).to_string()
    }

    fn from_json(json: &str) -> Result<Self> {
        let fields =
            serde_json::from_str(json).map_err(|_| Error::Corrupt("a profile is malformed"))?;
        Ok(Self { fields })
    }
}

/// Reads the profile of a user, which is empty for users of other servers.
pub fn profile_of(snapshot: &Snapshot<'_>, user: UserNid) -> Result<Profile> {
    tables::PROFILE
        .get(snapshot, user)?
        .map_or_else(|| Ok(Profile::default()), |json| Profile::from_json(&json))
}

impl Users {
    /// The profile of a user of this server, if there is such a user.
    pub async fn profile(&self, user_id: &UserId) -> ApiResult<Option<Profile>> {
        let user_id = user_id.to_owned();
        self.read(move |inner, snapshot| {
            match store::find_account(&inner.storage, snapshot, &user_id)? {
                Some((user, account)) if !account.deactivated => {
                    Ok(Some(profile_of(snapshot, user)?))
                }
                _ => Ok(None),
            }
        })
        .await
    }

    /// The profile of a user in a snapshot, for whoever builds an event about them.
    pub fn profile_at(&self, snapshot: &Snapshot<'_>, user: UserNid) -> Result<Profile> {
        profile_of(snapshot, user)
    }

    /// Sets a field of a profile, and tells rooms where they show it.
    pub async fn set_profile_field(
        &self,
        user: UserNid,
        name: &str,
        value: JsonValue,
    ) -> ApiResult {
        check_name(name)?;
        let field = name.to_owned();
        self.change_profile(user, is_shown(name), move |profile| {
            profile.set(&field, value)
        })
        .await?;
        if is_shown(name) {
            self.spread_profile(user).await;
        }
        Ok(())
    }

    /// Removes a field of a profile, if it is there.
    pub async fn delete_profile_field(&self, user: UserNid, name: &str) -> ApiResult {
        check_name(name)?;
        let field = name.to_owned();
        self.change_profile(user, is_shown(name), move |profile| {
            profile.fields.remove(&field);
            Ok(())
        })
        .await?;
        if is_shown(name) {
            self.spread_profile(user).await;
        }
        Ok(())
    }

    async fn change_profile(
        &self,
        user: UserNid,
        is_shown: bool,
        change: impl FnOnce(&mut Profile) -> ApiResult + Send,
    ) -> ApiResult {
        let _turn = self.lock(user).await;
        let before = self
            .read(move |_, snapshot| Ok(profile_of(snapshot, user)?))
            .await?;
        let mut profile = before.clone();
        change(&mut profile)?;
        if profile == before {
            return Ok(());
        }
        let json = profile.to_json();
        let commit = Commit::silent(move |batch| {
            tables::PROFILE.put(batch, user, &json);
            if is_shown {
                profile_spread::mark(batch, user);
            }
        });
        self.inner.storage.commit(commit).await?;
        self.refresh_name(user).await
    }
}

/// Whether rooms show a field.
fn is_shown(name: &str) -> bool {
    matches!(name, "displayname" | "avatar_url")
}

/// Whether a field may have this name.
/// [spec](https://spec.matrix.org/v1.19/appendices/#common-namespaced-identifier-grammar)
fn check_name(name: &str) -> ApiResult {
    if name.len() > MAX_KEY_LENGTH {
        return Err(ApiError::with_code(
            StatusCode::BAD_REQUEST,
            "M_KEY_TOO_LARGE",
            "The name of a profile field may have 255 bytes.",
        ));
    }
    let mut parts = name.split('.').peekable();
    let namespaced = name.contains('.') && parts.all(is_identifier);
    if namespaced || matches!(name, "displayname" | "avatar_url") {
        return Ok(());
    }
    Err(ApiError::invalid_param(
        "A profile field is \"displayname\", \"avatar_url\", \"m.tz\" or a namespaced name such as \"org.example.pronouns\".",
    ))
}

fn is_identifier(part: &str) -> bool {
    part.starts_with(|c: char| c.is_ascii_lowercase())
        && part
            .bytes()
            .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_'))
}

fn check_value(name: &str, value: &JsonValue) -> ApiResult {
    match (name, value) {
        ("displayname", JsonValue::String(text)) if text.len() > MAX_DISPLAY_NAME_LENGTH => {
            Err(too_large("A display name may have 256 bytes."))
        }
        ("avatar_url", JsonValue::String(text)) if text.len() > MAX_AVATAR_URL_LENGTH => {
            Err(too_large("The address of an avatar may have 1000 bytes."))
        }
        ("avatar_url", JsonValue::String(text)) if leads_elsewhere(text) => Err(
            ApiError::invalid_param("\"avatar_url\" has to be an mxc:// address."),
        ),
        ("displayname" | "avatar_url" | "m.tz", JsonValue::String(_)) => Ok(()),
        ("displayname" | "avatar_url" | "m.tz", _) => Err(ApiError::invalid_param(
            "This profile field has to be a string.",
        )),
        _ => Ok(()),
    }
}

/// Whether an address of an avatar could have the clients of others fetch something from the web. A word that is no
/// address at all shows nobody anything, and some clients set one.
fn leads_elsewhere(text: &str) -> bool {
    text.contains([':', '/', '\\']) && !<&MxcUri>::from(text).is_valid()
}

fn too_large(message: &'static str) -> ApiError {
    ApiError::with_code(StatusCode::BAD_REQUEST, "M_PROFILE_TOO_LARGE", message)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn code(result: ApiResult) -> String {
        let error = result.unwrap_err();
        error.kind().unwrap().errcode().to_string()
    }

    #[test]
    fn names_of_fields_are_the_three_known_ones_or_namespaced() {
        for good in ["displayname", "avatar_url", "m.tz", "org.example_1.x"] {
            check_name(good).unwrap();
        }
        for bad in ["", "name", "M.tz", "a..b", "a.1b", ".a", "a.b-c"] {
            assert_eq!(code(check_name(bad)), "M_INVALID_PARAM", "{bad}");
        }
        assert_eq!(
            code(check_name(&format!("a.{}", "b".repeat(254)))),
            "M_KEY_TOO_LARGE"
        );
    }

    #[test]
    fn profile_of_64_kib_takes_no_more() {
        let mut profile = Profile::default();
        profile
            .set("org.example.a", json!("x".repeat(60_000)))
            .unwrap();
        let before = profile.clone();
        let refused = profile.set("org.example.b", json!("x".repeat(6_000)));
        assert_eq!(code(refused), "M_PROFILE_TOO_LARGE");
        assert_eq!(profile, before);
    }

    #[test]
    fn empty_display_name_is_none_and_null_is_refused() {
        let mut profile = Profile::default();
        profile.set("displayname", json!("Лиля")).unwrap();
        assert_eq!(profile.display_name(), Some("Лиля"));
        assert_eq!(
            code(profile.set("displayname", JsonValue::Null)),
            "M_INVALID_PARAM"
        );
        profile.set("displayname", json!("")).unwrap();
        assert_eq!(profile.display_name(), None);
    }

    #[test]
    fn avatar_has_to_be_media() {
        let mut profile = Profile::default();
        profile
            .set("avatar_url", json!("mxc://b.example/abc"))
            .unwrap();
        assert_eq!(
            code(profile.set("avatar_url", json!("https://b.example/a.png"))),
            "M_INVALID_PARAM"
        );
    }
}
