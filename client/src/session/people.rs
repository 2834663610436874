//! Finding people.

use matrix_sdk::{
    Client,
    ruma::{OwnedUserId, UserId},
};

use crate::{
    bridge::{trouble::Trouble, update::Answer},
    render::names,
    rows::{PersonRow, message::avatar_key},
};

/// People shown for a search.
const LIMIT: u64 = 20;

/// Searches the user directory. A name that is exactly somebody's user id or its first part is found even when the
/// directory does not list them.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#user-directory)
pub(super) async fn search(client: &Client, term: &str) -> Result<Answer, Trouble> {
    let term = term.trim();
    if term.is_empty() {
        return Ok(Answer::People(Vec::new()));
    }
    let found = search_directory(client, term).await;
    let mut people = found.as_ref().cloned().unwrap_or_default();
    if let Some(user) = exact_id(client, term)
        && !people.iter().any(|person| person.user_id == user)
        && let Some(person) = look_up(client, user).await
    {
        people.insert(0, person);
    }
    // A server without a directory is no obstacle when the name was exact.
    if people.is_empty() {
        found?;
    }
    people.retain(|person| Some(&*person.user_id) != client.user_id());
    Ok(Answer::People(people))
}

async fn search_directory(client: &Client, term: &str) -> Result<Vec<PersonRow>, Trouble> {
    let found = client.search_users(term, LIMIT).await?;
    let people = found.results.into_iter().map(|user| PersonRow {
        name: user.display_name.map_or_else(
            || user.user_id.localpart().to_owned(),
            |name| names::person(&name, user.user_id.as_str()),
        ),
        avatar: user.avatar_url.map(avatar_key),
        user_id: user.user_id,
    });
    Ok(people.collect())
}

fn exact_id(client: &Client, term: &str) -> Option<OwnedUserId> {
    if let Ok(user) = UserId::parse(term) {
        return Some(user);
    }
    let name = term.trim_start_matches('@').to_lowercase();
    let is_name = name
        .chars()
        .all(|letter| letter.is_ascii_alphanumeric() || "._-/=+".contains(letter));
    let server = client.user_id()?.server_name();
    is_name
        .then(|| UserId::parse(format!("@{name}:{server}")).ok())
        .flatten()
}

async fn look_up(client: &Client, user_id: OwnedUserId) -> Option<PersonRow> {
    let profile = client
        .account()
        .fetch_user_profile_of(&user_id)
        .await
        .ok()?;
    let name = profile
        .get("displayname")
        .and_then(|name| name.as_str().map(ToOwned::to_owned));
    Some(PersonRow {
        name: name.map_or_else(
            || user_id.localpart().to_owned(),
            |name| names::person(&name, user_id.as_str()),
        ),
        avatar: None,
        user_id,
    })
}
