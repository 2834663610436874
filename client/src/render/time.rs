//! Points in time, said the way people read them.

use std::time::Duration;

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, TimeZone, Utc};

use super::Language;

/// Milliseconds since 1970 in UTC, as events carry them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(pub u64);

impl Timestamp {
    fn within<Z: TimeZone>(self, zone: &Z) -> DateTime<Z> {
        let utc = i64::try_from(self.0)
            .ok()
            .and_then(DateTime::<Utc>::from_timestamp_millis);
        // Far beyond any calendar a peer may have claimed: shown as the last moment there is.
        utc.unwrap_or(DateTime::<Utc>::MAX_UTC - Days::new(2))
            .with_timezone(zone)
    }

    /// The calendar day there.
    #[must_use]
    pub fn date<Z: TimeZone>(self, zone: &Z) -> NaiveDate {
        self.within(zone).date_naive()
    }
}

/// How long the day goes on there, and at least a second.
#[must_use]
pub fn until_tomorrow<Z: TimeZone>(now: Timestamp, zone: &Z) -> Duration {
    const SHORTEST: Duration = Duration::from_secs(1);
    /// Where clocks are put forward at midnight there is no such time.
    const LATER: Duration = Duration::from_secs(3600);
    let now = now.within(zone);
    let tomorrow = now.date_naive() + Days::new(1);
    let begins = tomorrow
        .and_time(NaiveTime::MIN)
        .and_local_timezone(zone.clone());
    let left = begins.earliest().map(|begins| begins - now);
    left.and_then(|left| left.to_std().ok())
        .unwrap_or(LATER)
        .max(SHORTEST)
}

/// The day in the middle of a line: `сегодня`, `вчера`, `12 ноября`.
#[must_use]
pub fn day_in_line<Z: TimeZone>(
    language: Language,
    at: Timestamp,
    now: Timestamp,
    zone: &Z,
) -> String {
    let day = day(language, at, now, zone);
    let mut letters = day.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_lowercase().chain(letters).collect()
    })
}

/// The time of day: `10:36`.
#[must_use]
pub fn clock<Z: TimeZone>(at: Timestamp, zone: &Z) -> String {
    at.within(zone).naive_local().format("%H:%M").to_string()
}

/// The day pill above a day's messages: `Сегодня`, `Вчера`, `12 ноября`, `12 ноября 2024`.
#[must_use]
pub fn day<Z: TimeZone>(language: Language, at: Timestamp, now: Timestamp, zone: &Z) -> String {
    let (date, today) = (at.date(zone), now.date(zone));
    if date == today {
        return match language {
            Language::Russian => "Сегодня".to_owned(),
            Language::English => "Today".to_owned(),
        };
    }
    if date.checked_add_days(Days::new(1)) == Some(today) {
        return match language {
            Language::Russian => "Вчера".to_owned(),
            Language::English => "Yesterday".to_owned(),
        };
    }
    let month = month_of_date(language, date.month());
    if date.year() == today.year() {
        format!("{} {month}", date.day())
    } else {
        format!("{} {month} {}", date.day(), date.year())
    }
}

/// The short time at the right of a room in the list: `11:52` today, `пн` this week, `12.11` this year, `12.11.24`.
#[must_use]
pub fn short<Z: TimeZone>(language: Language, at: Timestamp, now: Timestamp, zone: &Z) -> String {
    let (date, today) = (at.date(zone), now.date(zone));
    if date == today {
        return clock(at, zone);
    }
    let days_ago = today.signed_duration_since(date).num_days();
    if (1..7).contains(&days_ago) {
        return weekday(language, date).to_owned();
    }
    let format = match (language, date.year() == today.year()) {
        (Language::Russian, true) => "%d.%m",
        (Language::Russian, false) => "%d.%m.%y",
        (Language::English, true) => "%-d %b",
        (Language::English, false) => "%-d %b %Y",
    };
    date.format(format).to_string()
}

/// Day and time for tooltips: `12 ноября 2024, 10:36`.
#[must_use]
pub fn full<Z: TimeZone>(language: Language, at: Timestamp, zone: &Z) -> String {
    let date = at.date(zone);
    format!(
        "{} {} {}, {}",
        date.day(),
        month_of_date(language, date.month()),
        date.year(),
        clock(at, zone)
    )
}

fn weekday(language: Language, date: NaiveDate) -> &'static str {
    const RUSSIAN: [&str; 7] = ["пн", "вт", "ср", "чт", "пт", "сб", "вс"];
    const ENGLISH: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let names = match language {
        Language::Russian => RUSSIAN,
        Language::English => ENGLISH,
    };
    names[date.weekday().num_days_from_monday() as usize % 7]
}

/// The month as it stands after a day's number (Russian: genitive).
fn month_of_date(language: Language, month: u32) -> &'static str {
    const RUSSIAN: [&str; 12] = [
        "января",
        "февраля",
        "марта",
        "апреля",
        "мая",
        "июня",
        "июля",
        "августа",
        "сентября",
        "октября",
        "ноября",
        "декабря",
    ];
    const ENGLISH: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let names = match language {
        Language::Russian => RUSSIAN,
        Language::English => ENGLISH,
    };
    names[(month.max(1) as usize - 1) % 12]
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chrono::FixedOffset;

    use super::{Language, Timestamp, clock, day, day_in_line, full, short, until_tomorrow};

    const HOUR: u64 = 3_600_000;
    const DAY: u64 = 24 * HOUR;
    /// Tuesday, 24 November 2026, 10:36 in UTC+3.
    const NOW: Timestamp = Timestamp(1_795_505_760_000);

    fn zone() -> FixedOffset {
        FixedOffset::east_opt(3 * 3600).expect("three hours are an offset")
    }

    fn ago(milliseconds: u64) -> Timestamp {
        Timestamp(NOW.0 - milliseconds)
    }

    #[test]
    fn the_clock_is_local() {
        assert_eq!(clock(NOW, &zone()), "10:36");
    }

    #[test]
    fn the_day_ends_at_the_next_local_midnight() {
        let left = until_tomorrow(NOW, &zone());
        assert_eq!(left, Duration::from_secs((13 * 60 + 24) * 60));
        let next = Timestamp(NOW.0 + u64::try_from(left.as_millis()).unwrap());
        assert_eq!(next.date(&zone()).to_string(), "2026-11-25");
        assert_eq!(
            until_tomorrow(next, &zone()),
            Duration::from_secs(24 * 3600)
        );
    }

    #[test]
    fn days_are_named_by_distance() {
        let say = |language, at| day(language, at, NOW, &zone());
        assert_eq!(say(Language::Russian, NOW), "Сегодня");
        assert_eq!(say(Language::Russian, ago(11 * HOUR)), "Вчера");
        assert_eq!(say(Language::Russian, ago(12 * DAY)), "12 ноября");
        assert_eq!(say(Language::English, ago(DAY)), "Yesterday");
        assert_eq!(say(Language::English, ago(365 * DAY)), "24 November 2025");
    }

    #[test]
    fn days_in_a_line_begin_with_small_letters() {
        let say = |language, at| day_in_line(language, at, NOW, &zone());
        assert_eq!(say(Language::Russian, NOW), "сегодня");
        assert_eq!(say(Language::English, ago(DAY)), "yesterday");
        assert_eq!(say(Language::English, ago(12 * DAY)), "12 November");
    }

    #[test]
    fn the_list_shows_the_shortest_useful_time() {
        let say = |language, at| short(language, at, NOW, &zone());
        assert_eq!(say(Language::Russian, ago(HOUR)), "09:36");
        assert_eq!(say(Language::Russian, ago(DAY)), "пн");
        assert_eq!(say(Language::Russian, ago(12 * DAY)), "12.11");
        assert_eq!(say(Language::English, ago(12 * DAY)), "12 Nov");
        assert_eq!(say(Language::Russian, ago(365 * DAY)), "24.11.25");
    }

    #[test]
    fn a_claimed_time_outside_the_calendar_is_still_shown() {
        assert!(!full(Language::Russian, Timestamp(u64::MAX), &zone()).is_empty());
    }
}
