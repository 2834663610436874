//! The schema's version and the steps from one to the next.

use super::{
    Batch, Error, Result, Snapshot, options::Database, tables::SCHEMA_VERSION, write_synced,
};

/// A step: everything it changes goes into one batch together with the new version.
type Step = fn(&Snapshot<'_>, &mut Batch<'_>) -> Result<()>;

/// The step at index `n` leads from version `n + 1` to `n + 2`.
const STEPS: &[Step] = &[];

/// The version this program writes.
const CURRENT: u32 = STEPS.len() as u32 + 1;

/// Brings the database to the current version.
pub(super) fn run(db: &Database) -> Result<()> {
    let found = SCHEMA_VERSION.get(&Snapshot::new(db), ())?;
    if let Some(found) = found.filter(|&found| found > CURRENT) {
        return Err(Error::TooNew {
            found,
            known: CURRENT,
        });
    }
    // A database without a version is new and needs no steps.
    for version in found.unwrap_or(CURRENT)..CURRENT {
        let mut batch = Batch::new(db);
        STEPS[version as usize - 1](&Snapshot::new(db), &mut batch)?;
        SCHEMA_VERSION.put(&mut batch, (), &(version + 1));
        write_synced(db, batch)?;
    }
    if found.is_none() {
        let mut batch = Batch::new(db);
        SCHEMA_VERSION.put(&mut batch, (), &CURRENT);
        write_synced(db, batch)?;
    }
    Ok(())
}
