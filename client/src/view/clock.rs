//! The one place where the views ask what time it is.

use std::{
    cell::Cell,
    time::{SystemTime, UNIX_EPOCH},
};

use crate::render::time::Timestamp;

thread_local! {
    /// The time of pictures, which must not depend on when they are made.
    static STOPPED: Cell<Option<Timestamp>> = const { Cell::new(None) };
}

/// Now.
pub(super) fn now() -> Timestamp {
    STOPPED.get().unwrap_or_else(|| {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    })
}

/// For pictures of the window: from now on it is always this time.
pub fn stop_clock(at: Timestamp) {
    STOPPED.set(Some(at));
}
