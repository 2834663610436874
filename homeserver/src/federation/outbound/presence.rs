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
    rooms::{Rooms, news::News, servers},
};

/// How long changes are gathered.
const GATHER: Duration = Duration::from_secs(3);
/// After which time servers that enter a room are told who is there.
const GREETING: Duration = Duration::from_secs(1);
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
            let Some(update) = update(&rooms, user, &now)? else {
                continue;
            };
            for name in servers_of(snapshot, user)? {
                updates.entry(name).or_default().push(update.clone());
            }
        }
        Ok(updates)
    });
    for (name, updates) in read.await? {
        pass(outbound, server, &name, updates);
    }
    Ok(())
}

/// What others are told of a user of this server.
fn update(rooms: &Rooms, user: UserNid, now: &Now) -> ApiResult<Option<PresenceUpdate>> {
    let user_id = rooms.storage().interner().user_id(user)?;
    if user_id.server_name() != rooms.server_name() {
        return Ok(None);
    }
    let ago = u64::try_from(now.last_active_ago.as_millis()).unwrap_or(u64::MAX);
    let ago = UInt::try_from(ago).unwrap_or(UInt::MAX);
    let mut update = PresenceUpdate::new(user_id, state(now.shown.state), ago);
    update.currently_active = now.shown.currently_active;
    update.status_msg = now.shown.status_msg.clone();
    Ok(Some(update))
}

fn pass(
    outbound: &Outbound,
    server: &Server,
    name: &OwnedServerName,
    updates: Vec<PresenceUpdate>,
) {
    outbound.tell(server, name, |passing| {
        let waiting = passing.remove("presence");
        let edu = Edu::Presence(PresenceContent::new(merged(waiting, updates)));
        passing.insert("presence".to_owned(), edu);
    });
}

/// Tells those who met in a room who is there, once the other server is done with entering.
pub(super) fn greet_soon(outbound: &Outbound, server: &Server, news: &News) {
    if !server.presence.is_enabled() {
        return;
    }
    let (outbound, all, news) = (outbound.clone(), server.clone(), news.clone());
    server.jobs.track(async move {
        tokio::select! {
            () = all.jobs.stopping() => return,
            () = tokio::time::sleep(GREETING) => {}
        }
        if let Err(error) = greet(&outbound, &all, news).await {
            tracing::warn!(%error, "other servers could not be told who is here");
        }
    });
}

async fn greet(outbound: &Outbound, server: &Server, news: News) -> ApiResult<()> {
    let rooms = server.rooms.clone();
    let (names, there) = match news {
        News::Entered { room, user } => {
            let there = server.presence.get(user);
            let there = there.filter(|now| now.shown.state != State::Offline);
            let read = server
                .storage
                .read(move |snapshot| servers::servers_in(snapshot, room));
            (
                read.await?,
                there.map(|now| (user, now)).into_iter().collect(),
            )
        }
        News::EnteredFrom { room, server: name } => (vec![name], server.presence.there_in(room)),
        News::Typing { .. } | News::Read { .. } => return Ok(()),
    };
    let mut updates = Vec::new();
    for (user, now) in there {
        updates.extend(update(&rooms, user, &now)?);
    }
    if updates.is_empty() {
        return Ok(());
    }
    for name in names {
        pass(outbound, server, &name, updates.clone());
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
