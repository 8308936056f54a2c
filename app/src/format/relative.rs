//! How long ago something was, or in how long it will be.

use rowcast_protocol::calendar::parse_unix_text;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// Who needs to know better than to a month sees the exact time.
const MONTH: i64 = 30 * DAY;
const YEAR: i64 = 365 * DAY;

/// What stands for a time that is `text` as the interface writes it, when it is `now`, in
/// milliseconds since 1970. A `timestamp` without a zone is taken for UTC. `None` for
/// infinities and what else is no moment.
pub fn since(text: &str, now: f64) -> Option<String> {
    Some(distance(passed(text, now)?))
}

/// The same of what was written down: no clock says that it is yet to be.
pub fn ago(text: &str, now: f64) -> Option<String> {
    Some(distance(passed(text, now)?.max(0)))
}

/// How many seconds have passed since then.
fn passed(text: &str, now: f64) -> Option<i64> {
    let moment = match parse_unix_text(text) {
        Some(moment) => moment,
        None => parse_unix_text(&format!("{text}+00:00"))?,
    };
    Some((now / 1000.0) as i64 - moment / 1_000_000)
}

/// What stands for a day, when today is `today`, both as `2026-03-01`.
pub fn day(text: &str, today: &str) -> Option<String> {
    let days = |text: &str| {
        let midnight = parse_unix_text(&format!("{text}T00:00:00+00:00"))?;
        Some(midnight / 1_000_000 / DAY)
    };
    Some(match days(today)? - days(text)? {
        0 => "today".to_owned(),
        1 => "yesterday".to_owned(),
        -1 => "tomorrow".to_owned(),
        apart => distance(apart * DAY),
    })
}

/// So many seconds ago; in so many, where there are less than none. The least of the unit that
/// is reached, as clocks count: 119 seconds are one minute.
fn distance(seconds: i64) -> String {
    let apart = seconds.abs();
    // A moment that the clocks of two machines may differ by.
    if apart < 3 {
        return "now".to_owned();
    }
    let (count, one, many) = if apart < MINUTE {
        (apart, "s", "s")
    } else if apart < HOUR {
        (apart / MINUTE, "min", "min")
    } else if apart < DAY {
        (apart / HOUR, "h", "h")
    } else if apart < MONTH {
        (apart / DAY, "day", "days")
    } else if apart < YEAR {
        (apart / MONTH, "month", "months")
    } else {
        (apart / YEAR, "year", "years")
    };
    let unit = if count == 1 { one } else { many };
    if seconds < 0 {
        format!("in {count} {unit}")
    } else {
        format!("{count} {unit} ago")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-03-01T12:00:00Z.
    const NOON: f64 = 1_772_366_400_000.0;

    #[test]
    fn what_was_written_down_is_never_yet_to_be() {
        let at = "2026-03-01T12:00:10+00:00";
        let noon = parse_unix_text("2026-03-01T12:00:00+00:00").map(|noon| (noon / 1_000) as f64);
        let noon = noon.unwrap_or_default();
        assert_eq!(since(at, noon).as_deref(), Some("in 10 s"));
        assert_eq!(ago(at, noon).as_deref(), Some("now"));
        assert_eq!(ago(at, noon + 25_000.0).as_deref(), Some("15 s ago"));
    }

    #[test]
    fn times_are_told_by_their_distance() {
        for (text, expected) in [
            ("2026-03-01T12:00:00+00:00", "now"),
            ("2026-03-01T11:59:30.5+00:00", "30 s ago"),
            ("2026-03-01T11:58:01+00:00", "1 min ago"),
            ("2026-03-01T12:05:00+00:00", "in 5 min"),
            ("2026-03-01T09:00:00", "3 h ago"),
            ("2026-02-27T12:00:00+00:00", "2 days ago"),
            ("2026-01-01T12:00:00+00:00", "1 month ago"),
            ("2024-01-01T12:00:00+00:00", "2 years ago"),
        ] {
            assert_eq!(since(text, NOON).as_deref(), Some(expected), "{text}");
        }
        assert_eq!(since("infinity", NOON), None);
    }

    #[test]
    fn days_have_their_names() {
        let today = |text| day(text, "2026-03-01");
        assert_eq!(today("2026-03-01").as_deref(), Some("today"));
        assert_eq!(today("2026-02-28").as_deref(), Some("yesterday"));
        assert_eq!(today("2026-03-02").as_deref(), Some("tomorrow"));
        assert_eq!(today("2026-03-11").as_deref(), Some("in 10 days"));
        assert_eq!(today("infinity"), None);
    }
}
