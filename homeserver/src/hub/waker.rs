//! Wakes users off the writer thread.
//!
//! Events and personal changes wake at once. Receipts, typing and presence wake a user at most once a second; in a large room they
//! would otherwise wake everybody all the time.

use std::{
    collections::HashMap,
    sync::{Weak, atomic::Ordering},
    time::Duration,
};

use roaring::RoaringBitmap;
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, MissedTickBehavior, interval},
};

use super::{EPHEMERAL_PAUSE, Inner};
use crate::{
    ids::{RoomNid, StreamPos, UserNid},
    storage::Change,
};

/// How often idle users are looked for.
const DETACH_EVERY: Duration = Duration::from_secs(60);

/// Users who got a wake for ephemeral changes lately, with the position of a wake that waits.
type Pauses = HashMap<UserNid, Option<StreamPos>>;

/// Passes changes on to those who wait, until the hub is gone.
pub(super) async fn run(
    hub: Weak<Inner>,
    mut queue: mpsc::UnboundedReceiver<(StreamPos, Change)>,
    mut published: watch::Receiver<StreamPos>,
) {
    let mut pauses = Pauses::new();
    let mut pause_ends = Instant::now();
    let mut detach = interval(DETACH_EVERY);
    detach.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut waiting = Vec::new();
    loop {
        tokio::select! {
            count = queue.recv_many(&mut waiting, 1024) => {
                let (Some(inner), Some(&(last, _))) = (hub.upgrade(), waiting.last()) else { return };
                if count == 0 || published.wait_for(|position| *position >= last).await.is_err() {
                    return;
                }
                if pauses.is_empty() {
                    pause_ends = Instant::now() + EPHEMERAL_PAUSE;
                }
                for (position, change) in waiting.drain(..) {
                    wake(&inner, position, change, &mut pauses);
                }
            }
            () = tokio::time::sleep_until(pause_ends), if !pauses.is_empty() => {
                let Some(inner) = hub.upgrade() else { return };
                // Whoever was woken now has a pause again; the others are free.
                pauses.retain(|&user, waits| waits.take().is_some_and(|position| {
                    wake_user(&inner, user, position);
                    true
                }));
                pause_ends = Instant::now() + EPHEMERAL_PAUSE;
            }
            _ = detach.tick() => {
                let Some(inner) = hub.upgrade() else { return };
                inner.detach_idle();
            }
        }
    }
}

fn wake(hub: &Inner, position: StreamPos, change: Change, pauses: &mut Pauses) {
    match change {
        Change::Event { room, .. } => {
            let online = hub.room(room).online.lock().clone();
            online
                .iter()
                .for_each(|user| wake_user(hub, UserNid(user), position));
        }
        Change::Membership { user, .. } | Change::User(user) => wake_user(hub, user, position),
        Change::Ephemeral(room) => {
            let online = hub.room(room).online.lock().clone();
            wake_soon(hub, &online, position, pauses);
        }
        Change::Presence(user) => {
            let rooms = hub.user(user).rooms.lock().clone();
            let mut online = RoaringBitmap::from_iter([user.0]);
            for room in rooms.iter().map(RoomNid) {
                online |= &*hub.room(room).online.lock();
            }
            wake_soon(hub, &online, position, pauses);
        }
    }
}

/// Wakes users now, or at the end of the pauses they have.
fn wake_soon(hub: &Inner, users: &RoaringBitmap, position: StreamPos, pauses: &mut Pauses) {
    for user in users.iter().map(UserNid) {
        match pauses.get_mut(&user) {
            Some(waits) => *waits = Some(position),
            None => {
                pauses.insert(user, None);
                wake_user(hub, user, position);
            }
        }
    }
}

fn wake_user(hub: &Inner, user: UserNid, position: StreamPos) {
    if let Some(slot) = hub
        .users
        .read()
        .get(&user)
        .filter(|slot| slot.polled.load(Ordering::Acquire) != 0)
    {
        slot.wake.send_if_modified(|newest| {
            let newer = position > *newest;
            if newer {
                *newest = position;
            }
            newer
        });
    }
}
