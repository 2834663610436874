//! Answers before echoes.
//!
//! Whoever sends a message is answered, and is told of it by `/sync` too. Synapse takes longer over the second, and
//! clients rely on the order: matrix-js-sdk, whose first replies in a new thread come back before they are answered,
//! takes them for failed and sends nothing else in that room for half a minute. So the session that sends is told what
//! is new a moment later; nobody else waits.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{Hub, UserSlot};
use crate::ids::UserNid;

/// How long after a session was answered it is told what is new. A browser that draws takes as long to get round to an
/// answer.
pub(super) const ECHO_PAUSE: Duration = Duration::from_millis(100);

/// What a session sends and was not answered yet, and when it was answered last.
pub(super) struct Echo {
    under_way: usize,
    answered: Instant,
}

/// A session sends something until this is dropped.
pub struct Sending {
    slot: Arc<UserSlot>,
    session: String,
}

impl Hub {
    /// Notes that a session sends something, from now until the answer.
    pub fn begin_sending(&self, user: UserNid, session: &str) -> Sending {
        let slot = self.user(user);
        let now = Instant::now();
        let mut echoes = slot.echoes.lock();
        echoes.retain(|_, echo| echo.until(now) > now);
        let echo = echoes.entry(session.to_owned()).or_insert(Echo {
            under_way: 0,
            answered: now,
        });
        echo.under_way += 1;
        drop(echoes);
        Sending {
            slot,
            session: session.to_owned(),
        }
    }

    /// Until when a session has to wait to be told what is new by now; none if it has sent nothing lately.
    pub fn echo_pause(&self, user: UserNid, session: &str) -> Option<Instant> {
        self.echo_pause_at(user, session, Instant::now())
    }

    pub(super) fn echo_pause_at(
        &self,
        user: UserNid,
        session: &str,
        now: Instant,
    ) -> Option<Instant> {
        let until = self.user(user).echoes.lock().get(session)?.until(now);
        (until > now).then_some(until)
    }
}

impl Echo {
    /// Nobody waits longer for an answer that takes its time.
    fn until(&self, now: Instant) -> Instant {
        let from = match self.under_way {
            0 => self.answered,
            _ => now,
        };
        from + ECHO_PAUSE
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        if let Some(echo) = self.slot.echoes.lock().get_mut(&self.session) {
            echo.under_way = echo.under_way.saturating_sub(1);
            echo.answered = Instant::now();
        }
    }
}
