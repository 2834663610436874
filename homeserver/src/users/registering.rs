//! What a registration remembers of its earlier requests, by the session in which it authenticates.
//!
//! Some clients send name, password and device only once, and then nothing but what authenticates them. And an answer can
//! get lost: whoever sends the last request again gets the account it made, not the news that the name is taken.

use std::{sync::Arc, time::Duration};

use quick_cache::sync::Cache;

use super::{Registered, Registration, Users};

/// Registrations that are remembered; then the oldest unused ones are forgotten.
const MAX_REMEMBERED: usize = 1_000;
/// Bytes of a wish that is remembered: what is longer has to be sent again.
const MAX_WISH: usize = 1024;
/// How long a wish is remembered while its author authenticates.
const WISH_TIMEOUT: Duration = Duration::from_secs(60 * 60);
/// How long the answer can be had again.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// Registrations under way, and those that are done.
pub(super) struct Registrations {
    by_session: Cache<String, Arc<Remembered>>,
}

struct Remembered {
    until: Duration,
    what: Stage,
}

enum Stage {
    Wished(Registration),
    Done(Registered),
}

impl Default for Registrations {
    fn default() -> Self {
        Self {
            by_session: Cache::new(MAX_REMEMBERED),
        }
    }
}

impl Users {
    /// What came of this wish, if its registration has been completed in the session.
    pub(super) fn registered_in(&self, session: &str, wish: &Registration) -> Option<Registered> {
        let remembered = self.remembered(session)?;
        let Stage::Done(registered) = &remembered.what else {
            return None;
        };
        let name = registered.user_id.localpart();
        let is_other = |username: &String| !username.eq_ignore_ascii_case(name);
        (!wish.username.as_ref().is_some_and(is_other)).then(|| registered.clone())
    }

    /// A wish, with what an earlier request of the session said where this one says nothing.
    pub(super) fn recall_wish(&self, session: &str, wish: Registration) -> Registration {
        let Some(remembered) = self.remembered(session) else {
            return wish;
        };
        let Stage::Wished(earlier) = &remembered.what else {
            return wish;
        };
        // A request with any of these is complete in itself: the device belongs to the name it was sent with.
        if wish.username.is_some() || wish.password.is_some() {
            return wish;
        }
        earlier.clone()
    }

    pub(super) fn remember_wish(&self, session: &str, wish: Registration) {
        let sign_in = wish.sign_in.as_ref();
        let name = sign_in.and_then(|sign_in| sign_in.device_display_name.as_ref());
        let texts = [wish.username.as_ref(), wish.password.as_ref(), name];
        let length: usize = texts.into_iter().flatten().map(String::len).sum();
        if (1..=MAX_WISH).contains(&length) {
            self.remember(session, WISH_TIMEOUT, Stage::Wished(wish));
        }
    }

    pub(super) fn remember_registered(&self, session: &str, registered: Registered) {
        self.remember(session, ANSWER_TIMEOUT, Stage::Done(registered));
    }

    fn remember(&self, session: &str, timeout: Duration, what: Stage) {
        let until = self.inner.clock.elapsed().saturating_add(timeout);
        let remembered = Arc::new(Remembered { until, what });
        let registrations = &self.inner.registrations.by_session;
        registrations.insert(session.to_owned(), remembered);
    }

    fn remembered(&self, session: &str) -> Option<Arc<Remembered>> {
        let registrations = &self.inner.registrations.by_session;
        let remembered = registrations.get(session)?;
        if self.inner.clock.elapsed() > remembered.until {
            registrations.remove(session);
            return None;
        }
        Some(remembered)
    }
}
