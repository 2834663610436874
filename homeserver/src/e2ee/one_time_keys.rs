//! One-time keys, each handed out to one device, and the fallback keys for when they have run out.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#one-time-and-fallback-keys)

use std::collections::BTreeMap;

use futures::future::try_join_all;
use ruma::{
    DeviceId, OneTimeKeyAlgorithm, OwnedDeviceId, OwnedOneTimeKeyId, OwnedUserId,
    encryption::OneTimeKey, serde::Raw,
};

use super::{
    E2ee,
    store::{ClaimableRow, FallbackKeyRow},
};
use crate::{
    ApiError, ApiResult,
    ids::{StreamPos, UserNid},
    storage::{self, Batch, Change, Commit, Snapshot, tables},
};

/// Keys of one device that others can claim. Clients keep fifty or a hundred.
const MAX_KEYS: u32 = 1_000;
/// Bytes of the largest key.
const MAX_KEY_LENGTH: usize = 4_096;

/// What others can still claim from a device.
pub type ClaimableKeys = ClaimableRow;

/// Keys that were claimed: by device, by key id.
pub type ClaimedKeys = BTreeMap<OwnedDeviceId, BTreeMap<OwnedOneTimeKeyId, Raw<OneTimeKey>>>;

/// Keys a device uploads.
#[derive(Clone, Debug, Default)]
pub struct NewKeys {
    /// Keys for one use each.
    pub one_time: BTreeMap<OwnedOneTimeKeyId, Raw<OneTimeKey>>,
    /// Keys for when the others have run out, one for each algorithm.
    pub fallback: BTreeMap<OwnedOneTimeKeyId, Raw<OneTimeKey>>,
}

/// Keys that were checked and are to be stored.
pub(super) struct Prepared {
    one_time: Vec<(String, String, String)>,
    fallback: Vec<(String, FallbackKeyRow)>,
    /// What others can claim once these are stored.
    pub(super) claimable: ClaimableRow,
}

impl Prepared {
    pub(super) fn is_empty(&self) -> bool {
        self.one_time.is_empty() && self.fallback.is_empty()
    }

    /// The position in the key has older keys claimed first.
    pub(super) fn put(
        self,
        batch: &mut Batch<'_>,
        user: UserNid,
        device: &DeviceId,
        pos: StreamPos,
    ) {
        if self.is_empty() {
            return;
        }
        for (algorithm, key_id, key) in self.one_time {
            tables::ONE_TIME_KEY.put(batch, (user, device, &algorithm, pos, &key_id), &key);
        }
        for (algorithm, row) in self.fallback {
            tables::FALLBACK_KEY.put(batch, (user, device, &algorithm), &row);
        }
        tables::CLAIMABLE.put(batch, (user, device), &self.claimable);
    }
}

/// Checks new keys against those stored. The same key again is no error, another key of the same id is one.
pub(super) fn prepare(
    snapshot: &Snapshot<'_>,
    user: UserNid,
    device: &DeviceId,
    keys: NewKeys,
) -> ApiResult<Prepared> {
    let claimable = tables::CLAIMABLE
        .get(snapshot, (user, device))?
        .unwrap_or_default();
    let mut prepared = Prepared {
        one_time: Vec::new(),
        fallback: Vec::new(),
        claimable,
    };
    let stored = if keys.one_time.is_empty() {
        BTreeMap::new()
    } else {
        stored_keys(snapshot, user, device)?
    };
    for (id, raw) in keys.one_time {
        let key = check_key(&id, &raw)?;
        let (algorithm, key_id) = (id.algorithm().to_string(), id.key_name().to_string());
        match stored.get(&(algorithm.clone(), key_id.clone())) {
            Some(stored) if same_json(stored, &key) => {}
            Some(_) => {
                let message = format!("There is another one-time key with the id {id} already.");
                return Err(ApiError::invalid_param(message));
            }
            None => {
                *prepared
                    .claimable
                    .one_time
                    .entry(algorithm.clone())
                    .or_default() += 1;
                prepared.one_time.push((algorithm, key_id, key));
            }
        }
    }
    let count = prepared.claimable.one_time.values().sum::<u32>();
    if count > MAX_KEYS && !prepared.one_time.is_empty() {
        let message =
            format!("A device may have {MAX_KEYS} one-time keys; {count} would be too many.");
        return Err(ApiError::invalid_param(message));
    }
    for (id, raw) in keys.fallback {
        let key = check_key(&id, &raw)?;
        prepared.add_fallback(snapshot, (user, device), &id, key)?;
    }
    Ok(prepared)
}

impl Prepared {
    fn add_fallback(
        &mut self,
        snapshot: &Snapshot<'_>,
        (user, device): (UserNid, &DeviceId),
        id: &OwnedOneTimeKeyId,
        key: String,
    ) -> ApiResult {
        let (algorithm, key_id) = (id.algorithm().to_string(), id.key_name().to_string());
        if self.fallback.iter().any(|(other, _)| *other == algorithm) {
            let message = format!(
                "fallback_keys has two keys for the algorithm {algorithm}; it may have one."
            );
            return Err(ApiError::invalid_param(message));
        }
        let stored = tables::FALLBACK_KEY.get(snapshot, (user, device, &algorithm))?;
        // A repeated upload must not make a key that somebody has look unused.
        if stored.is_some_and(|stored| stored.key_id == key_id && same_json(&stored.key, &key)) {
            return Ok(());
        }
        if !self.claimable.unused_fallback.contains(&algorithm) {
            self.claimable.unused_fallback.push(algorithm.clone());
        }
        self.fallback.push((
            algorithm,
            FallbackKeyRow {
                key_id,
                key,
                used: false,
            },
        ));
        Ok(())
    }
}

fn stored_keys(
    snapshot: &Snapshot<'_>,
    user: UserNid,
    device: &DeviceId,
) -> storage::Result<BTreeMap<(String, String), String>> {
    let mut keys = BTreeMap::new();
    for row in tables::ONE_TIME_KEY.scan(snapshot, (user, device))? {
        let ((_, _, algorithm, _, key_id), key) = row?;
        keys.insert((algorithm, key_id), key);
    }
    Ok(keys)
}

fn check_key(id: &OwnedOneTimeKeyId, raw: &Raw<OneTimeKey>) -> ApiResult<String> {
    raw.deserialize().map_err(|error| {
        ApiError::bad_json(format!("The key {id} is neither a text nor a signed key."))
            .because(error)
    })?;
    let key = raw.json().get();
    if key.len() > MAX_KEY_LENGTH {
        let message = format!("The key {id} has more than {MAX_KEY_LENGTH} bytes.");
        return Err(ApiError::too_large(message));
    }
    Ok(key.to_owned())
}

fn same_json(a: &str, b: &str) -> bool {
    let parse = |json| serde_json::from_str::<serde_json::Value>(json).ok();
    a == b || parse(a).is_some_and(|a| parse(b) == Some(a))
}

impl E2ee {
    /// What others can still claim from a device, for its sync.
    pub fn claimable_keys(
        &self,
        snapshot: &Snapshot<'_>,
        user: UserNid,
        device: &DeviceId,
    ) -> storage::Result<ClaimableKeys> {
        Ok(tables::CLAIMABLE
            .get(snapshot, (user, device))?
            .unwrap_or_default())
    }

    /// Takes one key from each of some devices of this server; devices without a key are left out of the answer.
    /// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3keysclaim)
    pub async fn claim_keys(
        &self,
        wanted: BTreeMap<OwnedUserId, BTreeMap<OwnedDeviceId, OneTimeKeyAlgorithm>>,
    ) -> ApiResult<BTreeMap<OwnedUserId, ClaimedKeys>> {
        let claims = wanted.into_iter().map(|(user_id, devices)| async {
            let claimed = self.claim_from(&user_id, devices).await?;
            Ok::<_, ApiError>((user_id, claimed))
        });
        let claimed = try_join_all(claims).await?;
        Ok(claimed
            .into_iter()
            .filter(|(_, keys)| !keys.is_empty())
            .collect())
    }

    /// Under the lock of the user whose keys they are: no key may be handed out twice.
    async fn claim_from(
        &self,
        user_id: &OwnedUserId,
        devices: BTreeMap<OwnedDeviceId, OneTimeKeyAlgorithm>,
    ) -> ApiResult<ClaimedKeys> {
        let Some(user) = self.storage().interner().find_user(user_id)? else {
            return Ok(ClaimedKeys::new());
        };
        let _turn = self.inner.users.lock(user).await;
        let (claims, keys) = self
            .read(move |_, snapshot| {
                let mut claims = Vec::new();
                let mut keys = ClaimedKeys::new();
                for (device, algorithm) in devices {
                    let found = Claim::find(snapshot, user, device, algorithm.as_ref())?;
                    if let Some((claim, id, key)) = found {
                        keys.entry(claim.device.clone())
                            .or_default()
                            .insert(id, key);
                        claims.push(claim);
                    }
                }
                Ok((claims, keys))
            })
            .await?;
        if claims.iter().any(Claim::changes_rows) {
            let commit = Commit::new(move |batch, _| {
                claims.into_iter().for_each(|claim| claim.put(batch, user));
            });
            self.storage()
                .commit(commit.changing(Change::User(user)))
                .await?;
        }
        Ok(keys)
    }
}

/// A key found for somebody.
struct Claim {
    device: OwnedDeviceId,
    algorithm: String,
    claimable: ClaimableRow,
    taken: Taken,
}

enum Taken {
    /// The one-time key at this place.
    OneTime(StreamPos, String),
    /// The fallback key, for the first time.
    Fallback(FallbackKeyRow),
    /// The fallback key, not for the first time.
    FallbackAgain,
}

impl Claim {
    fn find(
        snapshot: &Snapshot<'_>,
        user: UserNid,
        device: OwnedDeviceId,
        algorithm: &str,
    ) -> storage::Result<Option<(Self, OwnedOneTimeKeyId, Raw<OneTimeKey>)>> {
        let mut claimable = tables::CLAIMABLE
            .get(snapshot, (user, &device))?
            .unwrap_or_default();
        let first = tables::ONE_TIME_KEY
            .scan(snapshot, (user, &device, algorithm))?
            .next();
        let (taken, key_id, key) = match first.transpose()? {
            Some(((_, _, _, pos, key_id), key)) => {
                let left = claimable.one_time.entry(algorithm.to_owned()).or_default();
                *left = left.saturating_sub(1);
                (Taken::OneTime(pos, key_id.clone()), key_id, key)
            }
            None => match tables::FALLBACK_KEY.get(snapshot, (user, &device, algorithm))? {
                Some(row) if row.used => (Taken::FallbackAgain, row.key_id, row.key),
                Some(row) => {
                    claimable
                        .unused_fallback
                        .retain(|unused| unused != algorithm);
                    let used = FallbackKeyRow {
                        used: true,
                        ..row.clone()
                    };
                    (Taken::Fallback(used), row.key_id, row.key)
                }
                None => return Ok(None),
            },
        };
        let corrupt = |_| storage::Error::Corrupt("a stored one-time key is malformed");
        let id = OwnedOneTimeKeyId::try_from(format!("{algorithm}:{key_id}"))
            .map_err(|_| storage::Error::Corrupt("the id of a stored one-time key is malformed"))?;
        let key = Raw::from_json_string(key).map_err(corrupt)?;
        let algorithm = algorithm.to_owned();
        Ok(Some((
            Self {
                device,
                algorithm,
                claimable,
                taken,
            },
            id,
            key,
        )))
    }

    fn changes_rows(&self) -> bool {
        !matches!(self.taken, Taken::FallbackAgain)
    }

    fn put(self, batch: &mut Batch<'_>, user: UserNid) {
        let device = &self.device;
        match &self.taken {
            Taken::OneTime(pos, key_id) => {
                tables::ONE_TIME_KEY.delete(batch, (user, device, &self.algorithm, *pos, key_id));
            }
            Taken::Fallback(used) => {
                tables::FALLBACK_KEY.put(batch, (user, device, &self.algorithm), used);
            }
            Taken::FallbackAgain => return,
        }
        tables::CLAIMABLE.put(batch, (user, device), &self.claimable);
    }
}

/// Removes all one-time and fallback keys of a device.
pub(super) fn delete(batch: &mut Batch<'_>, user: UserNid, device: &DeviceId) {
    tables::ONE_TIME_KEY.delete_prefix(batch, (user, device));
    tables::FALLBACK_KEY.delete_prefix(batch, (user, device));
    tables::CLAIMABLE.delete(batch, (user, device));
}
