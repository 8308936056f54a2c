//! A chart of times: buckets of a length that calendars and clocks have, in UTC.

use rowcast_engine::datum::{Codec, Datum, decode_image};
use rowcast_protocol::{Cell, calendar};
use sqlx::{PgConnection, Row};

use super::{Range, Subject, count::Bound};
use crate::query::sql::Params;

/// How many times its buckets' length a range has at the most. Its ends need not lie on a
/// bucket's, so there may be a bucket more.
const LENGTHS: i64 = 38;

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Weeks begin on a Monday; 2000-01-01 was a Saturday.
const MONDAY: i64 = 2 * DAY;

/// Lengths up to a week, in microseconds.
const FIXED: [i64; 36] = [
    1,
    2,
    5,
    10,
    20,
    50,
    100,
    200,
    500,
    1_000,
    2_000,
    5_000,
    10_000,
    20_000,
    50_000,
    100_000,
    200_000,
    500_000,
    SECOND,
    2 * SECOND,
    5 * SECOND,
    10 * SECOND,
    15 * SECOND,
    30 * SECOND,
    MINUTE,
    2 * MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
];

/// The length of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// In microseconds, from such a moment on.
    Fixed(i64, i64),
    /// In months, from January of the year 2000 on.
    Months(i64),
}

/// The buckets of a column of times, and how many rows have no value.
pub async fn read(
    subject: &Subject<'_>,
    connection: &mut PgConnection,
) -> Result<(Range, u64), sqlx::Error> {
    let column = &subject.bound.table.columns[subject.column];
    let is_finite = "isfinite(r.v)";
    let selected = format!(
        "count(*) - count(r.v), count(r.v) - count(r.v) FILTER (WHERE {is_finite}), \
         record_send(ROW(min(r.v) FILTER (WHERE {is_finite}), max(r.v) FILTER (WHERE {is_finite})))"
    );
    let rows = subject
        .of_rows(connection, &selected, "", Params::default())
        .await?;
    let row = rows.first().ok_or(sqlx::Error::RowNotFound)?;
    let nulls = u64::try_from(row.try_get::<i64, _>(0)?).unwrap_or_default();
    let image: &[u8] = row.try_get(2)?;
    let ends = [column.codec.clone(), column.codec.clone()];
    let ends =
        decode_image(&mut &*image, &ends).map_err(|error| sqlx::Error::Decode(error.into()))?;
    let mut range = Range {
        from: ends[0].to_cell(),
        to: ends[1].to_cell(),
        buckets: Vec::new(),
        outside: u64::try_from(row.try_get::<i64, _>(1)?).unwrap_or_default(),
    };
    let (Some(least), Some(greatest)) = (microseconds(&ends[0]), microseconds(&ends[1])) else {
        return Ok((range, nulls));
    };
    let is_date = column.codec == Codec::Date;
    let bounds: Vec<Bound> = bounds(least, greatest, is_date)
        .into_iter()
        .map(|at| {
            let cell = value(&column.codec, at).to_cell();
            let compared = match &cell {
                Cell::Text(text) => text.to_string(),
                other => other.to_json(),
            };
            Bound {
                text: Some(compared.clone()),
                compared,
                cell,
            }
        })
        .collect();
    let (buckets, outside) = subject
        .buckets(connection, &bounds, &column.sql_type, is_finite)
        .await?;
    range.buckets = buckets;
    range.outside += outside;
    Ok((range, nulls))
}

/// Since 2000; of a date, to its beginning. Wider than any type's, so that nothing overflows.
fn microseconds(datum: &Datum) -> Option<i128> {
    match datum {
        Datum::Date(days) => Some(i128::from(*days) * i128::from(DAY)),
        Datum::Timestamp(time) | Datum::TimestampTz(time) => Some(i128::from(*time)),
        _ => None,
    }
}

/// The first moment that a timestamp can be, and the first one that it can't be any more.
const FIRST: i128 = -211_813_488_000_000_000;
const BEYOND: i128 = 9_223_371_331_200_000_000;

/// The first day that a date can be, and the first one that it can't be any more.
const FIRST_DAY: i128 = -2_451_545;
const BEYOND_DAYS: i128 = 2_145_031_949;

/// The value of such a column at that moment, or the nearest that its type has; beyond its last
/// one, infinity.
fn value(codec: &Codec, at: i128) -> Datum {
    match codec {
        Codec::Date => {
            let day = at.div_euclid(i128::from(DAY)).max(FIRST_DAY);
            let day = i32::try_from(day).ok().filter(|_| day < BEYOND_DAYS);
            Datum::Date(day.unwrap_or(i32::MAX))
        }
        _ => {
            let time = at.max(FIRST);
            let time = i64::try_from(time).ok().filter(|_| time < BEYOND);
            let time = time.unwrap_or(i64::MAX);
            match codec {
                Codec::Timestamp => Datum::Timestamp(time),
                _ => Datum::TimestampTz(time),
            }
        }
    }
}

/// Where buckets begin that hold all from the least to the greatest, and where the last ends.
fn bounds(least: i128, greatest: i128, is_date: bool) -> Vec<i128> {
    let step = step(greatest - least, is_date);
    let mut bounds = vec![step.begin(least)];
    while let Some(last) = bounds.last()
        && *last <= greatest
    {
        bounds.push(step.after(*last));
    }
    bounds
}

/// The shortest length of which such a range has few enough.
fn step(range: i128, is_date: bool) -> Step {
    let is_enough = |length: i64| range <= i128::from(length) * i128::from(LENGTHS - 1);
    for length in FIXED {
        if is_enough(length) && (!is_date || length == DAY) {
            return Step::Fixed(length, 0);
        }
    }
    if is_enough(7 * DAY) {
        return Step::Fixed(7 * DAY, MONDAY);
    }
    let mut years = 1;
    for months in [1, 3] {
        if is_enough(months * 28 * DAY) {
            return Step::Months(months);
        }
    }
    loop {
        for times in [1, 2, 5] {
            if range <= i128::from(years * times) * i128::from(365 * DAY) * i128::from(LENGTHS - 1)
            {
                return Step::Months(12 * years * times);
            }
        }
        years *= 10;
    }
}

impl Step {
    /// The beginning of the bucket that a moment is in.
    fn begin(self, at: i128) -> i128 {
        match self {
            Self::Fixed(length, from) => {
                let (length, from) = (i128::from(length), i128::from(from));
                (at - from).div_euclid(length) * length + from
            }
            Self::Months(months) => {
                let month = calendar::month_of(day(at)).div_euclid(months) * months;
                i128::from(calendar::first_day(month)) * i128::from(DAY)
            }
        }
    }

    /// The end of the bucket that begins then.
    fn after(self, begin: i128) -> i128 {
        match self {
            Self::Fixed(length, _) => begin + i128::from(length),
            Self::Months(months) => {
                let month = calendar::month_of(day(begin)) + months;
                i128::from(calendar::first_day(month)) * i128::from(DAY)
            }
        }
    }
}

/// The day of a moment that a type of PostgreSQL has, or near one.
fn day(at: i128) -> i64 {
    i64::try_from(at.div_euclid(i128::from(DAY))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::MAX_BUCKETS;

    #[test]
    fn lengths_are_those_of_clocks_and_calendars() {
        let step = |length: i64, is_date| step(i128::from(length), is_date);
        assert_eq!(step(0, false), Step::Fixed(1, 0));
        assert_eq!(step(10 * MINUTE, false), Step::Fixed(30 * SECOND, 0));
        assert_eq!(step(DAY, false), Step::Fixed(HOUR, 0));
        assert_eq!(step(0, true), Step::Fixed(DAY, 0));
        assert_eq!(step(30 * DAY, false), Step::Fixed(DAY, 0));
        assert_eq!(step(60 * DAY, true), Step::Fixed(7 * DAY, MONDAY));
        assert_eq!(step(365 * DAY, true), Step::Months(1));
        assert_eq!(step(5 * 365 * DAY, true), Step::Months(3));
        assert_eq!(step(30 * 365 * DAY, true), Step::Months(12));
        assert_eq!(step(100 * 365 * DAY, true), Step::Months(60));
    }

    #[test]
    fn buckets_begin_where_their_unit_does() {
        let date = |at| match value(&Codec::Date, at) {
            Datum::Date(days) => calendar::date_text(days),
            _ => String::new(),
        };
        let texts = |from: i64, to: i64| -> Vec<String> {
            let all = bounds(i128::from(from * DAY), i128::from(to * DAY), true);
            all.into_iter().map(date).collect()
        };
        assert_eq!(texts(0, 1), ["2000-01-01", "2000-01-02", "2000-01-03"]);
        assert_eq!(texts(3, 60)[..2], ["2000-01-03", "2000-01-10"]);
        assert_eq!(texts(45, 400)[..2], ["2000-02-01", "2000-03-01"]);
        assert_eq!(texts(-45, 1500)[0], "1999-10-01");
        assert_eq!(texts(-1, 10_000)[0], "1999-01-01");
    }

    #[test]
    fn any_range_has_few_enough_buckets() {
        let ends = [
            FIRST,
            -7,
            0,
            1,
            999,
            86_400_000_000,
            31_556_952_000_000,
            BEYOND - 1,
        ];
        for least in ends {
            for length in 0..63 {
                let greatest = (least + (1_i128 << length)).min(BEYOND - 1);
                if greatest < least {
                    continue;
                }
                for is_date in [false, true] {
                    let bounds = bounds(least, greatest, is_date);
                    assert!(
                        (2..=MAX_BUCKETS + 1).contains(&bounds.len()),
                        "{least} {greatest}"
                    );
                    assert!(bounds.is_sorted() && bounds[0] <= least);
                    assert!(bounds[bounds.len() - 1] > greatest);
                }
            }
        }
        let dates = bounds(
            i128::from(i32::MIN) * i128::from(DAY),
            i128::from(i32::MAX) * i128::from(DAY),
            true,
        );
        assert!(dates.len() <= MAX_BUCKETS + 1);
    }
}
