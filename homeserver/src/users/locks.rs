//! One change of a user's rows at a time.

use tokio::sync::{Mutex, MutexGuard};

use crate::ids::UserNid;

/// Locks are shared by users whose numbers are equal modulo this.
const LOCKS: usize = 256;

/// Locks for changes that read a user's rows before they write.
pub(super) struct UserLocks {
    locks: Box<[Mutex<()>]>,
}

impl Default for UserLocks {
    fn default() -> Self {
        Self {
            locks: (0..LOCKS).map(|_| Mutex::default()).collect(),
        }
    }
}

impl UserLocks {
    /// Waits for its turn. Held across the commit, so that the next one reads what this one wrote.
    pub(super) async fn lock(&self, user: UserNid) -> MutexGuard<'_, ()> {
        self.locks[user.0 as usize % LOCKS].lock().await
    }
}
