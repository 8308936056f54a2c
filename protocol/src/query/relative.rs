//! Times that are told by their distance from the present.

/// A distance from the present: `now`, `now-15m`, `now+2h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Relative {
    seconds: i64,
    /// Whether it is told in nothing shorter than days.
    is_whole_days: bool,
}

/// The longest distance: a thousand years of 365 days.
const MAX_SECONDS: i64 = 365_000 * DAY;

const DAY: i64 = 86_400;

/// A text that begins as a relative time does and is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "after \"now\" comes + or -, a number and one of s, m, h, d, w, up to a thousand years in all"
)]
pub struct NotRelative;

impl Relative {
    /// Reads one; `None` if the text is about something else. A blank counts as `+`, which is
    /// what an address makes of a `+` that is not written `%2B`.
    pub fn parse(text: &str) -> Option<Result<Self, NotRelative>> {
        let rest = text.strip_prefix("now")?;
        let sign = match rest.as_bytes().first() {
            None => {
                return Some(Ok(Self {
                    seconds: 0,
                    is_whole_days: true,
                }));
            }
            Some(b'-') => -1,
            Some(b'+' | b' ') => 1,
            Some(_) => return None,
        };
        Some(distance(&rest[1..], sign).ok_or(NotRelative))
    }

    /// How many seconds after the present; negative if before it. A day has 24 hours.
    pub fn seconds(self) -> i64 {
        self.seconds
    }

    /// How many days after the present day, if it is told in nothing shorter.
    pub fn days(self) -> Option<i64> {
        self.is_whole_days.then_some(self.seconds / DAY)
    }
}

fn distance(text: &str, sign: i64) -> Option<Relative> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let length = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => DAY,
        "w" => 7 * DAY,
        _ => return None,
    };
    let seconds = digits.parse::<i64>().ok()?.checked_mul(length)?;
    (seconds <= MAX_SECONDS).then_some(Relative {
        seconds: sign * seconds,
        is_whole_days: length >= DAY,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_and_signs_are_understood() {
        for (text, seconds, days) in [
            ("now", 0, Some(0)),
            ("now-15m", -900, None),
            ("now+2h", 7200, None),
            ("now 2h", 7200, None),
            ("now-30s", -30, None),
            ("now-7d", -604_800, Some(-7)),
            ("now+1w", 604_800, Some(7)),
        ] {
            let relative = Relative::parse(text).and_then(Result::ok);
            let told = relative.map(|relative| (relative.seconds(), relative.days()));
            assert_eq!(told, Some((seconds, days)), "{text}");
        }
    }

    #[test]
    fn what_only_begins_alike_is_refused() {
        for text in [
            "now-",
            "now-m",
            "now-15",
            "now-15y",
            "now--1m",
            "now-1m1",
            "now- 1m",
            "now-1.5h",
            "now+99999999999999999999w",
            "now-400000d",
            "now-1é",
        ] {
            assert_eq!(Relative::parse(text), Some(Err(NotRelative)), "{text}");
        }
        for text in ["", "today", "NOW", "nowhere", "2026-01-01"] {
            assert_eq!(Relative::parse(text), None, "{text}");
        }
    }
}
