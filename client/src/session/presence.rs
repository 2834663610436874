//! Who is online. Asked now and then for the few people on the screen: the sync of this client does not tell it.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#presence)

use std::time::Duration;

use futures_util::{StreamExt, stream};
use matrix_sdk::{
    Client,
    ruma::{OwnedUserId, api::client::presence::get_presence, presence::PresenceState},
};

use crate::rows::PresenceRow;

/// Questions on their way at the same time.
const AT_ONCE: usize = 4;

/// Asks for these people. Those of whom the server tells nothing are left out.
pub(super) async fn load(client: &Client, users: Vec<OwnedUserId>) -> Vec<PresenceRow> {
    let asked = stream::iter(users)
        .map(|user| one(client, user))
        .buffer_unordered(AT_ONCE);
    let rows: Vec<_> = asked.collect().await;
    rows.into_iter().flatten().collect()
}

async fn one(client: &Client, user: OwnedUserId) -> Option<PresenceRow> {
    let request = get_presence::v3::Request::new(user.clone());
    let answer = client.send(request).await.ok()?;
    let is_known = answer.presence != PresenceState::Offline || answer.last_active_ago.is_some();
    is_known.then_some(PresenceRow {
        user,
        online: answer.presence == PresenceState::Online,
        active_ago: answer.last_active_ago.map(whole_minutes),
    })
}

/// Nobody is shown seconds, and rows that did not change need not be drawn.
fn whole_minutes(ago: Duration) -> Duration {
    Duration::from_secs(ago.as_secs() / 60 * 60)
}
