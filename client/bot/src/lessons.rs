//! When lessons are, so that students start no games in them.

use serde::Deserialize;

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60;

/// The periods of the timetable.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lessons {
    /// Days with lessons: 1 for Monday to 7 for Sunday.
    #[serde(default)]
    pub days: Vec<u8>,
    /// Periods as `08:30-10:05`, in local time.
    #[serde(default)]
    pub periods: Vec<Period>,
}

/// From one minute of the day to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Period {
    from: i64,
    until: i64,
}

impl TryFrom<String> for Period {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let minute = |time: &str| {
            let (hours, minutes) = time.trim().split_once(':')?;
            let (hours, minutes): (i64, i64) = (hours.parse().ok()?, minutes.parse().ok()?);
            ((0..24).contains(&hours) && (0..60).contains(&minutes)).then_some(hours * 60 + minutes)
        };
        text.split_once('-')
            .and_then(|(from, until)| Some((minute(from)?, minute(until)?)))
            .filter(|(from, until)| from < until)
            .map(|(from, until)| Self { from, until })
            .ok_or_else(|| format!("a lesson is written like 08:30-10:05, not {text:?}"))
    }
}

impl Lessons {
    /// Whether a lesson is going on at a moment.
    pub(crate) fn at(&self, now: i64, utc_offset_minutes: i64) -> bool {
        let minutes = now.div_euclid(MINUTE) + utc_offset_minutes;
        // The first of January 1970 was a Thursday.
        let weekday = (minutes.div_euclid(DAY) + 3).rem_euclid(7) + 1;
        let minute = minutes.rem_euclid(DAY);
        self.days.iter().any(|day| i64::from(*day) == weekday)
            && self
                .periods
                .iter()
                .any(|period| (period.from..period.until).contains(&minute))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lessons_are_at_their_time_on_their_days() {
        let lessons: Lessons = toml::from_str("days = [4]\nperiods = [\"08:30-10:05\"]").unwrap();
        let at = |hours: i64, minutes: i64| lessons.at((hours * 60 + minutes) * MINUTE, 180);
        assert!(at(5, 30));
        assert!(!at(7, 5));
        assert!(!at(8, 30));
        assert!(!at(24 + 5, 30));
        assert!(toml::from_str::<Lessons>("periods = [\"10:00-9:00\"]").is_err());
    }
}
