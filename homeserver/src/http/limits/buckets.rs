//! Where allowances are kept: a few locked maps of bounded size.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use parking_lot::Mutex;

use super::{Allowance, Class, Subject};

type Key = (Class, Subject);

/// Independent maps, so that requests seldom wait for each other's lock.
const SHARDS: usize = 16;
/// Allowances kept in one map; 16 maps of this size are about 6 MB.
const KEPT: usize = 8_192;

pub(super) struct Buckets {
    shards: [Mutex<Shard>; SHARDS],
    hasher: RandomState,
}

/// For each allowance, the time at which it will be full.
#[derive(Default)]
struct Shard(HashMap<Key, Duration>);

impl Buckets {
    pub(super) fn new() -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::default()),
            hasher: RandomState::new(),
        }
    }

    /// Takes one; or says how long until there is one.
    pub(super) fn take(
        &self,
        key: Key,
        allowance: Allowance,
        now: Duration,
    ) -> Result<(), Duration> {
        let shard = self.hasher.hash_one(key) as usize % SHARDS;
        self.shards[shard].lock().take(key, allowance, now)
    }
}

impl Shard {
    fn take(&mut self, key: Key, allowance: Allowance, now: Duration) -> Result<(), Duration> {
        let one = Duration::from_secs_f64(1.0 / allowance.per_second);
        let full_at = self.0.get(&key).copied().unwrap_or_default().max(now);
        let wait = (full_at + one).saturating_sub(now + one * allowance.burst);
        if !wait.is_zero() {
            return Err(wait);
        }
        if self.0.len() >= KEPT {
            self.forget(now);
        }
        self.0.insert(key, full_at + one);
        Ok(())
    }

    /// Forgets what is full; and when that is not enough, a quarter of the rest, whichever. Somebody with thousands of
    /// addresses can get an allowance back this way, but cannot make the server remember more than this.
    fn forget(&mut self, now: Duration) {
        self.0.retain(|_, full_at| *full_at > now);
        let mut excess = self.0.len().saturating_sub(KEPT * 3 / 4);
        self.0.retain(|_, _| {
            let keep = excess == 0;
            excess = excess.saturating_sub(1);
            keep
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::UserNid;

    const SLOW: Allowance = Allowance {
        burst: 1,
        per_second: 0.001,
    };

    #[test]
    fn an_attacker_with_many_addresses_does_not_fill_the_memory() {
        let buckets = Buckets::new();
        for user in 0..300_000 {
            let key = (Class::Register, Subject::Account(UserNid(user)));
            buckets.take(key, SLOW, Duration::ZERO).unwrap();
        }
        let kept: usize = buckets
            .shards
            .iter()
            .map(|shard| shard.lock().0.len())
            .sum();
        assert!(kept <= SHARDS * KEPT, "{kept}");
    }

    #[test]
    fn the_burst_comes_back_after_a_rest() {
        let buckets = Buckets::new();
        let key = (Class::Send, Subject::Account(UserNid(1)));
        let allowance = Allowance {
            burst: 3,
            per_second: 1.0,
        };
        for _ in 0..3 {
            buckets.take(key, allowance, Duration::ZERO).unwrap();
        }
        assert_eq!(
            buckets.take(key, allowance, Duration::ZERO),
            Err(Duration::from_secs(1))
        );
        for _ in 0..3 {
            buckets
                .take(key, allowance, Duration::from_secs(3))
                .unwrap();
        }
        assert!(
            buckets
                .take(key, allowance, Duration::from_secs(3))
                .is_err()
        );
    }
}
