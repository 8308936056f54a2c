//! Comparisons with a time that moves with the database's clock.
//!
//! What such a comparison says of a row changes once at most: when the moving time reaches the
//! row's. Moments are in microseconds since 1970.

use crate::datum::{Codec, Datum};

/// A comparison of a column with the present, or with a time at a distance from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moving {
    /// How.
    pub comparison: MovingComparison,
    /// With what.
    pub distance: Distance,
}

/// How a column is compared with a moving time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MovingComparison {
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
}

/// How far from the present, in what the column's type counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distance {
    /// From the moment: for columns of timestamps.
    Seconds(i64),
    /// From the day in UTC: for columns of dates.
    Days(i64),
}

/// From 1970 to 2000, where PostgreSQL begins to count, in microseconds.
const EPOCH: i64 = 946_684_800_000_000;

/// A day in microseconds.
const DAY: i64 = 86_400_000_000;

/// A second in microseconds.
const SECOND: i64 = 1_000_000;

impl MovingComparison {
    /// Whether it turns for a row when the moving time is the row's, and not just after.
    pub fn turns_at(self) -> bool {
        matches!(self, Self::Greater | Self::LessOrEqual)
    }
}

impl Moving {
    /// What a column of this type is compared with at a moment; `None` if that is no time.
    pub fn value_at(self, codec: &Codec, moment: i64) -> Option<Datum> {
        let moment = moment.checked_sub(EPOCH)?;
        match (self.distance, codec) {
            (Distance::Seconds(seconds), Codec::TimestampTz | Codec::Timestamp) => {
                let time = moment.checked_add(seconds.checked_mul(SECOND)?)?;
                Some(match codec {
                    Codec::Timestamp => Datum::Timestamp(time),
                    _ => Datum::TimestampTz(time),
                })
            }
            (Distance::Days(days), Codec::Date) => {
                let day = moment.div_euclid(DAY).checked_add(days)?;
                Some(Datum::Date(day.try_into().ok()?))
            }
            _ => None,
        }
    }

    /// The moment from which on it says the other thing of a value. `None` if it never does.
    pub fn turns_for(self, value: &Datum) -> Option<i64> {
        let later = i64::from(!self.comparison.turns_at());
        match (self.distance, value) {
            (Distance::Seconds(seconds), Datum::TimestampTz(time) | Datum::Timestamp(time))
                if *time != i64::MIN && *time != i64::MAX =>
            {
                time.checked_sub(seconds.checked_mul(SECOND)?)?
                    .checked_add(EPOCH + later)
            }
            // A date is reached when its day begins, and passed when the next one does.
            (Distance::Days(days), Datum::Date(day)) if *day != i32::MIN && *day != i32::MAX => {
                i64::from(*day)
                    .checked_sub(days)?
                    .checked_add(later)?
                    .checked_mul(DAY)?
                    .checked_add(EPOCH)
            }
            _ => None,
        }
    }
}
