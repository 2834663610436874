//! The changes of one group of commits.

use rocksdb::WriteBatch;

use super::{Error, Family, Result, options::Database};

/// Changes that reach the disk together or not at all.
pub struct Batch<'d> {
    db: &'d Database,
    raw: WriteBatch,
    failed: Option<Error>,
}

impl<'d> Batch<'d> {
    pub(super) fn new(db: &'d Database) -> Self {
        Self {
            db,
            raw: WriteBatch::default(),
            failed: None,
        }
    }

    /// Bytes collected so far.
    pub(super) fn size(&self) -> usize {
        self.raw.size_in_bytes()
    }

    pub(super) fn finish(self) -> Result<WriteBatch> {
        match self.failed {
            Some(error) => Err(error),
            None => Ok(self.raw),
        }
    }

    pub(super) fn put(&mut self, family: Family, key: Vec<u8>, value: Result<Vec<u8>>) {
        match (self.db.cf_handle(family.name()), value) {
            (Some(family), Ok(value)) => self.raw.put_cf(family, key, value),
            (None, _) => self.fail(Error::Corrupt("a column family is missing")),
            (_, Err(error)) => self.fail(error),
        }
    }

    pub(super) fn delete(&mut self, family: Family, key: Vec<u8>) {
        match self.db.cf_handle(family.name()) {
            Some(family) => self.raw.delete_cf(family, key),
            None => self.fail(Error::Corrupt("a column family is missing")),
        }
    }

    pub(super) fn delete_range(&mut self, family: Family, from: Vec<u8>, to: Vec<u8>) {
        match self.db.cf_handle(family.name()) {
            Some(family) => self.raw.delete_range_cf(family, from, to),
            None => self.fail(Error::Corrupt("a column family is missing")),
        }
    }

    /// Remembers the first failure; the whole group is then refused, since half of it may be in the batch already.
    fn fail(&mut self, error: Error) {
        self.failed.get_or_insert(error);
    }
}
