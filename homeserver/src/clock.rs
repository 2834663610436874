//! Where the time comes from.
//!
//! Everything that depends on time asks a [`Clock`] it was given, so that a test can move time forward
//! instead of sleeping.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use parking_lot::Mutex;
use ruma::{MilliSecondsSinceUnixEpoch, UInt};

/// The time of day and the time that has passed.
pub trait Clock: Send + Sync + 'static {
    /// The time of day, as the protocol writes it.
    ///
    /// It may jump, in either direction, when an administrator or NTP sets the machine's clock.
    fn now(&self) -> MilliSecondsSinceUnixEpoch;

    /// The time since an arbitrary moment before the clock was made. It never goes back.
    fn elapsed(&self) -> Duration;
}

/// A clock that several owners hold.
pub type SharedClock = Arc<dyn Clock>;

/// The machine's clock.
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// A clock that counts [`Clock::elapsed`] from now on.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that asks the machine for the time"
    )]
    pub fn new() -> Self {
        Self {
            started: Instant::now(),
        }
    }

    /// The same, ready to be shared.
    pub fn shared() -> SharedClock {
        Arc::new(Self::new())
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that asks the machine for the time"
    )]
    fn now(&self) -> MilliSecondsSinceUnixEpoch {
        // A clock set before 1970 counts as 1970: wrong, but not a reason to stop.
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        MilliSecondsSinceUnixEpoch(milliseconds(since_epoch))
    }

    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

/// A clock that moves only when a test says so.
pub struct ManualClock {
    time: Mutex<ManualTime>,
}

struct ManualTime {
    of_day: Duration,
    elapsed: Duration,
}

impl ManualClock {
    /// A clock that shows this many milliseconds since 1970.
    pub fn at(milliseconds_since_epoch: u64) -> Arc<Self> {
        let of_day = Duration::from_millis(milliseconds_since_epoch);
        Arc::new(Self {
            time: Mutex::new(ManualTime {
                of_day,
                elapsed: Duration::ZERO,
            }),
        })
    }

    /// Lets time pass.
    pub fn advance(&self, by: Duration) {
        let mut time = self.time.lock();
        time.of_day += by;
        time.elapsed += by;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> MilliSecondsSinceUnixEpoch {
        MilliSecondsSinceUnixEpoch(milliseconds(self.time.lock().of_day))
    }

    fn elapsed(&self) -> Duration {
        self.time.lock().elapsed
    }
}

fn milliseconds(duration: Duration) -> UInt {
    u64::try_from(duration.as_millis())
        .ok()
        .and_then(|ms| UInt::try_from(ms).ok())
        .unwrap_or(UInt::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manual_clock_moves_only_when_told() {
        let clock = ManualClock::at(1_000);
        assert_eq!(clock.now().get(), UInt::from(1_000_u32));
        clock.advance(Duration::from_secs(2));
        assert_eq!(clock.now().get(), UInt::from(3_000_u32));
        assert_eq!(clock.elapsed(), Duration::from_secs(2));
    }

    #[test]
    fn system_clock_shows_a_time_after_this_was_written() {
        assert!(u64::from(SystemClock::new().now().get()) > 1_760_000_000_000);
    }
}
