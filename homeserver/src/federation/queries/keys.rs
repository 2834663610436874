//! Keys of other servers' users and their devices.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
    time::Duration,
};

use futures::future::join_all;
use parking_lot::Mutex;
use ruma::{
    DeviceId, OneTimeKeyAlgorithm, OwnedDeviceId, OwnedServerName, OwnedUserId, UserId,
    api::federation::keys::{claim_keys, get_keys},
    encryption::{CrossSigningKey, DeviceKeys},
    serde::Raw,
};
use serde::Deserialize;

use crate::{
    e2ee::ClaimedKeys,
    federation::{Federation, Limits, RequestError},
    flights::Flights,
    ids::StreamPos,
    read_cache::{Generation, ReadCache},
};

/// The longest time that other servers are waited for, whatever a client says.
const LONGEST: Duration = Duration::from_secs(10);

/// How long keys are not asked for again, unless their server says that they have changed.
const LIFETIME: Duration = Duration::from_secs(30);
/// Users whose keys are kept that long.
const MOST_USERS: usize = 2_000;
/// Users of whom it is remembered that their keys were asked for.
const MOST_ASKED: usize = 50_000;

/// Keys by user, and why some servers gave none.
#[derive(Debug, Default)]
pub struct KeysElsewhere {
    /// Keys of devices.
    pub device_keys: BTreeMap<OwnedUserId, BTreeMap<OwnedDeviceId, Raw<DeviceKeys>>>,
    /// Master keys.
    pub master_keys: BTreeMap<OwnedUserId, Raw<CrossSigningKey>>,
    /// Self-signing keys.
    pub self_signing_keys: BTreeMap<OwnedUserId, Raw<CrossSigningKey>>,
    /// Servers that did not answer.
    pub failures: BTreeMap<OwnedServerName, String>,
}

/// One-time keys by user, and why some servers gave none.
#[derive(Debug, Default)]
pub struct ClaimedElsewhere {
    /// The keys.
    pub one_time_keys: BTreeMap<OwnedUserId, ClaimedKeys>,
    /// Servers that did not answer.
    pub failures: BTreeMap<OwnedServerName, String>,
}

impl Federation {
    /// Asks the servers of some users for their keys, all at once.
    /// [spec](https://spec.matrix.org/v1.19/server-server-api/#post_matrixfederationv1userkeysquery)
    pub async fn query_keys(
        &self,
        mut wanted: BTreeMap<OwnedUserId, Vec<OwnedDeviceId>>,
        followed_since: &BTreeMap<OwnedUserId, StreamPos>,
        patience: Duration,
    ) -> KeysElsewhere {
        self.inner.lately.note_asked(wanted.keys());
        let mut found = KeysElsewhere::default();
        let limits = Limits::QUERY.within(patience.min(LONGEST));
        // Many clients learn of a change together and ask the same: one question is enough.
        let mut turns = Vec::new();
        for (user, _) in wanted.iter().filter(|(_, devices)| devices.is_empty()) {
            let turn = self.inner.lately.flights.board(user.clone());
            turns.extend(tokio::time::timeout(limits.patience, turn).await);
        }
        let noted = self.inner.lately.keys.generation();
        let now = self.inner.clock.elapsed();
        wanted.retain(|user, devices| {
            !devices.is_empty()
                || !found.add_known((user, followed_since.get(user)), &self.inner.lately, now)
        });
        let questions = by_server(wanted)
            .into_iter()
            .map(|(server, users)| async move {
                let request = get_keys::v1::Request::new(users.clone());
                let answer = self.request(&server, request, limits).await;
                (server, users, answer)
            });
        for (server, users, answer) in join_all(questions).await {
            match answer {
                Ok(answer) => {
                    found.add(&users, answer);
                    let whole = users.into_iter().filter(|(_, devices)| devices.is_empty());
                    for (user, _) in whole {
                        // Nobody tells of changes of those who are in no room of this server.
                        if let Some(since) = followed_since.get(&user).copied() {
                            self.inner.lately.keep(&found, (user, since), now, noted);
                        }
                    }
                }
                Err(error) => drop(found.failures.insert(server, reason(error))),
            }
        }
        found
    }

    /// Takes one-time keys of devices of other servers' users.
    /// [spec](https://spec.matrix.org/v1.19/server-server-api/#post_matrixfederationv1userkeysclaim)
    pub async fn claim_keys(
        &self,
        wanted: BTreeMap<OwnedUserId, BTreeMap<OwnedDeviceId, OneTimeKeyAlgorithm>>,
        patience: Duration,
    ) -> ClaimedElsewhere {
        let mut found = ClaimedElsewhere::default();
        let limits = Limits::QUERY.within(patience.min(LONGEST));
        let questions = by_server(wanted)
            .into_iter()
            .map(|(server, users)| async move {
                let request = claim_keys::v1::Request::new(users.clone());
                let answer = self.request(&server, request, limits).await;
                (server, users, answer)
            });
        for (server, users, answer) in join_all(questions).await {
            match answer {
                Ok(answer) => {
                    for (user, mut devices) in answer.one_time_keys {
                        let Some(asked) = users.get(&user) else {
                            continue;
                        };
                        devices.retain(|device, _| asked.contains_key(device));
                        if !devices.is_empty() {
                            found.one_time_keys.insert(user, devices);
                        }
                    }
                }
                Err(error) => drop(found.failures.insert(server, reason(error))),
            }
        }
        found
    }
}

impl Federation {
    /// Another server says that a user's keys have changed.
    pub fn keys_changed(&self, user: &OwnedUserId) {
        self.inner.lately.keys.forget([user.clone()]);
    }

    /// Whether somebody may have asked for a user's keys since this server started.
    pub fn may_have_asked_for(&self, user: &OwnedUserId) -> bool {
        let asked = self.inner.lately.asked.lock();
        asked.as_ref().is_none_or(|asked| asked.contains(user))
    }

    /// The newest position when this server started.
    pub fn start(&self) -> StreamPos {
        self.inner.lately.start
    }
}

/// Keys of users that were asked for lately.
pub(in crate::federation) struct Lately {
    flights: Flights<OwnedUserId>,
    keys: ReadCache<OwnedUserId, Arc<OfUser>>,
    /// The users whose keys were asked for; nothing if they are too many to be remembered.
    asked: Mutex<Option<HashSet<OwnedUserId>>>,
    /// The newest position when this server started.
    start: StreamPos,
}

/// All keys of one user.
struct OfUser {
    until: Duration,
    /// Since when the user was followed when they were asked for: who has left and come back may have others.
    followed_since: StreamPos,
    devices: BTreeMap<OwnedDeviceId, Raw<DeviceKeys>>,
    master: Option<Raw<CrossSigningKey>>,
    self_signing: Option<Raw<CrossSigningKey>>,
}

impl Lately {
    pub(in crate::federation) fn since(start: StreamPos) -> Self {
        Self {
            flights: Flights::default(),
            keys: ReadCache::new(MOST_USERS),
            asked: Mutex::new(Some(HashSet::new())),
            start,
        }
    }

    fn note_asked<'u>(&self, users: impl Iterator<Item = &'u OwnedUserId>) {
        let mut asked = self.asked.lock();
        if let Some(known) = &mut *asked {
            known.extend(users.cloned());
            if known.len() > MOST_ASKED {
                *asked = None;
            }
        }
    }

    fn keep(
        &self,
        found: &KeysElsewhere,
        (user, followed_since): (OwnedUserId, StreamPos),
        now: Duration,
        noted: Generation,
    ) {
        let Some(devices) = found.device_keys.get(&user).cloned() else {
            return;
        };
        let keys = OfUser {
            until: now + LIFETIME,
            followed_since,
            devices,
            master: found.master_keys.get(&user).cloned(),
            self_signing: found.self_signing_keys.get(&user).cloned(),
        };
        self.keys.insert(user, Arc::new(keys), noted);
    }
}

impl KeysElsewhere {
    /// Takes what was asked for a moment ago. Returns whether it was.
    fn add_known(
        &mut self,
        (user, followed_since): (&OwnedUserId, Option<&StreamPos>),
        lately: &Lately,
        now: Duration,
    ) -> bool {
        let known = lately
            .keys
            .get(user)
            .filter(|keys| now < keys.until && followed_since == Some(&keys.followed_since));
        let Some(keys) = known else {
            return false;
        };
        self.device_keys.insert(user.clone(), keys.devices.clone());
        let key = |key: &Option<Raw<CrossSigningKey>>| key.clone().map(|key| (user.clone(), key));
        self.master_keys.extend(key(&keys.master));
        self.self_signing_keys.extend(key(&keys.self_signing));
        true
    }

    /// Takes what was asked for. A server speaks for its own users only, and a key is of the user and the device that it
    /// says itself, or others would encrypt to somebody else.
    fn add(
        &mut self,
        asked: &BTreeMap<OwnedUserId, Vec<OwnedDeviceId>>,
        answer: get_keys::v1::Response,
    ) {
        for (user, mut devices) in answer.device_keys {
            let Some(wanted) = asked.get(&user) else {
                continue;
            };
            devices.retain(|device, keys| {
                (wanted.is_empty() || wanted.contains(device)) && is_of_device(keys, &user, device)
            });
            self.device_keys.insert(user, devices);
        }
        let is_wanted = |user: &UserId, key: &Raw<CrossSigningKey>| {
            asked.contains_key(user)
                && key
                    .get_field("user_id")
                    .is_ok_and(|owner| owner == Some(user.to_owned()))
        };
        let masters = answer.master_keys.into_iter();
        self.master_keys
            .extend(masters.filter(|(user, key)| is_wanted(user, key)));
        let self_signing = answer.self_signing_keys.into_iter();
        self.self_signing_keys
            .extend(self_signing.filter(|(user, key)| is_wanted(user, key)));
    }
}

#[derive(Deserialize)]
struct Owner {
    user_id: OwnedUserId,
    device_id: OwnedDeviceId,
}

fn is_of_device(keys: &Raw<DeviceKeys>, user: &UserId, device: &DeviceId) -> bool {
    keys.deserialize_as_unchecked::<Owner>()
        .is_ok_and(|owner| owner.user_id == user && owner.device_id == device)
}

fn by_server<T>(
    users: BTreeMap<OwnedUserId, T>,
) -> BTreeMap<OwnedServerName, BTreeMap<OwnedUserId, T>> {
    let mut servers: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
    for (user, wanted) in users {
        servers
            .entry(user.server_name().to_owned())
            .or_default()
            .insert(user, wanted);
    }
    servers
}

/// Why there are no keys, for the developer of a client: no addresses and no causes.
fn reason(error: RequestError) -> String {
    match error {
        RequestError::NotAllowed(server) => format!("This server does not talk to {server}."),
        RequestError::Refused { server, error } => format!("{server} refused: {error}"),
        RequestError::Malformed { server, .. } => {
            format!("The answer of {server} cannot be understood.")
        }
        RequestError::BackingOff { server, .. } | RequestError::Unreachable { server, .. } => {
            format!("{server} cannot be reached at the moment.")
        }
        RequestError::NotARequest(_) => "The question could not be asked.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use ruma::{device_id, owned_user_id};
    use serde_json::json;

    use super::*;

    #[test]
    fn a_server_speaks_for_those_it_was_asked_about() {
        let (alice, mallory) = (
            owned_user_id!("@alice:a.example"),
            owned_user_id!("@mallory:a.example"),
        );
        let keys = |user: &UserId, device: &str| -> Raw<DeviceKeys> {
            let keys = json!({ "user_id": user, "device_id": device, "algorithms": [], "keys": {}, "signatures": {} });
            serde_json::from_value(keys).unwrap()
        };
        let mut answer = get_keys::v1::Response::default();
        let devices = [
            (device_id!("GOOD").to_owned(), keys(&alice, "GOOD")),
            (
                device_id!("BORROWED").to_owned(),
                keys(&mallory, "BORROWED"),
            ),
            (device_id!("RENAMED").to_owned(), keys(&alice, "OTHER")),
        ];
        answer.device_keys.insert(alice.clone(), devices.into());
        answer.device_keys.insert(mallory.clone(), BTreeMap::new());
        let master = |user: &UserId| {
            serde_json::from_value(json!({ "user_id": user, "usage": [], "keys": {} })).unwrap()
        };
        answer.master_keys.insert(alice.clone(), master(&mallory));
        answer
            .self_signing_keys
            .insert(alice.clone(), master(&alice));
        let mut found = KeysElsewhere::default();
        found.add(&BTreeMap::from([(alice.clone(), Vec::new())]), answer);
        let devices: Vec<_> = found.device_keys[&alice]
            .keys()
            .map(|device| device.as_str())
            .collect();
        assert_eq!(devices, ["GOOD"]);
        assert!(!found.device_keys.contains_key(&mallory));
        assert!(found.master_keys.is_empty());
        assert!(found.self_signing_keys.contains_key(&alice));
    }
}
