//! Typed access to one table.

use std::{fmt, marker::PhantomData};

use rocksdb::{DBRawIteratorWithThreadMode, ReadOptions};

use super::{
    Batch, Error, Family, Key, KeyOf, PrefixOf, Result, Snapshot, Storage, Value, options::Database,
};

/// One table: rows of `K → V` behind a one-byte prefix inside a column family.
///
/// All tables are declared in [`super::tables`].
pub struct Table<K, V> {
    name: &'static str,
    family: Family,
    prefix: u8,
    row: PhantomData<fn() -> (K, V)>,
}

impl<K, V> Clone for Table<K, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, V> Copy for Table<K, V> {}

impl<K, V> fmt::Debug for Table<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl<K, V> Table<K, V> {
    /// Declares a table. Only [`super::tables`] does so.
    pub(super) const fn new(name: &'static str, family: Family, prefix: u8) -> Self {
        Self {
            name,
            family,
            prefix,
            row: PhantomData,
        }
    }
}

impl<K: Key, V: Value> Table<K, V> {
    fn key(&self, key: &impl KeyOf<K>) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(48);
        bytes.push(self.prefix);
        key.encode(&mut bytes);
        bytes
    }

    fn value(&self, bytes: &[u8]) -> Result<V> {
        V::from_bytes(bytes).map_err(|error| error.in_table(self.name))
    }

    /// The value of a key, if there is one.
    pub fn get(&self, snapshot: &Snapshot<'_>, key: impl KeyOf<K>) -> Result<Option<V>> {
        let slice = snapshot
            .raw
            .get_pinned_cf(snapshot.family(self.family)?, self.key(&key))?;
        slice.map(|bytes| self.value(&bytes)).transpose()
    }

    /// Whether there is a row with this key.
    pub fn contains(&self, snapshot: &Snapshot<'_>, key: impl KeyOf<K>) -> Result<bool> {
        Ok(snapshot
            .raw
            .get_pinned_cf(snapshot.family(self.family)?, self.key(&key))?
            .is_some())
    }

    /// The values of many keys, in their order, in one call to the database.
    pub fn get_many<Q: KeyOf<K>>(
        &self,
        snapshot: &Snapshot<'_>,
        keys: impl IntoIterator<Item = Q>,
    ) -> Result<Vec<Option<V>>> {
        let family = snapshot.family(self.family)?;
        let found = snapshot
            .raw
            .multi_get_cf(keys.into_iter().map(|key| (family, self.key(&key))));
        found
            .into_iter()
            .map(|bytes| bytes?.map(|bytes| self.value(&bytes)).transpose())
            .collect()
    }

    /// Rows whose keys begin with `prefix`, in order.
    pub fn scan<'s>(
        &self,
        snapshot: &'s Snapshot<'_>,
        prefix: impl PrefixOf<K>,
    ) -> Result<Scan<'s, K, V>> {
        let (from, to) = self.prefix_bounds(&prefix);
        Scan::new(*self, snapshot, from, to, false)
    }

    /// Rows whose keys begin with `prefix`, last one first.
    pub fn scan_back<'s>(
        &self,
        snapshot: &'s Snapshot<'_>,
        prefix: impl PrefixOf<K>,
    ) -> Result<Scan<'s, K, V>> {
        let (from, to) = self.prefix_bounds(&prefix);
        Scan::new(*self, snapshot, from, to, true)
    }

    /// Rows with `from <= key < to`, in order.
    pub fn range<'s>(
        &self,
        snapshot: &'s Snapshot<'_>,
        from: impl KeyOf<K>,
        to: impl KeyOf<K>,
    ) -> Result<Scan<'s, K, V>> {
        Scan::new(*self, snapshot, self.key(&from), self.key(&to), false)
    }

    /// Rows with `from <= key < to`, last one first.
    pub fn range_back<'s>(
        &self,
        snapshot: &'s Snapshot<'_>,
        from: impl KeyOf<K>,
        to: impl KeyOf<K>,
    ) -> Result<Scan<'s, K, V>> {
        Scan::new(*self, snapshot, self.key(&from), self.key(&to), true)
    }

    /// Writes a row.
    pub fn put(&self, batch: &mut Batch<'_>, key: impl KeyOf<K>, value: &V) {
        let bytes = value.to_bytes().map_err(|error| error.in_table(self.name));
        batch.put(self.family, self.key(&key), bytes);
    }

    /// Removes a row; removing one that is not there is no error.
    pub fn delete(&self, batch: &mut Batch<'_>, key: impl KeyOf<K>) {
        batch.delete(self.family, self.key(&key));
    }

    /// Removes every row whose key begins with `prefix`.
    pub fn delete_prefix(&self, batch: &mut Batch<'_>, prefix: impl PrefixOf<K>) {
        let (from, to) = self.prefix_bounds(&prefix);
        batch.delete_range(self.family, from, to);
    }

    /// Removes the rows with `from <= key < to`.
    pub fn delete_range(&self, batch: &mut Batch<'_>, from: impl KeyOf<K>, to: impl KeyOf<K>) {
        batch.delete_range(self.family, self.key(&from), self.key(&to));
    }

    /// Frees the disk of rows that were removed among those whose keys begin with `prefix`. Takes long; not for async
    /// code.
    pub fn compact(&self, storage: &Storage, prefix: impl PrefixOf<K>) -> Result<()> {
        let (from, to) = self.prefix_bounds(&prefix);
        storage.compact(self.family, &from, &to)
    }

    /// The same for the rows with `from <= key < to`.
    pub fn compact_range(
        &self,
        storage: &Storage,
        from: impl KeyOf<K>,
        to: impl KeyOf<K>,
    ) -> Result<()> {
        storage.compact(self.family, &self.key(&from), &self.key(&to))
    }

    fn prefix_bounds(&self, prefix: &impl PrefixOf<K>) -> (Vec<u8>, Vec<u8>) {
        let mut from = Vec::with_capacity(48);
        from.push(self.prefix);
        prefix.encode(&mut from);
        let to = after_prefix(&from);
        (from, to)
    }
}

/// The first key after all that begin with `prefix`.
fn after_prefix(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < 0xff {
            end.push(last + 1);
            break;
        }
    }
    end
}

/// Rows of a range, decoded as they are reached.
pub struct Scan<'s, K, V> {
    table: Table<K, V>,
    raw: DBRawIteratorWithThreadMode<'s, Database>,
    back: bool,
}

impl<'s, K: Key, V: Value> Scan<'s, K, V> {
    fn new(
        table: Table<K, V>,
        snapshot: &'s Snapshot<'_>,
        from: Vec<u8>,
        to: Vec<u8>,
        back: bool,
    ) -> Result<Self> {
        let mut options = ReadOptions::default();
        options.set_iterate_lower_bound(from);
        options.set_iterate_upper_bound(to);
        let mut raw = snapshot
            .raw
            .raw_iterator_cf_opt(snapshot.family(table.family)?, options);
        if back {
            raw.seek_to_last();
        } else {
            raw.seek_to_first();
        }
        Ok(Self { table, raw, back })
    }
}

impl<K: Key, V: Value> Iterator for Scan<'_, K, V> {
    type Item = Result<(K, V)>;

    fn next(&mut self) -> Option<Self::Item> {
        let Some((key, value)) = self.raw.item() else {
            return self.raw.status().err().map(|error| Err(error.into()));
        };
        let row = key
            .get(1..)
            .ok_or(Error::Corrupt("a key is too short"))
            .and_then(|mut key| K::decode(&mut key))
            .map_err(|error| error.in_table(self.table.name))
            .and_then(|key| Ok((key, self.table.value(value)?)));
        if self.back {
            self.raw.prev();
        } else {
            self.raw.next();
        }
        Some(row)
    }
}
