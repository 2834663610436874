//! Answers before echoes.
//!
//! Whoever sends a message is answered, and is told of it by `/sync` too. Synapse takes longer over the second, and
//! clients rely on the order: matrix-js-sdk, whose first replies in a new thread come back before they are answered,
//! takes them for failed and sends nothing else in that room for half a minute. So the session that sends is told what
//! is new a moment later; nobody else waits.

use std::time::Duration;

use tokio::time::Instant;

use super::Hub;
use crate::ids::UserNid;

/// How long after a session began to send something it is told what is new. A browser that draws takes as long to get
/// round to an answer.
const ECHO_PAUSE: Duration = Duration::from_millis(100);

impl Hub {
    /// Notes that a session sends something.
    pub fn begin_echo_pause(&self, user: UserNid, session: &str) {
        let slot = self.user(user);
        let mut echoes = slot.echoes.lock();
        let now = Instant::now();
        echoes.retain(|_, until| *until > now);
        echoes.insert(session.to_owned(), now + ECHO_PAUSE);
    }

    /// Until when a session has to wait to be told what is new; none if it has sent nothing just now.
    pub fn echo_pause(&self, user: UserNid, session: &str) -> Option<Instant> {
        let slot = self.user(user);
        let until = *slot.echoes.lock().get(session)?;
        (until > Instant::now()).then_some(until)
    }
}
