//! A cache of what was read from the database.
//!
//! Something that is changed while it is being read must not stay in the cache as it was. So a reader notes the
//! generation before it reads, and looks again after it has put its find in: if anything was forgotten meanwhile, the find
//! is taken out again. Whoever changes rows calls [`ReadCache::forget`] after the commit.

use std::{
    hash::Hash,
    sync::atomic::{AtomicU64, Ordering},
};

use quick_cache::sync::Cache;

/// A bounded cache; values are cheap to clone.
pub struct ReadCache<K, V> {
    values: Cache<K, V>,
    generation: AtomicU64,
}

/// The moment before a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Generation(u64);

impl<K: Eq + Hash + Clone, V: Clone> ReadCache<K, V> {
    /// A cache of so many values.
    pub fn new(capacity: usize) -> Self {
        Self {
            values: Cache::new(capacity),
            generation: AtomicU64::new(0),
        }
    }

    /// A value that was read before.
    pub fn get(&self, key: &K) -> Option<V> {
        self.values.get(key)
    }

    /// To be noted before a value is read.
    pub fn generation(&self) -> Generation {
        Generation(self.generation.load(Ordering::SeqCst))
    }

    /// Keeps a value that was read, unless something has changed since.
    pub fn insert(&self, key: K, value: V, noted: Generation) {
        self.values.insert(key.clone(), value);
        if self.generation() != noted {
            self.values.remove(&key);
        }
    }

    /// Forgets values that have changed.
    pub fn forget(&self, keys: impl IntoIterator<Item = K>) {
        self.generation.fetch_add(1, Ordering::SeqCst);
        for key in keys {
            self.values.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn value_read_before_a_change_is_not_kept_after_it() {
        let cache = ReadCache::new(10);
        let noted = cache.generation();
        cache.forget([1]);
        cache.insert(1, "old", noted);
        assert_eq!(cache.get(&1), None);
        cache.insert(1, "new", cache.generation());
        assert_eq!(cache.get(&1), Some("new"));
        cache.forget([1]);
        assert_eq!(cache.get(&1), None);
    }
}
