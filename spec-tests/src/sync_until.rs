//! `/sync`, once or until something is seen.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{matchers::Verdict, must::text, user::User};

/// How long a test waits for something to be seen, in seconds, where `SPEC_TEST_PATIENCE` does not say.
const PATIENCE: u64 = 20;
/// Between two questions about something that no request waits for.
const PAUSE: Duration = Duration::from_millis(100);

impl User {
    /// One `/sync` with this query, e.g. `since=…&timeout=0`.
    #[track_caller]
    pub fn sync(&self, query: &str) -> Value {
        self.get(&format!("/v3/sync?{}", self.made_unique(query)))
            .ok()
    }

    /// Synapse repeats its answer to a request that it saw in the last two minutes; a timeout that is a little
    /// longer makes it a new one.
    fn made_unique(&self, query: &str) -> String {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        if !self.server.is_synapse() {
            return query.to_owned();
        }
        let timeout = NEXT.fetch_add(1, Ordering::Relaxed) % 500;
        query.replacen("timeout=0", &format!("timeout={timeout}"), 1)
    }

    /// A `/sync` from the beginning.
    #[track_caller]
    pub fn initial_sync(&self) -> Value {
        self.sync("timeout=0")
    }

    /// What is new after an earlier response, without waiting.
    #[track_caller]
    pub fn sync_after(&self, earlier: &Value) -> Value {
        self.sync(&format!("timeout=0&since={}", since(earlier)))
    }

    /// Follows `/sync` from the beginning until a response passes; returns that response.
    #[track_caller]
    pub fn must_see(&self, check: impl Fn(&Value) -> Verdict) -> Value {
        self.follow(None, "", check)
    }

    /// Follows `/sync` from an earlier response until one passes; returns that response.
    #[track_caller]
    pub fn must_see_after(&self, earlier: &Value, check: impl Fn(&Value) -> Verdict) -> Value {
        self.follow(Some(since(earlier)), "", check)
    }

    /// Like [`User::must_see_after`], with more in the query.
    #[track_caller]
    pub fn must_see_with(
        &self,
        earlier: &Value,
        query: &str,
        check: impl Fn(&Value) -> Verdict,
    ) -> Value {
        self.follow(Some(since(earlier)), query, check)
    }

    #[track_caller]
    fn follow(
        &self,
        mut since_token: Option<String>,
        query: &str,
        check: impl Fn(&Value) -> Verdict,
    ) -> Value {
        let deadline = Instant::now() + patience();
        let mut reasons = Vec::new();
        loop {
            let since_part = since_token.map_or(String::new(), |token| format!("&since={token}"));
            let response = self.sync(&format!("timeout=2000&{query}{since_part}"));
            match check(&response) {
                Ok(()) => return response,
                Err(reason) => reasons.push(reason),
            }
            assert!(
                Instant::now() < deadline,
                "not seen by {}; the reasons, one for each response:\n{}",
                self.id,
                reasons.join("\n")
            );
            since_token = Some(since(&response));
        }
    }
}

fn patience() -> Duration {
    let given = std::env::var("SPEC_TEST_PATIENCE").ok();
    Duration::from_secs(
        given
            .and_then(|given| given.parse().ok())
            .unwrap_or(PATIENCE),
    )
}

/// The token that continues after a response.
#[track_caller]
pub fn since(response: &Value) -> String {
    crate::http::encode(&text(&response["next_batch"]))
}

/// Repeats a question until the answer passes.
///
/// # Panics
/// When it does not within the deadline, with the reason of every attempt that differs from the one before.
#[track_caller]
pub fn eventually<T>(mut ask: impl FnMut() -> Result<T, String>) -> T {
    let deadline = Instant::now() + patience();
    let mut reasons: Vec<String> = Vec::new();
    loop {
        match ask() {
            Ok(answer) => return answer,
            Err(reason) if reasons.last() == Some(&reason) => {}
            Err(reason) => reasons.push(reason),
        }
        assert!(
            Instant::now() < deadline,
            "still: {}",
            reasons.join("\nthen: ")
        );
        std::thread::sleep(PAUSE);
    }
}
