//! What the client says of itself, with the time of day.

use std::{
    fs,
    path::PathBuf,
    thread::sleep,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, Result, ensure};

pub(crate) const LIST: &str = "the list of rooms is shown";
pub(crate) const OPENED: &str = "a room is opened";
pub(crate) const MESSAGES: &str = "its messages are shown";

const PATIENCE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The time since midnight, UTC.
#[derive(Clone, Copy)]
pub(crate) struct Moment(Duration);

impl Moment {
    pub(crate) fn now() -> Result<Self> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH)?;
        let nanoseconds = since.as_nanos() % DAY.as_nanos();
        Ok(Self(Duration::from_nanos(u64::try_from(nanoseconds)?)))
    }

    pub(crate) fn since(self, earlier: Self) -> Duration {
        self.0.checked_sub(earlier.0).unwrap_or_default()
    }
}

pub(crate) struct Log(pub(crate) PathBuf);

impl Log {
    /// How often something was said.
    pub(crate) fn count(&self, what: &str) -> Result<usize> {
        Ok(self.moments(what)?.len())
    }

    pub(crate) fn wait_for(&self, what: &str) -> Result<Moment> {
        self.wait_for_number(what, 0)
    }

    /// When it was said after it had been said so many times.
    pub(crate) fn wait_for_number(&self, what: &str, number: usize) -> Result<Moment> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(moment) = self.moments(what)?.get(number) {
                return Ok(*moment);
            }
            ensure!(Instant::now() < deadline, "the client does not say: {what}");
            sleep(Duration::from_millis(20));
        }
    }

    fn moments(&self, what: &str) -> Result<Vec<Moment>> {
        let text = fs::read_to_string(&self.0)?;
        let lines = text.lines().filter(|line| line.contains(what));
        lines
            .map(|line| parse(line).with_context(|| format!("no time in {line}")))
            .collect()
    }
}

/// Finds `T03:10:13.866228Z` in a line.
fn parse(line: &str) -> Option<Moment> {
    let end = line.find('Z')?;
    let start = line[..end].rfind('T')? + 1;
    let mut parts = line[start..end].split(':');
    let hours: u64 = parts.next()?.parse().ok()?;
    let minutes: u64 = parts.next()?.parse().ok()?;
    let seconds: f64 = parts.next()?.parse().ok()?;
    let whole = Duration::from_secs((hours * 60 + minutes) * 60);
    Some(Moment(whole + Duration::from_secs_f64(seconds)))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn the_time_is_found_among_colours() {
        let line = "\u{1b}[2m2026-11-26T03:10:13.866228Z\u{1b}[0m INFO client: a room is opened";
        assert_eq!(parse(line).unwrap().0.as_micros(), 11_413_866_228);
        assert!(parse("no time").is_none());
    }
}
