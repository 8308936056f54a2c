//! Dates and times as text, in ISO 8601 with PostgreSQL's infinities and BC.

const MICROSECONDS_A_DAY: i64 = 86_400_000_000;

/// 2000-01-01, PostgreSQL's day 0, counted in days from 1970-01-01.
const POSTGRES_EPOCH: i64 = 10_957;

/// 1970-01-01 counted from 0000-03-01 of the proleptic Gregorian calendar.
const UNIX_EPOCH: i64 = 719_468;

const DAYS_IN_400_YEARS: i64 = 146_097;

/// A `date`, given as days since 2000-01-01: `2024-02-29`, `0044-03-15 BC`, `infinity`.
pub fn date_text(days: i32) -> String {
    match days {
        i32::MIN => "-infinity".into(),
        i32::MAX => "infinity".into(),
        days => {
            let date = CivilDate::from_days(i64::from(days) + POSTGRES_EPOCH);
            let (year, era) = date.year_and_era();
            format!("{year:04}-{:02}-{:02}{era}", date.month, date.day)
        }
    }
}

/// A `time`, given in microseconds: `03:04:05.6`, the fraction's trailing zeros left out.
pub fn time_text(microseconds: i64) -> String {
    let seconds = microseconds.div_euclid(1_000_000);
    let fraction = microseconds.rem_euclid(1_000_000);
    let mut text = format!(
        "{:02}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    );
    if fraction != 0 {
        let digits = format!(".{fraction:06}");
        text.push_str(digits.trim_end_matches('0'));
    }
    text
}

/// A `timestamp` or `timestamptz`, given in microseconds since 2000-01-01: date and time with
/// `separator` between them and `zone` (empty, or the offset of UTC) after them, before BC.
pub fn timestamp_text(microseconds: i64, separator: char, zone: &str) -> String {
    match microseconds {
        i64::MIN => "-infinity".into(),
        i64::MAX => "infinity".into(),
        microseconds => {
            let days = microseconds.div_euclid(MICROSECONDS_A_DAY);
            moment_text(
                days + POSTGRES_EPOCH,
                microseconds.rem_euclid(MICROSECONDS_A_DAY),
                separator,
                zone,
            )
        }
    }
}

/// A moment, given in microseconds since 1970-01-01 UTC, as `to_jsonb` writes a `timestamptz`
/// in UTC: `2026-01-02T03:04:05.6+00:00`.
pub fn unix_text(microseconds: i64) -> String {
    moment_text(
        microseconds.div_euclid(MICROSECONDS_A_DAY),
        microseconds.rem_euclid(MICROSECONDS_A_DAY),
        'T',
        "+00:00",
    )
}

/// The moment that [`unix_text`] gives such a text for; `None` for any other text.
pub fn parse_unix_text(text: &str) -> Option<i64> {
    let (text, before_christ) = match text.strip_suffix(" BC") {
        Some(text) => (text, true),
        None => (text, false),
    };
    let (date, time) = text.strip_suffix("+00:00")?.split_once('T')?;
    let [year, month, day] = numbers(date, '-')?;
    let (time, fraction) = time.split_once('.').unwrap_or((time, ""));
    let [hour, minute, second] = numbers(time, ':')?;
    if fraction.len() > 6 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let fraction: i64 = format!("{fraction:0<6}").parse().ok()?;
    let year = if before_christ { 1 - year } else { year };
    let date = CivilDate { year, month, day };
    let days = date.to_days()?;
    let of_day = ((hour * 60 + minute) * 60 + second) * 1_000_000 + fraction;
    days.checked_mul(MICROSECONDS_A_DAY)?.checked_add(of_day)
}

/// The month of a day, both counted from January 1st, 2000.
pub fn month_of(days: i64) -> i64 {
    let date = CivilDate::from_days(days + POSTGRES_EPOCH);
    (date.year - 2000) * 12 + date.month - 1
}

/// The first day of a month, both counted from January 1st, 2000.
pub fn first_day(month: i64) -> i64 {
    let date = CivilDate {
        year: 2000 + month.div_euclid(12),
        month: month.rem_euclid(12) + 1,
        day: 1,
    };
    date.count() - POSTGRES_EPOCH
}

fn numbers(text: &str, separator: char) -> Option<[i64; 3]> {
    let mut parts = text.split(separator).map(|part| {
        let digits = part.len() <= 7 && part.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| part.parse::<i64>().ok()).flatten()
    });
    let numbers = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(numbers)
}

fn moment_text(days: i64, of_day: i64, separator: char, zone: &str) -> String {
    let date = CivilDate::from_days(days);
    let (year, era) = date.year_and_era();
    let (month, day) = (date.month, date.day);
    let time = time_text(of_day);
    format!("{year:04}-{month:02}-{day:02}{separator}{time}{zone}{era}")
}

#[derive(Debug, PartialEq, Eq)]
struct CivilDate {
    /// Astronomical: the year before 1 is 0.
    year: i64,
    month: i64,
    day: i64,
}

impl CivilDate {
    /// The date that many days after 1970-01-01.
    fn from_days(days: i64) -> Self {
        let days = days + UNIX_EPOCH;
        let era = days.div_euclid(DAYS_IN_400_YEARS);
        let of_era = days.rem_euclid(DAYS_IN_400_YEARS);
        let year_of_era =
            (of_era - of_era / 1460 + of_era / 36_524 - of_era / (DAYS_IN_400_YEARS - 1)) / 365;
        // Years begin in March here, so that a leap day is a year's last.
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * of_year + 2) / 153;
        let day = of_year - (153 * from_march + 2) / 5 + 1;
        let month = if from_march < 10 {
            from_march + 3
        } else {
            from_march - 9
        };
        Self {
            year: year_of_era + era * 400 + i64::from(month <= 2),
            month,
            day,
        }
    }

    /// The inverse; `None` for a date that there is not.
    fn to_days(&self) -> Option<i64> {
        if !(1..=12).contains(&self.month) || !(1..=31).contains(&self.day) {
            return None;
        }
        let days = self.count();
        (Self::from_days(days) == *self).then_some(days)
    }

    /// The days from 1970-01-01 to a date that there is.
    fn count(&self) -> i64 {
        let year = self.year - i64::from(self.month <= 2);
        let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let from_march = (self.month + 9) % 12;
        let of_year = (153 * from_march + 2) / 5 + self.day - 1;
        let of_era = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
        era * DAYS_IN_400_YEARS + of_era - UNIX_EPOCH
    }

    fn year_and_era(&self) -> (i64, &'static str) {
        if self.year > 0 {
            (self.year, "")
        } else {
            (1 - self.year, " BC")
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn dates_are_postgres_s() {
        for (days, text) in [
            (0, "2000-01-01"),
            (-1, "1999-12-31"),
            (59, "2000-02-29"),
            (-730_119, "0001-01-01"),
            (-730_120, "0001-12-31 BC"),
            (-2_451_545, "4714-11-24 BC"),
            (2_145_031_948, "5874897-12-31"),
            (i32::MAX, "infinity"),
            (i32::MIN, "-infinity"),
        ] {
            assert_eq!(date_text(days), text);
        }
    }

    #[test]
    fn times_drop_a_fractions_trailing_zeros() {
        assert_eq!(time_text(0), "00:00:00");
        assert_eq!(time_text(86_400_000_000), "24:00:00");
        assert_eq!(time_text(3_723_500_000), "01:02:03.5");
        assert_eq!(timestamp_text(-1, ' ', ""), "1999-12-31 23:59:59.999999");
        assert_eq!(timestamp_text(i64::MAX, 'T', "+00:00"), "infinity");
        assert_eq!(unix_text(0), "1970-01-01T00:00:00+00:00");
    }

    #[test]
    fn no_such_moment_is_read() {
        for text in [
            "",
            "2026-02-30T00:00:00+00:00",
            "2026-01-02T03:04:05",
            "2026-01-02T03:04:60+00:00",
            "2026-01-02T03:04:05.1234567+00:00",
            "2026-01-02 03:04:05+00:00",
        ] {
            assert_eq!(parse_unix_text(text), None, "{text}");
        }
    }

    #[test]
    fn months_begin_on_their_first_day() {
        for (day, month, first) in [
            (0, 0, 0),
            (30, 0, 0),
            (31, 1, 31),
            (59, 1, 31),
            (60, 2, 60),
            (-1, -1, -31),
            (366, 12, 366),
        ] {
            assert_eq!((month_of(day), first_day(month)), (month, first), "{day}");
        }
    }

    proptest! {
        #[test]
        fn a_day_lies_in_its_month(day in -2_500_000..2_200_000_000_i64) {
            let month = month_of(day);
            prop_assert!(first_day(month) <= day && day < first_day(month + 1));
        }

        #[test]
        fn moments_round_trip(microseconds in -200_000_000_000_000_000..9_000_000_000_000_000_000_i64) {
            prop_assert_eq!(parse_unix_text(&unix_text(microseconds)), Some(microseconds));
        }

        #[test]
        fn any_number_has_a_text(days: i32, microseconds: i64) {
            date_text(days);
            time_text(microseconds);
            timestamp_text(microseconds, ' ', "+00");
            unix_text(microseconds);
        }
    }
}
