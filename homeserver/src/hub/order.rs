//! Keys before what they open.
//!
//! A client that begins to encrypt sends others the key and the first message under it, and some do not wait for the
//! answer to the first (Cinny, and whatever else is made with matrix-js-sdk of before its crypto in Rust). Whoever is
//! told of the message first cannot read it, nheko not even later, until it is started again. So what a session says
//! in a room waits until what it was sending to devices is there. Sessions go by their access tokens here: those are
//! known as soon as a request comes, and what is sent to devices takes longer to read.

use std::{sync::Arc, time::Duration};

use tokio::{sync::OwnedRwLockReadGuard, time::timeout};

use super::Hub;

/// A line that breaks while keys are sent holds up nothing for longer.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

impl Hub {
    /// Notes that a session sends something to devices, until the guard is dropped.
    pub async fn begin_to_device(&self, token: &str) -> OwnedRwLockReadGuard<()> {
        let lock = {
            let mut under_way = self.inner.to_device.lock();
            under_way.retain(|_, lock| Arc::strong_count(lock) > 1);
            Arc::clone(under_way.entry(token.to_owned()).or_default())
        };
        lock.read_owned().await
    }

    /// Waits until what a session has begun to send to devices is there, a moment at most.
    pub async fn after_to_device(&self, token: &str) {
        let lock = self.inner.to_device.lock().get(token).cloned();
        if let Some(lock) = lock {
            drop(timeout(LONGEST_WAIT, lock.write()).await);
        }
    }
}
