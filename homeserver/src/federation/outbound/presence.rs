//! Telling other servers who is here.
//!
//! Changes are gathered for a few seconds, so that a morning on which hundreds come costs every other server a message
//! now and then. Only servers that share a room with a user are told of them.
//! [spec](https://spec.matrix.org/v1.19/server-server-api/#presence)

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use ruma::{
    OwnedServerName, UInt,
    api::federation::transactions::edu::{Edu, PresenceContent, PresenceUpdate},
    presence::PresenceState,
};
use tokio::time::interval;

use super::{Outbound, device_lists::servers_of};
use crate::{
    Server,
    error::ApiResult,
    ids::{StreamPos, UserNid},
    presence::{Now, State},
};

/// How long changes are gathered.
const GATHER: Duration = Duration::from_secs(3);
/// How often everybody who is here is told anew: others forget it after a while.
const ANEW: Duration = Duration::from_secs(20 * 60);
/// Users whose presence is on its way to one server.
const MOST_USERS: usize = 1_000;

/// Tells of changes until the server stops.
pub(super) async fn follow(outbound: &Outbound, server: &Server) {
    if !server.presence.is_enabled() {
        return server.jobs.stopping().await;
    }
    let (mut ticks, mut told) = (interval(GATHER), Some(StreamPos::ZERO));
    let mut anew = server.clock.elapsed() + ANEW;
    loop {
        tokio::select! {
            () = server.jobs.stopping() => return,
            _ = ticks.tick() => {}
        }
        if server.clock.elapsed() >= anew {
            told = None;
            anew += ANEW;
        }
        let (upto, changed) = server.presence.changed_since(told);
        told = Some(upto);
        if let Err(error) = tell(outbound, server, changed).await {
            tracing::warn!(%error, "other servers could not be told who is here");
        }
    }
}

async fn tell(outbound: &Outbound, server: &Server, changed: Vec<(UserNid, Now)>) -> ApiResult<()> {
    if changed.is_empty() {
        return Ok(());
    }
    let rooms = server.rooms.clone();
    let read = server.storage.read(move |snapshot| -> ApiResult<_> {
        let mut updates: BTreeMap<OwnedServerName, Vec<PresenceUpdate>> = BTreeMap::new();
        for (user, now) in changed {
            let user_id = rooms.storage().interner().user_id(user)?;
            if user_id.server_name() != rooms.server_name() {
                continue;
            }
            let ago = u64::try_from(now.last_active_ago.as_millis()).unwrap_or(u64::MAX);
            let ago = UInt::try_from(ago).unwrap_or(UInt::MAX);
            let mut update = PresenceUpdate::new(user_id, state(now.shown.state), ago);
            update.currently_active = now.shown.currently_active;
            update.status_msg = now.shown.status_msg;
            for name in servers_of(snapshot, user)? {
                updates.entry(name).or_default().push(update.clone());
            }
        }
        Ok(updates)
    });
    for (name, updates) in read.await? {
        outbound.tell(server, &name, |passing| {
            let waiting = passing.remove("presence");
            let edu = Edu::Presence(PresenceContent::new(merged(waiting, updates)));
            passing.insert("presence".to_owned(), edu);
        });
    }
    Ok(())
}

/// Updates that wait and new ones, the newest of each user.
fn merged(waiting: Option<Edu>, updates: Vec<PresenceUpdate>) -> Vec<PresenceUpdate> {
    let mut of_users = HashMap::new();
    if let Some(Edu::Presence(waiting)) = waiting {
        of_users.extend(
            waiting
                .push
                .into_iter()
                .map(|update| (update.user_id.clone(), update)),
        );
    }
    of_users.extend(
        updates
            .into_iter()
            .map(|update| (update.user_id.clone(), update)),
    );
    of_users.into_values().take(MOST_USERS).collect()
}

fn state(state: State) -> PresenceState {
    match state {
        State::Offline => PresenceState::Offline,
        State::Unavailable => PresenceState::Unavailable,
        State::Online | State::Busy => PresenceState::Online,
    }
}
